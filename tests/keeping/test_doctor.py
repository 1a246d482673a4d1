"""`manage.py doctor` finds what is wrong and says what to do; nothing starts with settings that let strangers in."""

import dataclasses
import io
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.management import call_command

from modelyard.doctoring import machine, partners
from modelyard.doctoring.findings import Check, Level
from modelyard.environment import UnsafeSetting
from modelyard.safety import find_unsafe, refuse_unsafe_start
from tests.keeping.yards import Yard


@pytest.fixture
def change(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Changes settings for a test."""

    def set_all(**changes: Any) -> None:
        monkeypatch.setattr(settings, "ENVIRONMENT", dataclasses.replace(settings.ENVIRONMENT, **changes))

    return set_all


def found(check: Check, about: str) -> list[tuple[Level, str]]:
    """What a check says of one thing that is not good."""
    told = [finding for finding in check() if finding.about == about and finding.level is not Level.GOOD]
    assert all(finding.advice for finding in told)
    return [(finding.level, finding.message) for finding in told]


@pytest.mark.parametrize("name", ["secret_key", "key_pepper", "audit_key"])
@pytest.mark.parametrize(
    "text", ["changeme" * 5, "secret-secret-secret-secret-secret-1", "django-insecure-" + "x1" * 20]
)
def test_sample_secrets_are_refused(name: str, text: str, change: Any) -> None:
    change(**{name: text})
    with pytest.raises(UnsafeSetting, match=f"MODELYARD_{name.upper()} is a sample"):
        refuse_unsafe_start(settings.ENVIRONMENT)
    assert found(machine.check_settings, "settings")


@pytest.mark.parametrize("password", ["admin", "password", "Modelyard1", "changeme!"])
def test_sample_passwords_are_refused(password: str, change: Any) -> None:
    change(admin_password=password)
    assert "MODELYARD_ADMIN_PASSWORD is a sample" in next(find_unsafe(settings.ENVIRONMENT))


def test_one_secret_for_all_is_refused(change: Any) -> None:
    change(secret_key=settings.ENVIRONMENT.key_pepper)
    assert "must differ" in next(find_unsafe(settings.ENVIRONMENT))


@pytest.mark.parametrize(
    "reach", [{"host": "0.0.0.0"}, {"host": "192.168.1.5"}, {"host": "::"}, {"public_url": "https://yard.example"}]
)
def test_debugging_where_others_reach_it_is_refused(reach: dict[str, str], change: Any) -> None:
    change(debug=True, **reach)
    assert "MODELYARD_DEBUG=1 shows settings" in next(find_unsafe(settings.ENVIRONMENT))
    change(debug=False)
    assert list(find_unsafe(settings.ENVIRONMENT)) == []


def test_debugging_on_this_machine_alone_is_not(change: Any) -> None:
    change(debug=True, host="127.0.0.1", public_url="http://localhost:8000")
    assert list(find_unsafe(settings.ENVIRONMENT)) == []


@pytest.mark.parametrize(
    "program",
    [("manage.py", "prepare"), ("manage.py", "up"), ("-c", "import modelyard.asgi"), ("-c", "import workers.app")],
)
def test_nothing_starts_with_unsafe_settings(program: tuple[str, ...], tmp_path: Path) -> None:
    yard = Yard(tmp_path / "yard", {"MODELYARD_DEBUG": "1", "MODELYARD_HOST": "0.0.0.0"})
    done = yard.run(*program)
    assert done.returncode == 1
    assert "MODELYARD_DEBUG=1 shows settings and code" in done.stderr
    assert yard.files() == set()


def test_a_home_that_cannot_be_written_is_bad(change: Any, tmp_path: Path) -> None:
    change(home=Path("/proc/nowhere"), storage=tmp_path)
    assert "cannot write /proc" in found(machine.check_home, "home")[0][1]
    assert found(machine.check_home, "storage") == []


def test_secrets_that_others_can_read_are_bad(change: Any, tmp_path: Path) -> None:
    (tmp_path / "secrets").mkdir(mode=0o700)
    (tmp_path / "secrets" / "key_pepper").touch(mode=0o644)
    change(home=tmp_path)
    assert "can read" in found(machine.check_home, "secrets")[0][1]


def test_a_disk_that_is_nearly_full_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    usage = type(shutil.disk_usage("/"))
    for free, level in ((500 * 1024**2, Level.BAD), (5 * 1024**3, Level.WARN)):
        monkeypatch.setattr(machine.shutil, "disk_usage", lambda _path, left=free: usage(10**12, 10**12 - left, left))
        assert found(machine.check_home, "disk")[0][0] is level


def test_an_address_that_is_not_served_and_one_without_tls_are_told(change: Any) -> None:
    change(public_url="https://yard.example", allowed_hosts=("localhost",))
    assert "does not list yard.example" in found(machine.check_addresses, "hosts")[0][1]
    change(public_url="http://yard.example", allowed_hosts=(".example",))
    assert found(machine.check_addresses, "hosts") == []
    assert "unencrypted" in found(machine.check_addresses, "tls")[0][1]
    change(allowed_hosts=("*",))
    assert found(machine.check_addresses, "hosts")[0][0] is Level.WARN


def test_a_mail_server_that_is_away_is_bad(change: Any, settings: Any) -> None:
    change(email_url="smtp://127.0.0.1:1")
    settings.EMAIL_BACKEND, settings.EMAIL_HOST, settings.EMAIL_PORT = (
        "django.core.mail.backends.smtp.EmailBackend",
        "127.0.0.1",
        1,
    )
    assert "does not answer" in found(machine.check_mail, "mail")[0][1]


def test_a_gpu_that_is_not_there_is_bad(change: Any) -> None:
    change(device="63")
    assert "MODELYARD_DEVICE is 63" in found(machine.check_gpu, "gpu")[0][1]


def test_a_redis_that_evicts_or_forgets_is_told(redis: Any) -> None:
    former = redis.config_get("maxmemory-policy")["maxmemory-policy"]
    try:
        redis.config_set("maxmemory-policy", "allkeys-lru")
        assert "throws away" in found(partners.check_redis, "redis memory")[0][1]
        redis.config_set("maxmemory-policy", "noeviction")
        assert found(partners.check_redis, "redis memory") == []
        assert "forgets everything" in found(partners.check_redis, "redis persistence")[0][1]
    finally:
        redis.config_set("maxmemory-policy", former)


def test_clocks_that_differ_are_bad(redis: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    now = partners.time.time
    monkeypatch.setattr(partners.time, "time", lambda: now() + 60)
    assert "differ by -60" in found(partners.check_redis, "clock")[0][1]


@pytest.mark.django_db
def test_what_is_away_is_told_with_what_to_do(change: Any, redis: Any) -> None:
    change(predict_internal_url="http://127.0.0.1:1")
    assert len([1 for queue in partners.QUEUES for _told in found(partners.check_workers, f"worker {queue}")]) == 3
    assert "does not answer" in found(partners.check_predictor, "predictor")[0][1]


@pytest.mark.django_db
def test_the_command_tells_programs_too_and_ends_accordingly(redis: Any) -> None:
    output = io.StringIO()
    with pytest.raises(SystemExit) as ended:
        call_command("doctor", "--json", stdout=output)
    assert ended.value.code == 1
    told = json.loads(output.getvalue())
    assert told["bad"] == sum(finding["level"] == "bad" for finding in told["findings"]) > 0
    assert {"settings", "migrations", "redis", "predictor"} <= {finding["about"] for finding in told["findings"]}


def test_on_an_empty_machine_it_says_so_without_a_trace(tmp_path: Path) -> None:
    yard = Yard(tmp_path / "yard")
    yard.home.mkdir()
    done = yard.run("manage.py", "doctor")
    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stderr
    assert "redis: It does not answer" in done.stdout
