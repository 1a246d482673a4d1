"""The commands of `docker-compose.yml`, run as written, on PostgreSQL and Redis, behind the proxy.

Only addresses differ: names of containers become ports of this machine.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
import requests
import yaml

from bench.end_to_end.client import Installation
from tests.conftest import free_port, wait_for_port
from tests.journeys.samples import write_breast_cancer

ROOT = Path(__file__).resolve().parents[2]
pytestmark = [pytest.mark.slow, pytest.mark.postgres]
PASSWORD = "a password for the composed one"


@pytest.fixture(scope="module")
def composed(redis_server: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    server = os.environ.get("MODELYARD_TEST_POSTGRES", "")
    if not server:
        pytest.skip("MODELYARD_TEST_POSTGRES names no PostgreSQL server")
    if shutil.which("nginx") is None:
        pytest.skip("nginx is not installed")
    folder = tmp_path_factory.mktemp("composed")
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    ports = {name: free_port() for name in ("web", "predictor", "proxy", "grpc", "grpc-proxy")}
    environment = _environment(folder, ports, _fresh_database(server), redis_server)
    _run(services["prepare"]["command"], environment, check=True)
    started = []
    try:
        for name in ("web", "predictor", "worker", "trainer", "beat"):
            command = services[name]["command"].replace("--port 8000", f"--port {ports['web']}")
            command = command.replace("/tmp/celerybeat-schedule", str(folder / "celerybeat-schedule"))
            started.append(_start(command, environment, folder / f"{name}.log"))
        wait_for_port(ports["web"])
        wait_for_port(ports["predictor"])
        started.append(_start_proxy(folder, ports))
        wait_for_port(ports["proxy"])
        yield {"base": f"http://127.0.0.1:{ports['proxy']}", "environment": environment, "folder": folder}
    finally:
        for process in reversed(started):
            process.send_signal(signal.SIGTERM)
        for process in started:
            process.wait(60)


def test_the_main_job_through_the_proxy(composed: dict[str, Any], tmp_path: Path) -> None:
    environment = composed["environment"]
    command = (
        "python manage.py create_key --email admin@localhost --name composed --scope read --scope write --scope predict"
    )
    key = _run(command, environment, check=True).stdout.strip()
    api = Installation(composed["base"], key)
    version = api.upload(write_breast_cancer(tmp_path / "cancer.csv"), "Cancer")
    run = api.train(version["id"], "tabular_classifier", "diagnosis", "cancer", hyperparameters={"epochs": 3})
    assert run["state"] == "succeeded", run["failure"]
    url = api.publish("cancer", run["model"]["name"], run["model"]["version"])
    assert url.startswith(composed["base"])
    row = {column["name"]: column["examples"][0] for column in version["columns"] if column["name"] != "diagnosis"}
    assert api.predict(url, [row])[0]["label"] in {"benign", "malignant"}


def test_pages_and_health_come_through_the_proxy(composed: dict[str, Any]) -> None:
    page = requests.get(composed["base"] + "/", timeout=60)
    assert page.status_code == 200
    assert "<form" in page.text
    assert requests.get(composed["base"] + "/healthz", timeout=60).json()["status"] == "ok"


def test_paths_that_climb_out_of_the_static_files_lead_nowhere(composed: dict[str, Any]) -> None:
    for path in ("/static/../manage.py", "/static/%2e%2e/manage.py", "/static/..%2f..%2fetc/passwd", "/v1/../healthz"):
        command = ["curl", "-s", "--path-as-is", "-o", "-", composed["base"] + path]
        answer = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        assert "DJANGO_SETTINGS_MODULE" not in answer
        assert "root:" not in answer


def _environment(folder: Path, ports: dict[str, int], database: str, redis_server: str) -> dict[str, str]:
    address = f"http://127.0.0.1:{ports['proxy']}"
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("MODELYARD_", "DJANGO_"))}
    return {
        **kept,
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "PYTHONPATH": f"{ROOT / 'platform'}:{ROOT}",
        "DJANGO_SETTINGS_MODULE": "modelyard.settings",
        "DATABASE_URL": database,
        "REDIS_URL": redis_server,
        "MODELYARD_HOME": str(folder / "home"),
        "MODELYARD_SECRET_KEY": "s" * 48,
        "MODELYARD_KEY_PEPPER": "p" * 48,
        "MODELYARD_PUBLIC_URL": address,
        "MODELYARD_PREDICT_URL": address,
        "MODELYARD_PREDICT_PORT": str(ports["predictor"]),
        "MODELYARD_PREDICT_GRPC_PORT": str(ports["grpc"]),
        "MODELYARD_PREDICT_INTERNAL_URL": f"http://127.0.0.1:{ports['predictor']}",
        "MODELYARD_ADMIN_PASSWORD": PASSWORD,
    }


def _fresh_database(server: str) -> str:
    name = f"composed_{os.getpid()}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f'DROP DATABASE IF EXISTS "{name}"')  # type: ignore[arg-type]
        connection.execute(f'CREATE DATABASE "{name}"')  # type: ignore[arg-type]
    return re.sub(r"/[^/]*$", f"/{name}", server)


def _run(command: str, environment: dict[str, str], *, check: bool) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(command.split(), cwd=ROOT, env=environment, capture_output=True, text=True, check=check)


def _start(command: str, environment: dict[str, str], log: Path) -> "subprocess.Popen[bytes]":
    words = [word.strip('"') for word in command.split()]
    with log.open("wb") as output:
        return subprocess.Popen(words, cwd=ROOT, env=environment, stdout=output, stderr=output)


def _start_proxy(folder: Path, ports: dict[str, int]) -> "subprocess.Popen[bytes]":
    text = (ROOT / "deploy" / "nginx.conf").read_text()
    text = text.replace("server web:8000", f"server 127.0.0.1:{ports['web']}")
    text = text.replace("server predictor:8001", f"server 127.0.0.1:{ports['predictor']}")
    text = text.replace("server predictor:8002", f"server 127.0.0.1:{ports['grpc']}")
    text = text.replace("listen 8082", f"listen 127.0.0.1:{ports['grpc-proxy']}")
    text = text.replace("listen 8080", f"listen 127.0.0.1:{ports['proxy']}").replace("/tmp/", f"{folder}/")
    configuration = folder / "nginx.conf"
    configuration.write_text(text)
    orders = "daemon off; user root;" if os.geteuid() == 0 else "daemon off;"  # else it could not read our folder
    command = ["nginx", "-c", str(configuration), "-p", str(folder), "-g", orders]
    with (folder / "proxy.log").open("wb") as output:
        return subprocess.Popen(command, stdout=output, stderr=output)
