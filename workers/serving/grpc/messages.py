"""The messages of the service `inference.GRPCInferenceService`, made from a table of names, numbers and types.

The names and numbers are the protocol's; clients made from any copy of it understand each other.
"""

from typing import Any

from google.protobuf.descriptor_pb2 import DescriptorProto, FieldDescriptorProto, FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

PACKAGE = "inference"
SERVICE = f"{PACKAGE}.GRPCInferenceService"

Fields = dict[str, tuple[int, str]]
"""Name to number and type. `[]` in front of a type repeats it, `{}` maps texts to it, `?` makes it one of several."""

NAME_AND_VERSION: Fields = {"name": (1, "string"), "version": (2, "string")}
TENSOR_METADATA: Fields = {"name": (1, "string"), "datatype": (2, "string"), "shape": (3, "[]int64")}
TENSOR: Fields = {
    "name": (1, "string"),
    "datatype": (2, "string"),
    "shape": (3, "[]int64"),
    "parameters": (4, "{}InferParameter"),
    "contents": (5, "InferTensorContents"),
}
COMPUTING: Fields = {
    "compute_input": (2, "StatisticDuration"),
    "compute_infer": (3, "StatisticDuration"),
    "compute_output": (4, "StatisticDuration"),
}
CONTROL: Fields = {"repository_name": (1, "string"), "model_name": (2, "string")}
TABLE: dict[str, Fields] = {
    "ServerLiveRequest": {},
    "ServerLiveResponse": {"live": (1, "bool")},
    "ServerReadyRequest": {},
    "ServerReadyResponse": {"ready": (1, "bool")},
    "ModelReadyRequest": NAME_AND_VERSION,
    "ModelReadyResponse": {"ready": (1, "bool")},
    "ServerMetadataRequest": {},
    "ServerMetadataResponse": {"name": (1, "string"), "version": (2, "string"), "extensions": (3, "[]string")},
    "ModelMetadataRequest": NAME_AND_VERSION,
    "ModelMetadataResponse": {
        "name": (1, "string"),
        "versions": (2, "[]string"),
        "platform": (3, "string"),
        "inputs": (4, "[]ModelMetadataResponse.TensorMetadata"),
        "outputs": (5, "[]ModelMetadataResponse.TensorMetadata"),
    },
    "ModelMetadataResponse.TensorMetadata": TENSOR_METADATA,
    "InferParameter": {
        "bool_param": (1, "?bool"),
        "int64_param": (2, "?int64"),
        "string_param": (3, "?string"),
        "double_param": (4, "?double"),
        "uint64_param": (5, "?uint64"),
    },
    "InferTensorContents": {
        "bool_contents": (1, "[]bool"),
        "int_contents": (2, "[]int32"),
        "int64_contents": (3, "[]int64"),
        "uint_contents": (4, "[]uint32"),
        "uint64_contents": (5, "[]uint64"),
        "fp32_contents": (6, "[]float"),
        "fp64_contents": (7, "[]double"),
        "bytes_contents": (8, "[]bytes"),
    },
    "ModelInferRequest": {
        "model_name": (1, "string"),
        "model_version": (2, "string"),
        "id": (3, "string"),
        "parameters": (4, "{}InferParameter"),
        "inputs": (5, "[]ModelInferRequest.InferInputTensor"),
        "outputs": (6, "[]ModelInferRequest.InferRequestedOutputTensor"),
        "raw_input_contents": (7, "[]bytes"),
    },
    "ModelInferRequest.InferInputTensor": TENSOR,
    "ModelInferRequest.InferRequestedOutputTensor": {"name": (1, "string"), "parameters": (2, "{}InferParameter")},
    "ModelInferResponse": {
        "model_name": (1, "string"),
        "model_version": (2, "string"),
        "id": (3, "string"),
        "parameters": (4, "{}InferParameter"),
        "outputs": (5, "[]ModelInferResponse.InferOutputTensor"),
        "raw_output_contents": (6, "[]bytes"),
    },
    "ModelInferResponse.InferOutputTensor": TENSOR,
    "ModelStreamInferResponse": {"error_message": (1, "string"), "infer_response": (2, "ModelInferResponse")},
    "ModelConfigRequest": NAME_AND_VERSION,
    "ModelConfigResponse": {"config": (1, "ModelConfig")},
    "ModelConfig": {
        "name": (1, "string"),
        "platform": (2, "string"),
        "max_batch_size": (4, "int32"),
        "input": (5, "[]ModelInput"),
        "output": (6, "[]ModelOutput"),
        "backend": (17, "string"),
    },
    "ModelInput": {"name": (1, "string"), "data_type": (2, "DataType"), "dims": (4, "[]int64")},
    "ModelOutput": {"name": (1, "string"), "data_type": (2, "DataType"), "dims": (3, "[]int64")},
    "ModelStatisticsRequest": NAME_AND_VERSION,
    "ModelStatisticsResponse": {"model_stats": (1, "[]ModelStatistics")},
    "ModelStatistics": {
        "name": (1, "string"),
        "version": (2, "string"),
        "last_inference": (3, "uint64"),
        "inference_count": (4, "uint64"),
        "execution_count": (5, "uint64"),
        "inference_stats": (6, "InferStatistics"),
        "batch_stats": (7, "[]InferBatchStatistics"),
        "memory_usage": (8, "[]MemoryUsage"),
    },
    "StatisticDuration": {"count": (1, "uint64"), "ns": (2, "uint64")},
    "InferStatistics": {
        "success": (1, "StatisticDuration"),
        "fail": (2, "StatisticDuration"),
        "queue": (3, "StatisticDuration"),
        "compute_input": (4, "StatisticDuration"),
        "compute_infer": (5, "StatisticDuration"),
        "compute_output": (6, "StatisticDuration"),
        "cache_hit": (7, "StatisticDuration"),
        "cache_miss": (8, "StatisticDuration"),
    },
    "InferBatchStatistics": {"batch_size": (1, "uint64"), **COMPUTING},
    "MemoryUsage": {"type": (1, "string"), "id": (2, "int64"), "byte_size": (3, "uint64")},
    "RepositoryIndexRequest": {"repository_name": (1, "string"), "ready": (2, "bool")},
    "RepositoryIndexResponse": {"models": (1, "[]RepositoryIndexResponse.ModelIndex")},
    "RepositoryIndexResponse.ModelIndex": {
        "name": (1, "string"),
        "version": (2, "string"),
        "state": (3, "string"),
        "reason": (4, "string"),
    },
    "RepositoryModelLoadRequest": CONTROL,
    "RepositoryModelLoadResponse": {},
    "RepositoryModelUnloadRequest": CONTROL,
    "RepositoryModelUnloadResponse": {},
}
DATA_TYPES = (
    "TYPE_INVALID",
    "TYPE_BOOL",
    "TYPE_UINT8",
    "TYPE_UINT16",
    "TYPE_UINT32",
    "TYPE_UINT64",
    "TYPE_INT8",
    "TYPE_INT16",
    "TYPE_INT32",
    "TYPE_INT64",
    "TYPE_FP16",
    "TYPE_FP32",
    "TYPE_FP64",
    "TYPE_STRING",
    "TYPE_BF16",
)
SCALARS = {
    "bool": FieldDescriptorProto.TYPE_BOOL,
    "bytes": FieldDescriptorProto.TYPE_BYTES,
    "double": FieldDescriptorProto.TYPE_DOUBLE,
    "float": FieldDescriptorProto.TYPE_FLOAT,
    "int32": FieldDescriptorProto.TYPE_INT32,
    "int64": FieldDescriptorProto.TYPE_INT64,
    "string": FieldDescriptorProto.TYPE_STRING,
    "uint32": FieldDescriptorProto.TYPE_UINT32,
    "uint64": FieldDescriptorProto.TYPE_UINT64,
}
PARAMETER_CHOICE = "parameter_choice"


