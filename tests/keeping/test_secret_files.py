"""Everything secret can come from a file instead of a variable."""

from pathlib import Path

import pytest

from modelyard.environment import UnsafeSetting, is_given, read_environment

LONG = "a-secret-text-that-is-long-enough-"
SECRETS = {
    "MODELYARD_SECRET_KEY": ("secret_key", LONG + "1"),
    "MODELYARD_KEY_PEPPER": ("key_pepper", LONG + "2"),
    "MODELYARD_AUDIT_KEY": ("audit_key", LONG + "3"),
    "DATABASE_URL": ("database_url", "postgresql://yard:hidden@db:5432/yard"),
    "REDIS_URL": ("redis_url", "redis://:hidden@redis:6379/0"),
    "MODELYARD_EMAIL_URL": ("email_url", "smtp://yard:hidden@mail:25"),
    "MODELYARD_ADMIN_PASSWORD": ("admin_password", "a hidden password"),
    "MODELYARD_METRICS_TOKEN": ("metrics_token", "a-hidden-token-of-metrics"),
}


@pytest.mark.parametrize("name", SECRETS)
def test_a_secret_is_read_from_the_file_that_is_named(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    attribute, text = SECRETS[name]
    path = tmp_path / "secret"
    path.write_text(f"{text}\n")
    monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv(f"{name}_FILE", str(path))
    environment = read_environment()
    assert getattr(environment, attribute) == text
    assert is_given(name)
    assert text not in repr(environment)


@pytest.mark.parametrize("name", ["MODELYARD_STORAGE_KEY", "MODELYARD_BACKUP_KEY"])
def test_keys_are_read_from_a_file_with_a_line_for_each(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "keys"
    path.write_text(f"{LONG}new\n{LONG}old\n")
    monkeypatch.setenv("MODELYARD_HOME", str(tmp_path / "home"))
    monkeypatch.setenv(f"{name}_FILE", str(path))
    environment = read_environment()
    bucket = environment.bucket
    keys = environment.backup_keys if bucket is None else bucket.keys
    assert len(keys.keys) == 2
    assert LONG not in repr(environment)


@pytest.mark.parametrize("content", [None, "", "  \n"])
def test_a_file_that_is_missing_or_empty_is_told(
    content: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "secret"
    if content is not None:
        path.write_text(content)
    monkeypatch.setenv("MODELYARD_SECRET_KEY_FILE", str(path))
    with pytest.raises(UnsafeSetting, match="MODELYARD_SECRET_KEY_FILE names"):
        read_environment()


def test_a_key_that_is_too_short_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODELYARD_BACKUP_KEY", "short")
    with pytest.raises(UnsafeSetting, match="MODELYARD_BACKUP_KEY: a key must have at least 32 characters, got 5"):
        read_environment()
