"""The first start's sample: the main job once, over the platform API, as anybody's script would do it."""

import json
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from modelyard.accounts.keys import create_key, revoke_key
from modelyard.accounts.models import User, Workspace

NAME = "wine-cultivar"
DATASET = "Wine (sample)"
DEADLINE_SECONDS = 900.0


class SampleFailed(Exception):
    """The sample did not come to an end; the message says at which step and why."""


def run_sample(base: str, key: str, tell: Callable[[str], None]) -> dict[str, Any]:
    """Upload, train and publish; return a body that the endpoint `NAME` answers. Raises `SampleFailed`.

    `tell` hears what is going on.
    """
    api = _Api(base, key)
    dataset = api.upload("datasets", "wine.csv", _wine_csv(), {"name": DATASET})
    tell("reading the data set")
    version = api.wait(f"dataset-versions/{dataset['version']['id']}", "state", until="ready", failing=("rejected",))
    tell(f"training on {version['rows']} rows")
    run = api.post(
        "runs",
        {"dataset_version": version["id"], "model_template": "tabular_classifier", "target": "cultivar", "name": NAME},
    )

    def watch(state: dict[str, Any]) -> None:
        tenths = int(10 * (state["progress"].get("fraction") or 0))
        tell(f"training: {state['state']}, {10 * tenths} %")

    ended = api.wait(f"runs/{run['id']}", "state", until="succeeded", failing=("failed", "cancelled"), watch=watch)
    tell("publishing the endpoint")
    model = ended["model"]
    api.post("endpoints", {"name": NAME, "model": model["name"], "version": model["version"]})
    api.wait(f"endpoints/{NAME}", "state", until="live", failing=("failed",))
    return example_body(version)


def example_body(version: dict[str, Any]) -> dict[str, Any]:
    """One row of the data set's own preview, without the target, as a prediction request."""
    row = {column["name"]: column["examples"][0] for column in version["columns"] if column["name"] != "cultivar"}
    return {"instances": [{name: float(value) for name, value in row.items()}]}


@contextmanager
def passing_key(workspace: Workspace, user: User) -> Iterator[str]:
    """A key that lives as long as the sample takes."""
    key, text = create_key("Sample set-up", workspace=workspace, user=user, scopes=["read", "write"], days=1)
    try:
        yield text
    finally:
        revoke_key(key, by=user)


def _wine_csv() -> bytes:
    """The wine recognition data set (UCI, CC BY 4.0), which ships with scikit-learn: 178 wines of three cultivars."""
    from sklearn.datasets import load_wine

    wine = load_wine()
    names = [*(name.replace("/", "_per_") for name in wine.feature_names), "cultivar"]
    cultivars = ("Barolo", "Grignolino", "Barbera")
    lines = [",".join(names)]
    for values, label in zip(wine.data, wine.target, strict=True):
        lines.append(",".join([*(f"{value:g}" for value in values), cultivars[label]]))
    return ("\n".join(lines) + "\n").encode()


class _Api:
    """The few calls that the sample needs."""

    def __init__(self, base: str, key: str) -> None:
        self.base, self.key = f"{base}/api/v1/", key

    def get(self, path: str) -> Any:
        return self._send(Request(self.base + path))

    def post(self, path: str, body: dict[str, Any]) -> Any:
        headers = {"Content-Type": "application/json"}
        return self._send(Request(self.base + path, json.dumps(body).encode(), headers))

    def upload(self, path: str, filename: str, content: bytes, fields: dict[str, str]) -> Any:
        boundary = uuid.uuid4().hex
        parts = [
            f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
            for name, value in fields.items()
        ]
        parts.append(
            f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{filename}"\r\n'
            "Content-Type: text/csv\r\n\r\n".encode()
            + content
            + b"\r\n"
        )
        body = b"".join([*parts, f"--{boundary}--\r\n".encode()])
        return self._send(
            Request(self.base + path, body, {"Content-Type": f"multipart/form-data; boundary={boundary}"})
        )

    def wait(
        self,
        path: str,
        name: str,
        *,
        until: str,
        failing: tuple[str, ...],
        watch: Callable[[dict[str, Any]], None] | None = None,
    ) -> Any:
        deadline = time.monotonic() + DEADLINE_SECONDS
        while time.monotonic() < deadline:
            state = self.get(path)
            if state[name] == until:
                return state
            if state[name] in failing:
                raise SampleFailed(f"{path} is {state[name]}: {state.get('failure') or state.get('problems')}")
            if watch is not None:
                watch(state)
            time.sleep(0.5)
        raise SampleFailed(f"{path} was not {until} after {DEADLINE_SECONDS:.0f} s")

    def _send(self, request: Request) -> Any:
        request.add_header("Authorization", f"Bearer {self.key}")
        try:
            with urlopen(request, timeout=60) as answer:
                return json.load(answer)
        except HTTPError as fault:
            raise SampleFailed(f"{request.full_url} answered {fault.code}: {fault.read().decode()[:500]}") from fault
