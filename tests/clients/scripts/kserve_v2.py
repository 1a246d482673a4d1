"""`kserve`'s clients of version 2, REST and gRPC, as they are installed."""

import asyncio
import json
import sys

import httpx
from kserve import InferenceGRPCClient, InferenceRESTClient, InferInput, InferRequest, RESTConfig

given = json.load(sys.stdin)
headers = {"Authorization": f"Bearer {given['key']}"}


def make_request(binary=False):
    ages = InferInput("age", [2], "FP64", data=[41.0, 22.5])
    cities = InferInput("city", [2], "BYTES", data=["Wien", "Berlin"])
    if binary:
        import numpy

        ages.set_data_from_numpy(numpy.array([41.0, 22.5]), binary_data=True)
        cities.set_data_from_numpy(numpy.array(["Wien", "Berlin"], dtype=object), binary_data=True)
    return InferRequest(model_name="people", infer_inputs=[ages, cities], request_id="r-1")


def read(response):
    outputs = {output.name: output for output in response.outputs}
    return {
        "model": [response.model_name, response.id],
        "labels": [
            value.decode() if isinstance(value, bytes) else value for value in outputs["label"].as_numpy().tolist()
        ],
        "probabilities": outputs["probabilities"].as_numpy().reshape(2, 2).tolist(),
    }


async def main():
    client, base = InferenceRESTClient(RESTConfig(protocol="v2")), given["url"]
    found = {
        "live": await client.is_server_live(base),
        "ready": await client.is_server_ready(base),
        "model_ready": await client.is_model_ready(base, "people", headers=headers),
        "json": read(await client.infer(base, make_request(), model_name="people", headers=headers)),
        "binary": read(await client.infer(base, make_request(binary=True), model_name="people", headers=headers)),
    }
    try:
        await client.infer(base, make_request(), model_name="nobody", headers=headers)
    except httpx.HTTPStatusError as fault:
        found["refused"] = [fault.response.status_code, str(fault)]
    await client.close()
    caller = InferenceGRPCClient(given["address"])
    metadata = [("authorization", f"Bearer {given['key']}")]
    found["grpc"] = read(await caller.infer(make_request(), headers=metadata))
    found["grpc_ready"] = [
        await caller.is_server_live(),
        await caller.is_server_ready(),
        await caller.is_model_ready("people", headers=metadata),
    ]
    await caller.close()
    return found


print(json.dumps(asyncio.run(main())))
