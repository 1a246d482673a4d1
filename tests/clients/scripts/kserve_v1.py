"""KServe's REST client, version 1 of the protocol."""

import asyncio
import json
import sys

import httpx
from kserve import InferenceRESTClient, RESTConfig

given = json.load(sys.stdin)
HEADERS = {"Authorization": f"Bearer {given['key']}"}


async def refused(call):
    try:
        await call
    except httpx.HTTPStatusError as fault:
        return {"status": fault.response.status_code, "message": str(fault)}
    return None


async def main():
    client = InferenceRESTClient(RESTConfig(protocol="v1", retries=0, timeout=60))
    url = given["url"]
    told = {}
    answers = {
        "live": await client.is_server_live(url),
        "ready": await client.is_model_ready(url, "people", headers=HEADERS),
        "rows": await client.infer(
            url, {"instances": given["rows"]}, model_name="people", headers=HEADERS, response_headers=told
        ),
        "columns": await client.infer(url, {"inputs": given["columns"]}, model_name="people", headers=HEADERS),
        "bad row": await refused(
            client.infer(url, {"instances": [{"age": "old"}]}, model_name="people", headers=HEADERS)
        ),
        "no model": await refused(
            client.infer(url, {"instances": given["rows"]}, model_name="nobody", headers=HEADERS)
        ),
        "explain": await client.explain(url, "people", {"instances": given["rows"]}, headers=HEADERS),
        "version": told.get("x-modelyard-version"),
    }
    await client.close()
    return answers


print(json.dumps(asyncio.run(main())))
