"""What can be known of `docker-compose.yml` without a Docker engine: that it fits the code and the proxy."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    return loaded


def test_every_part_of_an_installation_is_there(compose: dict[str, Any]) -> None:
    platform = {"web", "worker", "scorer", "trainer", "trainer-gpu", "beat", "predictor", "prepare"}
    assert set(compose["services"]) == platform | {"proxy", "redis", "postgres"}
    assert compose["services"]["trainer-gpu"]["profiles"] == ["gpu"]


def test_only_the_proxy_listens_outside(compose: dict[str, Any]) -> None:
    assert [name for name, service in compose["services"].items() if "ports" in service] == ["proxy"]
    assert compose["services"]["proxy"]["ports"] == [
        "${MODELYARD_PUBLISH:-127.0.0.1:8080}:8080",
        "${MODELYARD_PUBLISH_GRPC:-127.0.0.1:8002}:8082",
    ]


def test_every_dependency_exists_and_is_waited_for(compose: dict[str, Any]) -> None:
    services = compose["services"]
    for service in services.values():
        for name, wait in service.get("depends_on", {}).items():
            if wait["condition"] == "service_healthy":
                assert "healthcheck" in services[name]


def test_no_secret_has_a_default(compose: dict[str, Any]) -> None:
    environment = compose["services"]["web"]["environment"]
    for name in ("MODELYARD_SECRET_KEY", "MODELYARD_KEY_PEPPER", "DATABASE_URL", "REDIS_URL"):
        assert ":?" in environment[name], name


def test_every_variable_that_is_asked_for_is_in_the_example(compose: dict[str, Any]) -> None:
    asked = set(re.findall(r"\$\{([A-Z_]+):\?", (ROOT / "docker-compose.yml").read_text()))
    example = set(re.findall(r"^([A-Z_]+)=", (ROOT / "deploy" / "example.env").read_text(), re.MULTILINE))
    assert asked <= example


def test_the_image_holds_every_folder_that_is_needed() -> None:
    copied = set(re.findall(r"^COPY (\S+) ", (ROOT / "Dockerfile").read_text(), re.MULTILINE))
    assert {"platform", "workers", "templates", "static", "locale", "deploy"} <= copied


@pytest.mark.skipif(shutil.which("docker") is None, reason="no docker client")
def test_dockers_own_reader_accepts_it(tmp_path: Path) -> None:
    known = subprocess.run(["docker", "compose", "version"], capture_output=True, check=False)
    if known.returncode != 0:
        pytest.skip("the docker client has no compose plugin")
    values = tmp_path / ".env"
    text = (ROOT / "deploy" / "example.env").read_text()
    values.write_text(re.sub(r"^([A-Z_]+)=$", r"\1=" + "x" * 40, text, flags=re.MULTILINE))
    command = ["docker", "compose", "--env-file", str(values), "-f", str(ROOT / "docker-compose.yml"), "config", "-q"]
    subprocess.run(command, check=True, capture_output=True)


@pytest.mark.skipif(shutil.which("nginx") is None, reason="nginx is not installed")
def test_nginx_accepts_the_proxys_configuration(tmp_path: Path) -> None:
    text = (ROOT / "deploy" / "nginx.conf").read_text()
    text = text.replace("server web:8000", "server 127.0.0.1:8000")
    for port in (8001, 8002):
        text = text.replace(f"predictor:{port}", f"127.0.0.1:{port}")
    configuration = tmp_path / "nginx.conf"
    configuration.write_text(text)
    subprocess.run(["nginx", "-t", "-c", str(configuration), "-p", str(tmp_path)], check=True, capture_output=True)
