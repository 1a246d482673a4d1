"""Settings of the tests: a home of their own, made before Django reads its settings, and gone afterwards.

Translations are compiled here, as they are at the start of the platform.
"""

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
from modelyard.translations import compile_translations  # noqa: E402

compile_translations()

STORAGES = {**STORAGES, "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}}
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
ALLOWED_HOSTS = ["*"]
CHANNEL_LAYERS = {"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}}
