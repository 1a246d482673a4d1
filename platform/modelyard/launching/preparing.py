"""What has to be true before anything is served: folders, tables, static files, translations, an administrator."""

import hashlib
from importlib.metadata import version
from pathlib import Path

from django.conf import settings
from django.core.management import call_command

from modelyard.environment import ROOT
from modelyard.objects.bucket import Bucket
from modelyard.objects.probing import probe
from modelyard.translations import compile_translations


class NoStorage(Exception):
    """The object store cannot be used; the message says what failed and what to look at."""


def make_folders(home: Path) -> None:
    """Everything that an installation keeps is readable by its own user alone."""
    for name in ("", "database", "logs", "secrets"):
        (home / name).mkdir(parents=True, exist_ok=True, mode=0o700)


def check_storage(bucket: Bucket | None) -> None:
    """Raises `NoStorage` where an object store is named that cannot be used; a folder is made when it is needed."""
    problem = "" if bucket is None else probe(bucket)
    if problem:
        raise NoStorage(problem)


def migrate() -> None:
    call_command("migrate", interactive=False, verbosity=0)


def collect_static_files() -> bool:
    """Gather and compress what browsers load; False where nothing has changed since the last time."""
    compile_translations()
    mark = Path(settings.STATIC_ROOT) / ".collected"
    state = _state_of_static_files()
    if mark.is_file() and mark.read_text() == state:
        return False
    call_command("collectstatic", interactive=False, verbosity=0, clear=True)
    mark.write_text(state)
    return True


def _state_of_static_files() -> str:
    digest = hashlib.sha256()
    for path in sorted((ROOT / "static").rglob("*")):
        if path.is_file():
            digest.update(str(path.relative_to(ROOT)).encode())
            digest.update(path.read_bytes())
    for package in ("django-htmx", "drf-spectacular-sidecar", "djangorestframework", "Django"):
        digest.update(f"{package}{version(package)}".encode())
    return digest.hexdigest()
