"""An installation's home of its own for each test, since the head of the chain is kept there."""

import dataclasses
from pathlib import Path

import pytest
from django.conf import settings


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(settings, "ENVIRONMENT", dataclasses.replace(settings.ENVIRONMENT, home=tmp_path))
    return tmp_path
