"""Reading an uploaded file in a child process that cannot harm anything, and settling what it found."""

import logging
import shutil
import sys
import tempfile
from collections.abc import Sequence
from json import JSONDecodeError
from pathlib import Path

from django.conf import settings
from django.utils.translation import gettext as _

from modelyard import storage
from modelyard.contracts.jsonfile import read_json
from modelyard.contracts.profile import Problem, Profile
from modelyard.contracts.progress import Progress
from modelyard.datasets import services as datasets
from modelyard.datasets.models import DatasetVersion
from modelyard.errors import StorageAway, StorageDamaged
from workers.presence import Presence
from workers.supervising import Ending, Limits, Outcome, bare_environment, supervise

log = logging.getLogger(__name__)

INGESTING = (sys.executable, "-m", "workers.ingesting")
PROFILE = "profile.json"
DAMAGED = "unreadable"
WALL_SECONDS = 600.0
CPU_SECONDS = 600
LARGEST_FILE = 16 * 1024**3


class Reader:
    """Reading has no lease to keep; it stops when the worker does."""

    def __init__(self, presence: Presence) -> None:
        self.presence = presence

    def hear(self, said: Sequence[Progress]) -> Ending | None:
        return None

    def look(self) -> Ending | None:
        return Ending.INTERRUPTED if self.presence.stopping.is_set() else None


def read_version(version: DatasetVersion, presence: Presence) -> Ending:
    """Read a version that was claimed: it becomes ready or rejected, or waits again if the worker has to stop."""
    try:
        with version.opened() as folder:
            return _read(version, folder, presence)
    except StorageAway as fault:
        log.warning("version %s waits for the object store: %s", version.pk, fault)
        datasets.release_version(version, soon=False)
        return Ending.INTERRUPTED
    except StorageDamaged as fault:
        datasets.settle_version(version, Profile(kind=None, problems=(Problem(code=DAMAGED, message=fault.message),)))
        return Ending.FAILED


def _read(version: DatasetVersion, folder: Path, presence: Presence) -> Ending:
    home = Path(tempfile.mkdtemp(prefix="modelyard-reading-"))
    try:
        outcome = supervise(
            [*INGESTING, str(folder)],
            folder=home,
            environment=bare_environment(home),
            limits=Limits(
                wall_seconds=WALL_SECONDS,
                address_bytes=settings.ENVIRONMENT.ingest_memory_bytes,
                cpu_seconds=CPU_SECONDS,
                file_bytes=LARGEST_FILE,
            ),
            attendant=Reader(presence),
        )
    finally:
        shutil.rmtree(home, ignore_errors=True)
    if outcome.ending == Ending.CRASHED:
        log.error("reading version %s crashed (code %d): %s", version.pk, outcome.returncode, "\n".join(outcome.tail))
    if outcome.ending == Ending.INTERRUPTED:
        datasets.release_version(version)
    else:
        profile = _profile_of(outcome, folder)
        if not datasets.settle_version(version, profile, storage.keep(folder)):
            datasets.remove_if_deleted(version)
    return outcome.ending


def _profile_of(outcome: Outcome, folder: Path) -> Profile:
    """What was found; where reading did not end well, a refusal that says what to do."""
    if outcome.ending == Ending.FINISHED:
        try:
            return Profile.from_json(read_json(folder / PROFILE))
        except (FileNotFoundError, JSONDecodeError, KeyError, TypeError):
            pass
    code, message = {
        Ending.OUT_OF_MEMORY: (
            "too_large",
            _("Reading this file needs more memory than is allowed. Upload a smaller part of it, or fewer columns."),
        ),
        Ending.TIMED_OUT: (
            "too_slow",
            _("Reading this file took longer than is allowed. Upload a smaller part of it."),
        ),
    }.get(
        outcome.ending,
        ("unreadable", _("The file could not be read to its end; it may be damaged. Open and save it anew.")),
    )
    return Profile(kind=None, problems=(Problem(code=code, message=message),))
