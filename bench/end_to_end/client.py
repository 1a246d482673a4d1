"""A script's view of an installation: the platform API and the predictor, with `requests` and a key."""

import time
from pathlib import Path
from typing import Any

import requests


class Installation:
    """One installation and one key with the scopes read, write and predict."""

    def __init__(self, base: str, key: str) -> None:
        self.base = base.rstrip("/") + "/api/v1/"
        self.session = requests.Session()
        self.session.headers["Authorization"] = f"Bearer {key}"

    def get(self, path: str) -> Any:
        return self._checked(self.session.get(self.base + path, timeout=60))

    def post(self, path: str, body: dict[str, Any]) -> Any:
        return self._checked(self.session.post(self.base + path, json=body, timeout=60))

    def delete(self, path: str) -> None:
        self._checked(self.session.delete(self.base + path, timeout=60))

    def upload(self, path: Path, name: str) -> dict[str, Any]:
        """Upload a file as a new data set and return its version once it is read."""
        with path.open("rb") as file:
            answer = self.session.post(self.base + "datasets", data={"name": name}, files={"file": file}, timeout=600)
        dataset = self._checked(answer)
        return self.wait(f"dataset-versions/{dataset['version']['id']}", {"ready", "rejected"}, seconds=600)

    def train(self, version: str, template: str, target: str | None, name: str, **more: Any) -> dict[str, Any]:
        """Train with default settings and return the ended run."""
        body: dict[str, Any] = {"dataset_version": version, "model_template": template, "name": name, **more}
        if target is not None:
            body["target"] = target
        run = self.post("runs", body)
        return self.wait(f"runs/{run['id']}", {"succeeded", "failed", "cancelled"}, seconds=3600)

    def publish(self, name: str, model: str, version: int) -> str:
        """Publish a model version and return the address that predicts."""
        self.post("endpoints", {"name": name, "model": model, "version": version})
        return str(self.wait(f"endpoints/{name}", {"live", "failed"}, seconds=120)["url"])

    def predict(self, url: str, instances: list[Any], chunk: int = 200) -> list[dict[str, Any]]:
        predictions: list[dict[str, Any]] = []
        for start in range(0, len(instances), chunk):
            body = {"instances": instances[start : start + chunk]}
            predictions += self._checked(self.session.post(url, json=body, timeout=120))["predictions"]
        return predictions

    def wait(self, path: str, states: set[str], seconds: float) -> dict[str, Any]:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            answer: dict[str, Any] = self.get(path)
            if answer["state"] in states:
                return answer
            time.sleep(0.5)
        raise TimeoutError(f"{path} was not in {states} after {seconds} s")

    def _checked(self, answer: requests.Response) -> Any:
        if not answer.ok:
            raise RuntimeError(f"{answer.request.method} {answer.url}: {answer.status_code} {answer.text[:500]}")
        return answer.json() if answer.content else None
