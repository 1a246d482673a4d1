"""Endpoints to try in a browser, made in the web server's own environment: `python manage.py shell -c …`."""

import base64
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from modelyard.accounts.models import User
from modelyard.contracts.route import Target
from modelyard.contracts.signature import Input, Output, Signature
from modelyard.endpoints import services
from modelyard.features.decoder import ClassDecoder
from modelyard.features.images import ImageFeatures
from modelyard.features.texts import TextFeatures
from modelyard.registry.services import register_run
from tests.artifacts import artifact_of, complete, make_run
from tests.serving import artifacts
from tests.serving.test_texts import build_core

GOOD, BAD = "这家店很好，我们都喜欢", "今天又坏又贵，讨厌"
SHOPS = ("bad", "good")
NAMES = tuple(f"measure {number}" for number in range(1, 16))


def publish_all(by: User) -> dict[str, str]:
    """The addresses of an endpoint of each kind, by its name."""
    makers: dict[str, Callable[[Path], Target]] = {
        "people": artifacts.write_classifier,
        "areas": lambda folder: artifacts.write_measures(folder, *NAMES),
        "reviews": write_reviews,
        "pictures": write_pictures,
    }
    return {name: publish(name, write, by) for name, write in makers.items()}


def publish(name: str, write: Callable[[Path], Any], by: User) -> str:
    workspace = by.memberships.get().workspace
    run = make_run(workspace, by, name)
    artifact_of(run).parent.mkdir(parents=True)
    write(artifact_of(run))
    version = register_run(run, complete(artifact_of(run)))
    endpoint = services.publish(workspace, name, version.model, [{"version": 1, "percent": 100}], by=by)
    return endpoint.get_absolute_url()


def write_reviews(folder: Path) -> Target:
    """Sorts Chinese texts by the characters of two of them."""
    features = TextFeatures.fit({"text": np.array([BAD, GOOD] * 4, dtype=object)}, {"text": "text"})
    signature = Signature(
        task="classification",
        inputs=(Input(name="text", kind="text", optional=False, example=f"{GOOD}，今天去了"),),
        output=Output(kind="label", name="review", labels=SHOPS),
    )
    core = build_core(features, (BAD, GOOD))
    return artifacts.write(folder, signature, features, ClassDecoder(SHOPS), core, [{"text": GOOD}, {"text": BAD}])


def write_pictures(folder: Path) -> Target:
    """Looks for light in the upper left of a picture."""
    features = ImageFeatures(height=16, width=16, channels=1)
    weights = np.zeros((16, 16))
    weights[:8, :8] = 0.001
    signature = Signature(
        task="image classification",
        inputs=(Input(name="image", kind="image", optional=False, height=16, width=16, channels=1),),
        output=Output(kind="label", name="class", labels=("dark", "light")),
    )
    core = artifacts.build_core(
        np.stack([-weights.ravel(), weights.ravel()], axis=1),
        output="probabilities",
        softmax=True,
        inputs=("image", (16, 16, 1)),
        offset=(4.0, -4.0),
    )
    golden = [artifacts.draw_image(200)]
    return artifacts.write(folder, signature, features, ClassDecoder(("dark", "light")), core, encode(golden))


def encode(pictures: list[bytes]) -> list[Any]:
    return [{"image": {"b64": base64.b64encode(picture).decode()}} for picture in pictures]
