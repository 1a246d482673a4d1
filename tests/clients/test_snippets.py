"""The snippets for original clients, run as pasted, against the real predictor."""

import json
import os
import re
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from modelyard.contracts.signature import Input, Output, Signature
from modelyard.endpoints.client_snippets import client_snippets_of
from modelyard.endpoints.snippets import Snippet
from tests.clients.conftest import Served
from tests.serving import artifacts
from tests.serving.conftest import ROOT, Shared

NAMES = ("boto3", "mlflow")
PEOPLE = Signature(
    task="binary classification",
    inputs=(
        Input(name="age", kind="number", example=41),
        Input(name="city", kind="category", example='it\'s "Wien"\n{x} %s \\ 表'),
    ),
    output=Output(kind="label", name="bought", labels=("no", "yes")),
)
PICTURES = replace(PEOPLE, inputs=(Input(name="image", kind="image"),))


def snippet_named(name: str, url: str, endpoint: str, signature: Signature) -> Snippet:
    return next(snippet for snippet in client_snippets_of(url, endpoint, signature) if snippet.id == name)


def run(snippet: Snippet, python: Path, folder: Path, key: str) -> str:
    (folder / "predict.py").write_text(snippet.code, encoding="utf-8")
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "MODELYARD_KEY": key, "PYTHONUTF8": "1"}
    command = [python, "predict.py"]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("name", NAMES)
def test_a_snippet_predicts_the_example(name: str, served: Shared, clients: Path, tmp_path: Path) -> None:
    example = {item.name: item.example for item in PEOPLE.inputs}
    wanted = served.predict(example).json()["predictions"]
    printed = run(snippet_named(name, served.predictor.url, "people", PEOPLE), clients, tmp_path, served.key)
    assert printed.strip() == str(wanted)


@pytest.mark.parametrize("name", NAMES)
def test_a_snippet_predicts_a_photo(name: str, served: Shared, clients: Path, tmp_path: Path) -> None:
    (tmp_path / "photo.jpg").write_bytes(artifacts.draw_image(240))
    printed = run(snippet_named(name, served.predictor.url, "pictures", PICTURES), clients, tmp_path, served.key)
    assert "'label': 'light'" in printed


def test_every_snippet_for_a_client_is_run() -> None:
    assert {snippet.id for snippet in client_snippets_of("http://localhost", "people", PEOPLE)} == set(NAMES)


def blocks_of(language: str) -> list[str]:
    page = (ROOT / "docs" / "prediction-protocols.md").read_text(encoding="utf-8")
    return re.findall(rf"```{language}\n(.*?)```", page, re.DOTALL)


@pytest.mark.parametrize("place", range(len(blocks_of("python"))))
def test_python_of_the_page_works(place: int, served: Served, clients: Path, tmp_path: Path) -> None:
    code = blocks_of("python")[place].replace("churn", "people")
    code = code.replace("http://127.0.0.1:8001", served.predictor.url)
    code = code.replace("127.0.0.1:8002", served.grpc_address)
    printed = run(Snippet(id="page", title="page", code=code), clients, tmp_path, served.key)
    prediction = served.predict({"age": 41, "city": "Wien"}).json()["predictions"][0]
    assert str(prediction["probabilities"]["no"])[:6] in printed


def test_curl_of_the_page_works(served: Shared, tmp_path: Path) -> None:
    for name in ("photo.jpg", "one.jpg", "two.png"):
        (tmp_path / name).write_bytes(artifacts.draw_image(240))
    environment = {"PATH": os.environ["PATH"], "KEY": served.key, "URL": served.predictor.url}
    lines = [line for block in blocks_of("sh") for line in block.splitlines()]
    assert lines
    for line in lines:
        command = ["bash", "-c", line.replace("pets", "pictures").replace("churn", "people")]
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True)
        if " -o " in line:
            document = json.loads((tmp_path / line.split(" -o ")[1].replace("churn", "people")).read_text())
            assert document["openapi"].startswith("3.1")
        else:
            assert '"label":"light"' in done.stdout, done.stdout