def describe_file() -> FileDescriptorProto:
    """Return the description of all messages, as a compiler of protocol files would make it."""
    file = FileDescriptorProto(name="modelyard/open_inference.proto", package=PACKAGE, syntax="proto3")
    described: dict[str, DescriptorProto] = {}
    for name, fields in TABLE.items():
        outer, _, inner = name.rpartition(".")
        message = (described[outer].nested_type if outer else file.message_type).add(name=inner)
        described[name] = message
        for field, (number, kind) in fields.items():
            _add_field(message, f".{PACKAGE}.{name}", field, number, kind)
    data_type = file.enum_type.add(name="DataType")
    for number, value in enumerate(DATA_TYPES):
        data_type.value.add(name=value, number=number)
    return file


def _add_field(message: DescriptorProto, path: str, name: str, number: int, kind: str) -> None:
    field = message.field.add(name=name, number=number, label=FieldDescriptorProto.LABEL_OPTIONAL)
    if kind.startswith("[]"):
        field.label = FieldDescriptorProto.LABEL_REPEATED
        kind = kind[2:]
    elif kind.startswith("?"):
        if not message.oneof_decl:
            message.oneof_decl.add(name=PARAMETER_CHOICE)
        field.oneof_index = 0
        kind = kind[1:]
    elif kind.startswith("{}"):
        field.label = FieldDescriptorProto.LABEL_REPEATED
        kind = _add_entry(message, path, name, kind[2:])
    _set_type(field, kind)


def _add_entry(message: DescriptorProto, path: str, name: str, kind: str) -> str:
    """A map is a list of entries with a key and a value."""
    entry = message.nested_type.add(name=f"{name.title().replace('_', '')}Entry")
    entry.options.map_entry = True
    for number, (part, part_kind) in enumerate((("key", "string"), ("value", kind)), start=1):
        _set_type(entry.field.add(name=part, number=number, label=FieldDescriptorProto.LABEL_OPTIONAL), part_kind)
    return f"{path}.{entry.name}"


def _set_type(field: FieldDescriptorProto, kind: str) -> None:
    if kind in SCALARS:
        field.type = SCALARS[kind]
    elif kind == "DataType":
        field.type, field.type_name = FieldDescriptorProto.TYPE_ENUM, f".{PACKAGE}.{kind}"
    else:
        field.type = FieldDescriptorProto.TYPE_MESSAGE
        field.type_name = kind if kind.startswith(".") else f".{PACKAGE}.{kind}"


_POOL = DescriptorPool()
_POOL.Add(describe_file())
MESSAGES: dict[str, type[Message]] = {
    name: GetMessageClass(_POOL.FindMessageTypeByName(f"{PACKAGE}.{name}")) for name in TABLE
}


def make_message(kind: str, **fields: Any) -> bytes:
    """Return a message as it goes over the wire."""
    return MESSAGES[kind](**fields).SerializeToString()
