"""The snippet for Triton's client, run as pasted, against the real predictor."""

from pathlib import Path

from modelyard.endpoints.triton_snippet import triton_snippet_of
from tests.clients.test_snippets import PEOPLE, PICTURES, run
from tests.serving import artifacts
from tests.serving.conftest import Shared


def test_the_snippet_predicts_the_example(served: Shared, clients: Path, tmp_path: Path) -> None:
    wanted = served.predict({item.name: item.example for item in PEOPLE.inputs}).json()["predictions"][0]["label"]
    snippet = triton_snippet_of(served.predictor.url, "people", PEOPLE)
    assert run(snippet, clients, tmp_path, served.key).strip() == f"[b'{wanted}']"


def test_the_snippet_predicts_a_photo(served: Shared, clients: Path, tmp_path: Path) -> None:
    (tmp_path / "photo.jpg").write_bytes(artifacts.draw_image(240))
    snippet = triton_snippet_of(served.predictor.url, "pictures", PICTURES)
    assert run(snippet, clients, tmp_path, served.key).strip() == "[b'light']"


def test_a_predictor_behind_https_and_a_path_is_called_so() -> None:
    code = triton_snippet_of("https://example.org/models/", "people", PEOPLE).code
    assert "InferenceServerClient('example.org/models', ssl=True)" in code
