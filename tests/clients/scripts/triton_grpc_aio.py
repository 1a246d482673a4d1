"""`tritonclient.grpc.aio`, as it is installed."""

import asyncio
import json
import sys

import numpy as np
import tritonclient.grpc.aio as triton

given = json.load(sys.stdin)
headers = {"authorization": f"Bearer {given['key']}"}


def make_inputs(age):
    ages = triton.InferInput("age", [1], "FP64")
    ages.set_data_from_numpy(np.array([age]))
    cities = triton.InferInput("city", [1], "BYTES")
    cities.set_data_from_numpy(np.array(["Wien"], dtype=object))
    return [ages, cities]


async def main():
    async with triton.InferenceServerClient(given["address"]) as client:
        results = await asyncio.gather(
            *(client.infer("people", make_inputs(age), headers=headers) for age in given["ages"])
        )

        async def requests():
            for age in given["ages"]:
                yield {"model_name": "people", "inputs": make_inputs(age)}

        streamed = []
        async for result, error in client.stream_infer(requests(), headers=headers):
            streamed.append(str(error) if error else result.as_numpy("probabilities")[0].tolist())
        return {
            "streamed": streamed,
            "ready": await client.is_model_ready("people", headers=headers),
            "server": (await client.get_server_metadata()).name,
            "stats": (await client.get_inference_statistics("people", headers=headers)).model_stats[0].name,
            "index": [line.name for line in (await client.get_model_repository_index(headers=headers)).models],
            "probabilities": [result.as_numpy("probabilities")[0].tolist() for result in results],
        }


print(json.dumps(asyncio.run(main())))
