"""The messages and methods of the client's own copy of the protocol: name to field to number and type."""

import json

from tritonclient.grpc import service_pb2

POOL = service_pb2.DESCRIPTOR.pool


def describe(message):
    return {
        field.name: [field.number, field.type, field.is_repeated, field.message_type and field.message_type.full_name]
        for field in message.fields
    }


def collect(message, found):
    found[message.full_name] = describe(message)
    for nested in message.nested_types:
        collect(nested, found)


found = {}
for file in (service_pb2.DESCRIPTOR, *service_pb2.DESCRIPTOR.dependencies):
    for message in file.message_types_by_name.values():
        collect(message, found)
service = POOL.FindServiceByName("inference.GRPCInferenceService")
methods = {method.name: [method.input_type.full_name, method.output_type.full_name] for method in service.methods}
types = {value.name: value.number for value in POOL.FindEnumTypeByName("inference.DataType").values}
print(json.dumps({"messages": found, "methods": methods, "types": types}))
