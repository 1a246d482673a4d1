"""Snippets are programs: they are run as pasted, against a server that writes down what came."""

import base64
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from shutil import which
from typing import Any

import pytest

from modelyard.contracts.examples import example_row
from modelyard.contracts.signature import Input, Signature
from modelyard.endpoints.snippets import Snippet, snippets_of
from tests.artifacts import HOSTILE, PEOPLE, PICTURES, PRICES

KEY = "mdy_abcdefgh_not-a-real-one"
LANGUAGES = ["curl", "requests", "urllib", "fetch"]
ODD_WORDS = [
    HOSTILE,
    "it's",
    'say "hi"',
    "back\\slash",
    "$HOME `id` $(id)",
    "%s %d %%",
    "${x}",
    "two\nlines\ttab",
    "表情 😀 عربى",
    "\u2028line",
    "</script><!--",
    "{{ braces }} {% x %}",
    "--data @/etc/passwd",
    "__proto__",
    "",
    " ",
]


class Listener(HTTPServer):
    """Answers every call as a predictor would and keeps what came."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Heard)
        self.bodies: list[Any] = []
        self.headers: list[dict[str, str]] = []
        self.url = f"http://127.0.0.1:{self.server_port}/v1/models/churn:predict"


class Heard(BaseHTTPRequestHandler):
    server: Listener

    def do_POST(self) -> None:
        content = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.bodies.append((self.path, json.loads(content)))
        self.server.headers.append({name.lower(): value for name, value in self.headers.items()})
        answer = json.dumps({"predictions": [{"label": "yes"}]}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_words: Any) -> None:
        pass


@pytest.fixture
def listener() -> Iterator[Listener]:
    with Listener() as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def run_snippet(snippet: Snippet, folder: Path) -> str:
    """Run a snippet as its reader would; returns what it printed."""
    environment = {**os.environ, "MODELYARD_KEY": KEY, "PYTHONUTF8": "1"}
    if snippet.id == "curl":
        command = ["bash", "-c", f"set -o pipefail; {snippet.code}"]
    elif snippet.id == "fetch":
        node = which("node")
        if node is None:
            pytest.skip("there is no node to run JavaScript with")
        (folder / "predict.mjs").write_text(snippet.code, encoding="utf-8")
        command = [node, "predict.mjs"]
    else:
        (folder / "predict.py").write_text(snippet.code, encoding="utf-8")
        command = [sys.executable, "predict.py"]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, timeout=60)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode()


def snippet_named(name: str, url: str, signature: Signature) -> Snippet:
    return next(snippet for snippet in snippets_of(url, signature) if snippet.id == name)


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_snippet_sends_the_example_and_the_key(language: str, listener: Listener, tmp_path: Path) -> None:
    printed = run_snippet(snippet_named(language, listener.url, PEOPLE), tmp_path)

    assert listener.bodies == [("/v1/models/churn:predict", {"instances": [example_row(PEOPLE)]})]
    assert listener.headers[0]["authorization"] == f"Bearer {KEY}"
    assert listener.headers[0]["content-type"] == "application/json"
    assert "yes" in printed


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_snippet_sends_a_photo(language: str, listener: Listener, tmp_path: Path) -> None:
    (tmp_path / "photo.jpg").write_bytes(bytes(range(256)) * 20)

    run_snippet(snippet_named(language, listener.url, PICTURES), tmp_path)

    sent = listener.bodies[0][1]["instances"][0]["image"]["b64"]
    assert base64.b64decode(sent) == bytes(range(256)) * 20


@pytest.mark.parametrize("language", LANGUAGES)
def test_strangers_words_arrive_as_they_are(language: str, listener: Listener, tmp_path: Path) -> None:
    inputs = tuple(Input(name=f"{word}{place}", kind="text", example=word) for place, word in enumerate(ODD_WORDS))
    inputs += (Input(name="__proto__", kind="number", example=-1.5e-9), Input(name="flag", kind="flag", example=True))
    signature = replace(PEOPLE, inputs=inputs)

    run_snippet(snippet_named(language, listener.url, signature), tmp_path)

    expected = {f"{word}{place}": word for place, word in enumerate(ODD_WORDS)}
    assert listener.bodies[0][1] == {"instances": [{**expected, "__proto__": -1.5e-9, "flag": True}]}


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("word", [HOSTILE, "%s\\n\"'", "__proto__"])
def test_an_image_input_with_an_odd_name(language: str, word: str, listener: Listener, tmp_path: Path) -> None:
    (tmp_path / "photo.jpg").write_bytes(b"photo")
    signature = replace(PICTURES, inputs=(replace(PICTURES.inputs[0], name=word),))

    run_snippet(snippet_named(language, listener.url, signature), tmp_path)

    assert listener.bodies[0][1] == {"instances": [{word: {"b64": base64.b64encode(b"photo").decode()}}]}


def test_columns_without_an_example_are_left_out_where_they_may_be() -> None:
    inputs = (
        Input(name="e", kind="text", example="tea"),
        Input(name="a", kind="number"),
        Input(name="b", kind="number", optional=False, minimum=3.0),
        Input(name="c", kind="category", optional=False, values=("x", "y")),
        Input(name="d", kind="flag", optional=False),
    )

    assert example_row(replace(PRICES, inputs=inputs)) == {"e": "tea", "b": 3.0, "c": "x", "d": False}


def test_without_any_example_every_column_gets_a_stand_in() -> None:
    inputs = (Input(name="a", kind="number"), Input(name="b", kind="date"))

    assert example_row(replace(PRICES, inputs=inputs)) == {"a": 0, "b": "2026-01-31"}
