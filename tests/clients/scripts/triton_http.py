"""`tritonclient.http`, as it is installed: everything that its documentation shows of a model of a table."""

import json
import sys

import numpy as np
import tritonclient.http as triton
from tritonclient.utils import InferenceServerException

given = json.load(sys.stdin)
headers = {
    "Authorization": f"Bearer {given['key']}"
}  # a copy goes to each call: the client writes into what it is given
client = triton.InferenceServerClient(given["address"], concurrency=4)


def make_inputs(ages, cities, binary):
    age = triton.InferInput("age", [len(ages)], "FP64")
    age.set_data_from_numpy(np.array(ages, dtype=np.float64), binary_data=binary)
    city = triton.InferInput("city", [len(cities), 1], "BYTES")
    city.set_data_from_numpy(np.array(cities, dtype=object).reshape(-1, 1), binary_data=binary)
    return [age, city]


def make_unknown_input():
    size = triton.InferInput("size", [1], "FP32")
    size.set_data_from_numpy(np.array([1.0], dtype=np.float32))
    return [size]


def read(result):
    return {
        "label": [value.decode() if isinstance(value, bytes) else value for value in result.as_numpy("label").tolist()],
        "probabilities": result.as_numpy("probabilities").tolist(),
        "score": result.as_numpy("score").tolist(),
    }


def refusal(call, *arguments, **options):
    try:
        call(*arguments, **options)
    except InferenceServerException as fault:
        return [fault.status(), fault.message()]
    raise SystemExit("the call was not refused")


rows = ([41.0, 22.5, float("nan")], ["Wien", "Berlin", "Paris"])
found = {
    "live": client.is_server_live(),
    "ready": client.is_server_ready(),
    "model_ready": client.is_model_ready("people", headers=dict(headers)),
    "unknown_ready": client.is_model_ready("nobody", headers=dict(headers)),
    "server": client.get_server_metadata(),
    "model": client.get_model_metadata("people", headers=dict(headers)),
    "version": client.get_model_metadata("people", "1", headers=dict(headers))["versions"],
    "config": client.get_model_config("people", headers=dict(headers)),
}
for name, binary in (("binary", True), ("json", False)):
    found[name] = read(client.infer("people", make_inputs(*rows, binary), headers=dict(headers), request_id="r-1"))
    outputs = [triton.InferRequestedOutput(name, binary_data=binary) for name in ("probabilities", "label", "score")]
    result = client.infer(
        "people", make_inputs(*rows, binary), model_version="1", outputs=outputs, headers=dict(headers)
    )
    found[f"{name}_outputs"] = read(result)
result = client.infer(
    "people", make_inputs(*rows, True), model_version="champion", headers=dict(headers), request_id="r-2"
)
found["response"] = {name: result.get_response()[name] for name in ("model_name", "model_version", "id")}
for encoding in ("gzip", "deflate"):
    many = make_inputs([float(age) for age in range(300)], ["Wien"] * 300, True)
    plain = client.infer("people", many, headers=dict(headers))
    squeezed = client.infer(
        "people",
        many,
        headers=dict(headers),
        request_compression_algorithm=encoding,
        response_compression_algorithm=encoding,
    )
    found[encoding] = read(plain) == read(squeezed) and len(read(squeezed)["label"]) == 300
asked = client.async_infer("people", make_inputs(*rows, True), headers=dict(headers))
found["async"] = read(asked.get_result())
best = triton.InferRequestedOutput("probabilities", class_count=1)
classes = client.infer("people", make_inputs(*rows, True), outputs=[best], headers=dict(headers)).as_numpy(
    "probabilities"
)
found["classes"] = [value.decode() for value in classes.reshape(-1).tolist()]
found["stats"] = client.get_inference_statistics("people", "1", headers=dict(headers))
found["all_stats"] = len(client.get_inference_statistics(headers=dict(headers))["model_stats"])
found["index"] = client.get_model_repository_index(headers=dict(headers))
found["refused"] = {
    "load": refusal(client.load_model, "people", headers=dict(headers)),
    "trace": refusal(client.get_trace_settings, "people", headers=headers),
    "log": refusal(client.get_log_settings, headers=headers),
    "memory": refusal(client.get_system_shared_memory_status, headers=headers),
    "unload": refusal(client.unload_model, "people", headers=dict(headers)),
    "no_key": refusal(client.infer, "people", make_inputs(*rows, True)),
    "nobody": refusal(client.infer, "nobody", make_inputs(*rows, True), headers=dict(headers)),
    "version": refusal(client.infer, "people", make_inputs(*rows, True), model_version="9", headers=dict(headers)),
    "column": refusal(client.infer, "people", make_unknown_input(), headers=dict(headers)),
    "timeout": refusal(client.infer, "people", make_inputs(*rows, True), timeout=1, headers=dict(headers)),
}
image = triton.InferInput("image", [1], "BYTES")
image.set_data_from_numpy(np.array([bytes.fromhex(given["image"])], dtype=object))
found["encoded"] = client.infer("pictures", [image], headers=dict(headers)).as_numpy("label").tolist()[0].decode()
pixels = triton.InferInput("image", [2, 4, 4, 3], "UINT8")
pixels.set_data_from_numpy(np.stack([np.full((4, 4, 3), grey, dtype=np.uint8) for grey in (10, 240)]))
found["pixels"] = [
    value.decode() for value in client.infer("pictures", [pixels], headers=dict(headers)).as_numpy("label")
]
matrix = triton.InferInput("rows", [2, 2], "FP32")
matrix.set_data_from_numpy(np.array([[1.5, 2.5], [3.0, 4.0]], dtype=np.float32))
found["matrix"] = client.infer("measures", [matrix], headers=dict(headers)).as_numpy("value").tolist()
client.close()
print(json.dumps(found))
