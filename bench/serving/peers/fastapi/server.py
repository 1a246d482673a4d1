"""What a competent engineer writes in an afternoon: FastAPI, onnxruntime, a key check."""

import hashlib
import hmac
import os
import sys
from typing import Annotated

import uvicorn
from fastapi import Depends, FastAPI, Header, HTTPException
from pydantic import BaseModel

from bench.serving.peers.model import Model

DIGEST = hashlib.sha256(os.environ["BENCH_KEY"].encode()).hexdigest()
model = Model()
application = FastAPI()


class Numbers(BaseModel):
    instances: list[list[float]]


class Pixels(BaseModel):
    instances: list[list[list[list[float]]]]


class Encoded(BaseModel):
    b64: str


class Images(BaseModel):
    instances: list[Encoded]


class Answer(BaseModel):
    predictions: list[list[float]]


def check_key(authorization: Annotated[str, Header()]) -> None:
    digest = hashlib.sha256(authorization.removeprefix("Bearer ").encode()).hexdigest()
    if not hmac.compare_digest(digest, DIGEST):
        raise HTTPException(401)


@application.post("/predict", dependencies=[Depends(check_key)])
async def predict(body: Numbers) -> Answer:
    return answer(body.instances)


@application.post("/predict_pixels", dependencies=[Depends(check_key)])
async def predict_pixels(body: Pixels) -> Answer:
    return answer(body.instances)


@application.post("/predict_images", dependencies=[Depends(check_key)])
async def predict_images(body: Images) -> Answer:
    return answer([image.model_dump() for image in body.instances])


def answer(rows: list[object]) -> Answer:
    try:
        array = model.read(rows)
    except ValueError as fault:
        raise HTTPException(422, str(fault)) from fault
    return Answer(predictions=model.predict(array).tolist())


if __name__ == "__main__":
    uvicorn.run(application, port=int(sys.argv[1]), log_level="error", loop="uvloop", http="httptools")
