"""The small worker on a machine whose clock is `MODELYARD_TEST_CLOCK` seconds ahead of the database's."""

import os
import time
from datetime import timedelta

from django.utils import timezone

AHEAD = float(os.environ["MODELYARD_TEST_CLOCK"])
right_time, right_now = time.time, timezone.now
time.time = lambda: right_time() + AHEAD
timezone.now = lambda: right_now() + timedelta(seconds=AHEAD)

from tests.workers.small_app import app  # noqa: E402

__all__ = ["app"]
