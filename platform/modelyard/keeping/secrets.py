"""The secrets that an installation cannot be restored without: their names, fingerprints, and where they lie."""

import dataclasses
import hashlib
import hmac
from pathlib import Path

from django.conf import settings

from modelyard.contracts.jsonfile import write_bytes
from modelyard.environment import is_given
from modelyard.keeping.archive import Archive, ArchiveWriter, BadArchive

SECRETS = {
    "secret_key": "MODELYARD_SECRET_KEY",
    "key_pepper": "MODELYARD_KEY_PEPPER",
    "audit_key": "MODELYARD_AUDIT_KEY",
}
FOLDER = "secrets/"


def read_secrets() -> dict[str, str]:
    """What is in use now, by name."""
    return {name: str(getattr(settings.ENVIRONMENT, name)) for name in SECRETS}


def fingerprint(secret: str) -> str:
    """Tells whether two secrets are the same, and nothing else: they are long and random."""
    return hmac.new(secret.encode(), b"modelyard fingerprint", hashlib.sha256).hexdigest()[:32]


def fingerprints() -> dict[str, str]:
    return {name: fingerprint(secret) for name, secret in read_secrets().items()}


def add_secrets(archive: ArchiveWriter) -> None:
    for name, secret in read_secrets().items():
        archive.add_bytes(FOLDER + name, secret.encode())


def agree(archive: Archive) -> dict[str, str]:
    """The secrets to restore, by name; none where the right ones are set already. Raises `BadArchive`."""
    members = archive.manifest.members
    inside = {name: archive.read(FOLDER + name).decode() for name in SECRETS if FOLDER + name in members}
    wrong = {name for name, found in fingerprints().items() if found != archive.manifest.secrets.get(name)}
    fixed = sorted(SECRETS[name] for name in wrong if is_given(SECRETS[name]))
    if fixed:
        raise BadArchive(f"{', '.join(fixed)} is not the one of the backup; set the former one, or leave it out")
    missing = sorted(wrong - inside.keys())
    if missing:
        names = ", ".join(SECRETS[name] for name in missing)
        raise BadArchive(
            f"the archive is not encrypted, so the secrets are not in it; put the former ones into "
            f"{secrets_folder()} ({', '.join(missing)}), or set {names}, then run this again"
        )
    return {name: inside[name] for name in sorted(wrong)}


def use(secrets: dict[str, str]) -> None:
    """Let this process go on with restored secrets."""
    former = settings.ENVIRONMENT
    settings.ENVIRONMENT = dataclasses.replace(
        former,
        secret_key=secrets.get("secret_key", former.secret_key),
        key_pepper=secrets.get("key_pepper", former.key_pepper),
        audit_key=secrets.get("audit_key", former.audit_key),
    )


def write_secrets(secrets: dict[str, str]) -> None:
    for name, secret in secrets.items():
        path = secrets_folder() / name
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_bytes(path, secret.encode())
        path.chmod(0o600)


def secrets_folder() -> Path:
    return Path(settings.ENVIRONMENT.home) / "secrets"
