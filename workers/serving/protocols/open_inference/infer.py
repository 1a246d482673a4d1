"""`infer`: from a body of JSON, of JSON and raw tensors, or of one raw tensor, to the call; and back."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import orjson

from workers.serving.call import Call
from workers.serving.models.loaded import Predictions
from workers.serving.problems import bad_request
from workers.serving.protocols.intervals import read_level
from workers.serving.protocols.json_body import read_json_object
from workers.serving.protocols.open_inference.binary_tensors import Raw, read_raw_tensor, split_body
from workers.serving.protocols.open_inference.compression import compress_as_asked
from workers.serving.protocols.open_inference.datatypes import BYTES, DTYPES, KINDS, check_datatype, fault_of
from workers.serving.protocols.open_inference.json_tensors import read_json_tensor
from workers.serving.protocols.open_inference.outputs import (
    OutputTensor,
    Wanted,
    make_bounds,
    make_tensors,
    read_wanted,
)
from workers.serving.protocols.open_inference.tensors import Tensor, check_shape, take_tensors

HEADER_LENGTH = b"inference-header-content-length"
OCTETS = b"application/octet-stream"
MICROSECONDS = 1e6
WANTED = '"inputs" (a list of tensors)'


@dataclass(frozen=True, slots=True)
class Request:
    """What of a request is needed for the answer. `level` is that of the intervals, where they are asked for."""

    id: str | None
    wanted: tuple[Wanted, ...]
    level: float | None = None
    binary: bool = False


def read_infer(call: Call) -> None:
    said = call.exchange.headers.get(HEADER_LENGTH)
    if said == b"0":
        _read_raw_request(call)
        return
    head, raw = (call.body, None) if said is None else _split(call.body, said)
    body = read_json_object(head, WANTED)
    inputs = body.get("inputs")
    if not isinstance(inputs, list) or not inputs:
        raise bad_request('"inputs" must be a list of at least one tensor')
    encoded = call.model.takes_images
    tensors = [_read_tensor(tensor, index, raw, encoded=encoded) for index, tensor in enumerate(inputs)]
    if raw is not None:
        raw.check_end()
    take_tensors(call, tensors)
    call.encode = partial(encode_infer, call, read_request(call, body))


def _split(body: bytes, said: bytes) -> tuple[bytes, Raw]:
    head, rest = split_body(body, said)
    return head, Raw(rest)


def _read_tensor(tensor: object, index: int, raw: Raw | None, *, encoded: bool) -> Tensor:
    if not isinstance(tensor, dict) or not isinstance(tensor.get("name"), str):
        raise bad_request(f"inputs[{index}]: must be an object with name, shape, datatype and data")
    name = tensor["name"]
    datatype, shape = check_datatype(name, tensor.get("datatype")), check_shape(name, tensor.get("shape"))
    parameters = tensor.get("parameters") or {}
    if not isinstance(parameters, dict):
        raise fault_of(name, "the parameters must be an object")
    if "shared_memory_region" in parameters:
        raise fault_of(name, "shared memory is not offered; send the tensor as binary data")
    if "binary_data_size" not in parameters:
        return read_json_tensor(name, datatype, shape, tensor.get("data"), encoded=encoded)
    if "data" in tensor:
        raise fault_of(name, "has data and binary_data_size; send one of them")
    if raw is None:
        raise fault_of(name, "is binary, but the header Inference-Header-Content-Length is missing")
    return read_raw_tensor(name, datatype, shape, raw.take(name, parameters["binary_data_size"]))


def _read_raw_request(call: Call) -> None:
    """A body that is nothing but the raw tensor of the only input; all outputs come back binary."""
    sole = call.model.sole_input
    if sole is None:
        names = ", ".join(item.name for item in call.model.signature.inputs)
        raise bad_request(f"a raw request (header length 0) is for models of one input; this one takes {names}")
    datatype = KINDS.get(sole.kind, BYTES)
    if datatype == BYTES:
        tensor = Tensor(sole.name, BYTES, (1,), [call.body])
    else:
        shape = check_shape(sole.name, [len(call.body) // DTYPES[datatype].itemsize])
        tensor = read_raw_tensor(sole.name, datatype, shape, call.body)
    take_tensors(call, [tensor])
    wanted = read_wanted(None, call.model.signature.output, binary=True)
    call.encode = partial(encode_infer, call, Request(None, wanted))


def read_request(call: Call, body: Mapping[str, Any]) -> Request:
    """Return what the answer needs of the id, parameters and outputs of a request; heed its timeout."""
    given_id, parameters = body.get("id"), body.get("parameters") or {}
    if given_id is not None and not isinstance(given_id, str):
        raise bad_request('"id" must be a text')
    if not isinstance(parameters, dict):
        raise bad_request('"parameters" must be an object')
    heed_timeout(call, parameters.get("timeout"))
    binary = parameters.get("binary_data_output", False)
    if type(binary) is not bool:
        raise bad_request("binary_data_output must be true or false")
    wanted = read_wanted(body.get("outputs"), call.model.signature.output, binary=binary)
    return Request(given_id, wanted, read_level(call.model, parameters), binary)


def heed_timeout(call: Call, timeout: object) -> None:
    """A caller may ask for less patience than the predictor's own, in microseconds; 0 asks for none in particular."""
    if timeout is None or timeout == 0:
        return
    if type(timeout) is not int or timeout < 0:
        raise bad_request(f"the timeout must be a whole number of microseconds, got {str(timeout)[:40]}")
    call.deadline = min(call.deadline, call.exchange.started + timeout / MICROSECONDS)


# -- the answer


def encode_infer(call: Call, request: Request, predictions: Predictions) -> bytes:
    tensors = make_tensors(request.wanted, call.model.signature.output, predictions)
    if request.level is not None:
        tensors += make_bounds(request.level, predictions, binary=request.binary)
    raws = [tensor.raw() for tensor in tensors if tensor.wanted.binary]
    sizes = iter([len(raw) for raw in raws])
    answer: dict[str, Any] = {"model_name": call.access.endpoint.name, "model_version": str(call.served.version)}
    if request.id is not None:
        answer["id"] = request.id
    answer["outputs"] = [_describe(tensor, sizes) for tensor in tensors]
    content = orjson.dumps(answer, option=orjson.OPT_SERIALIZE_NUMPY)
    if raws:
        call.media_type = OCTETS
        call.head_lines += b"%b: %d\r\n" % (HEADER_LENGTH, len(content))
        content = b"".join((content, *raws))
    return compress_as_asked(call, content)


def _describe(tensor: OutputTensor, sizes: Iterator[int]) -> dict[str, Any]:
    described: dict[str, Any] = {"name": tensor.wanted.name, "datatype": tensor.datatype, "shape": tensor.shape}
    if tensor.wanted.binary:
        return {**described, "parameters": {"binary_data_size": next(sizes)}}
    return {**described, "data": tensor.flat()}
