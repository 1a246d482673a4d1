import dataclasses
from collections.abc import Callable
from typing import Any

import pytest
from django.conf import settings


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Change variables of the environment: `environment(sign_up=False)`."""

    def change(**variables: Any) -> None:
        monkeypatch.setattr(settings, "ENVIRONMENT", dataclasses.replace(settings.ENVIRONMENT, **variables))

    return change
