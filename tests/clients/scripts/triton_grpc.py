"""`tritonclient.grpc`, as it is installed."""

import json
import queue
import sys

import numpy as np
import tritonclient.grpc as triton
from tritonclient.utils import InferenceServerException

given = json.load(sys.stdin)
headers = {"authorization": f"Bearer {given['key']}"}
client = triton.InferenceServerClient(given["address"])


def make_inputs(ages, cities):
    age = triton.InferInput("age", [len(ages)], "FP64")
    age.set_data_from_numpy(np.array(ages, dtype=np.float64))
    city = triton.InferInput("city", [len(cities), 1], "BYTES")
    city.set_data_from_numpy(np.array(cities, dtype=object).reshape(-1, 1))
    return [age, city]


def make_unknown_input():
    size = triton.InferInput("size", [1], "FP32")
    size.set_data_from_numpy(np.array([1.0], dtype=np.float32))
    return [size]


def read(result):
    return {
        "label": [value.decode() for value in result.as_numpy("label").tolist()],
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
    "model_ready": client.is_model_ready("people", headers=headers),
    "unknown_ready": client.is_model_ready("nobody", headers=headers),
    "server": client.get_server_metadata(as_json=True),
    "model": client.get_model_metadata("people", headers=headers, as_json=True),
    "config": client.get_model_config("people", headers=headers, as_json=True)["config"],
}
found["infer"] = read(client.infer("people", make_inputs(*rows), headers=headers, request_id="r-1"))
outputs = [triton.InferRequestedOutput(name) for name in ("probabilities", "label", "score")]
options = {"model_version": "champion", "outputs": outputs, "request_id": "r-2", "headers": {"x-api-key": given["key"]}}
result = client.infer("people", make_inputs(*rows), **options, client_timeout=20, parameters={"a": 1, "b": "c"})
found["outputs"] = read(result)
response = result.get_response()
found["response"] = {"model_name": response.model_name, "model_version": response.model_version, "id": response.id}
for encoding in ("gzip", "deflate"):
    result = client.infer("people", make_inputs(*rows), headers=headers, compression_algorithm=encoding)
    found[encoding] = read(result)
done = queue.Queue()
client.async_infer("people", make_inputs(*rows), lambda result, error: done.put((result, error)), headers=headers)
result, error = done.get(timeout=60)
found["async"] = read(result) if error is None else str(error)
streamed = queue.Queue()
client.start_stream(lambda result, error: streamed.put((result, error)), headers=headers)
for name in ("people", "nobody", "people"):
    client.async_stream_infer(name, make_inputs(*rows), request_id=f"s-{name}", enable_empty_final_response=True)
client.stop_stream()
found["streamed"] = [
    read(result) if error is None else error.message() for result, error in (streamed.get(timeout=60) for _ in range(3))
]
best = triton.InferRequestedOutput("probabilities", class_count=1)
classes = client.infer("people", make_inputs(*rows), outputs=[best], headers=headers).as_numpy("probabilities")
found["classes"] = [value.decode() for value in classes.reshape(-1).tolist()]
found["stats"] = client.get_inference_statistics("people", "1", headers=headers, as_json=True)
found["all_stats"] = len(client.get_inference_statistics(headers=headers).model_stats)
found["index"] = client.get_model_repository_index(headers=headers, as_json=True)["models"]
found["refused"] = {
    "load": refusal(client.load_model, "people", headers=headers),
    "trace": refusal(client.get_trace_settings, "people", headers=headers),
    "log": refusal(client.get_log_settings, headers=headers),
    "memory": refusal(client.get_system_shared_memory_status, headers=headers),
    "unload": refusal(client.unload_model, "people", headers=headers),
    "no_key": refusal(client.infer, "people", make_inputs(*rows)),
    "reader": refusal(
        client.infer, "people", make_inputs(*rows), headers={"authorization": f"Bearer {given['reader']}"}
    ),
    "nobody": refusal(client.infer, "nobody", make_inputs(*rows), headers=headers),
    "version": refusal(client.infer, "people", make_inputs(*rows), model_version="9", headers=headers),
    "column": refusal(client.infer, "people", make_unknown_input(), headers=headers),
    "timeout": refusal(client.infer, "people", make_inputs(*rows), timeout=1, headers=headers),
}
image = triton.InferInput("image", [1], "BYTES")
image.set_data_from_numpy(np.array([bytes.fromhex(given["image"])], dtype=object))
found["encoded"] = client.infer("pictures", [image], headers=headers).as_numpy("label").tolist()[0].decode()
matrix = triton.InferInput("rows", [2, 2], "FP32")
matrix.set_data_from_numpy(np.array([[1.5, 2.5], [3.0, 4.0]], dtype=np.float32))
found["matrix"] = client.infer("measures", [matrix], headers=headers).as_numpy("value").tolist()
client.close()
print(json.dumps(found))
