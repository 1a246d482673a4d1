"""`ModelInfer`: tensors of messages, typed or raw, to the call; predictions back in the form that the caller used."""

from collections.abc import Mapping
from math import prod
from typing import Any

import numpy as np

from workers.serving.call import Call
from workers.serving.grpc.messages import MESSAGES, PARAMETER_CHOICE
from workers.serving.models.loaded import Predictions
from workers.serving.problems import bad_request
from workers.serving.protocols.open_inference.binary_tensors import read_raw_tensor
from workers.serving.protocols.open_inference.datatypes import BYTES, DTYPES, FP32, FP64, check_datatype, fault_of
from workers.serving.protocols.open_inference.infer import Request, read_request
from workers.serving.protocols.open_inference.outputs import OutputTensor, make_tensors
from workers.serving.protocols.open_inference.tensors import Tensor, Values, check_shape, take_tensors

CONTENTS = {
    "BOOL": "bool_contents",
    "INT8": "int_contents",
    "INT16": "int_contents",
    "INT32": "int_contents",
    "INT64": "int64_contents",
    "UINT8": "uint_contents",
    "UINT16": "uint_contents",
    "UINT32": "uint_contents",
    "UINT64": "uint64_contents",
    FP32: "fp32_contents",
    FP64: "fp64_contents",
    BYTES: "bytes_contents",
}
"""Where the values of a datatype are in typed contents; the others come only raw."""


def read_message(call: Call, message: Any) -> Request:
    """Take the tensors of a `ModelInferRequest` into the call; return what its answer needs."""
    if not message.inputs:
        raise bad_request("the request must have at least one input")
    raws = message.raw_input_contents
    if raws and len(raws) != len(message.inputs):
        raise bad_request(f"{len(message.inputs)} inputs came, but {len(raws)} raw_input_contents; each needs one")
    take_tensors(
        call, [_read_tensor(tensor, raws[index] if raws else None) for index, tensor in enumerate(message.inputs)]
    )
    outputs = [{"name": output.name, "parameters": read_parameters(output.parameters)} for output in message.outputs]
    parameters = read_parameters(message.parameters)
    return read_request(call, {"id": message.id or None, "parameters": parameters, "outputs": outputs})


def read_parameters(parameters: Mapping[str, Any]) -> dict[str, Any]:
    found = {name: (value, value.WhichOneof(PARAMETER_CHOICE)) for name, value in parameters.items()}
    return {name: getattr(value, choice) for name, (value, choice) in found.items() if choice is not None}


def _read_tensor(tensor: Any, raw: bytes | None) -> Tensor:
    name = tensor.name
    datatype, shape = check_datatype(name, tensor.datatype), check_shape(name, list(tensor.shape))
    if "shared_memory_region" in tensor.parameters:
        raise fault_of(name, "shared memory is not offered; send the tensor itself")
    if raw is not None:
        if tensor.HasField("contents"):
            raise fault_of(name, "has contents, and the request raw_input_contents; send one of them")
        return read_raw_tensor(name, datatype, shape, raw)
    field = CONTENTS.get(datatype)
    if field is None:
        raise fault_of(name, f"{datatype} has no typed contents; send it in raw_input_contents")
    values = getattr(tensor.contents, field)
    if len(values) != prod(shape):
        raise fault_of(name, f"the shape {list(shape)} wants {prod(shape)} values in {field}, {len(values)} came")
    return Tensor(name, datatype, shape, list(values) if datatype == BYTES else _read_numbers(name, datatype, values))


def _read_numbers(name: str, datatype: str, values: Any) -> Values:
    dtype = DTYPES[datatype]
    try:
        return np.array(list(values), dtype=dtype)
    except OverflowError:  # messages have no whole numbers of 8 and 16 bits
        raise fault_of(name, f"a value is out of the range of {datatype}") from None


# -- the answer


def encode_message(call: Call, request: Request, raw: bool, predictions: Predictions) -> bytes:
    """Return a `ModelInferResponse`: raw where the tensors came raw, else typed."""
    tensors = make_tensors(request.wanted, call.model.signature.output, predictions)
    response: Any = MESSAGES["ModelInferResponse"](
        model_name=call.access.endpoint.name, model_version=str(call.served.version), id=request.id or ""
    )
    for tensor in tensors:
        output = response.outputs.add(name=tensor.wanted.name, datatype=tensor.datatype, shape=tensor.shape)
        if raw:
            response.raw_output_contents.append(tensor.raw())
        else:
            getattr(output.contents, CONTENTS[tensor.datatype]).extend(_values_of(tensor))
    return bytes(response.SerializeToString())


def _values_of(tensor: OutputTensor) -> list[Any]:
    values = tensor.flat()
    return [value.encode() for value in values] if isinstance(values, list) else values.tolist()
