import dataclasses
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from django.conf import settings
from django.utils import timezone

from modelyard.accounts import attempts


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Change variables of the environment: `environment(sign_up=False)`."""

    def change(**variables: Any) -> None:
        monkeypatch.setattr(settings, "ENVIRONMENT", dataclasses.replace(settings.ENVIRONMENT, **variables))

    return change


@pytest.fixture
def still(monkeypatch: pytest.MonkeyPatch) -> None:
    """No time passes between two tries, however slow the machine is."""
    now = timezone.now()
    monkeypatch.setattr(attempts, "timezone", SimpleNamespace(now=lambda: now))
