"""Settings of the tests: a home of their own, made before Django reads its settings, and gone afterwards."""

import atexit
import os
import shutil
import tempfile
from pathlib import Path

HOME = Path(os.environ.get("MODELYARD_TEST_HOME", "") or tempfile.mkdtemp(prefix="modelyard-test-"))
if "MODELYARD_TEST_HOME" not in os.environ:
    atexit.register(shutil.rmtree, HOME, ignore_errors=True)
os.environ["MODELYARD_HOME"] = str(HOME)
os.environ.setdefault("MODELYARD_DEBUG", "0")

from modelyard.settings import *  # noqa: E402, F403
from modelyard.settings import STORAGES  # noqa: E402

STORAGES = {**STORAGES, "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}}
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
ALLOWED_HOSTS = ["*"]
CHANNEL_LAYERS = {"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}}


class _NoMigrations:
    """Tables are made from the models while the schema is young."""

    def __contains__(self, app: str) -> bool:
        return True

    def __getitem__(self, app: str) -> None:
        return None


MIGRATION_MODULES = _NoMigrations()
