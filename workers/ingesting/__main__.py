"""`python -m workers.ingesting VERSION_DIR`: reads `source`, leaves `profile.json` and the data beside it.

Exit status 0 once `profile.json` is written, for refused files too; anything else is a fault of the program.
"""

import shutil
import sys
from dataclasses import replace
from pathlib import Path

import pyarrow as pa

from modelyard.contracts.jsonfile import write_json
from modelyard.contracts.profile import Problem, Profile
from modelyard.contracts.sentences import sentence as _
from workers.ingesting.reading import UNPACKED, ingest_file
from workers.ingesting.tables import STAGING, TABLE
from workers.ingesting.telling import Teller


def main(arguments: list[str]) -> int:
    if len(arguments) != 1:
        print("usage: python -m workers.ingesting VERSION_DIR", file=sys.stderr)  # noqa: T201
        return 2
    folder = Path(arguments[0])
    pa.set_cpu_count(1)
    pa.set_io_thread_count(1)
    teller = Teller()
    teller.phase("starting", 0.0)
    _remove_results(folder)
    profile = _ingest(folder, teller)
    if profile.rejected:
        _remove_results(folder)
    for name in (UNPACKED, STAGING):
        (folder / name).unlink(missing_ok=True)
    write_json(folder / "profile.json", profile.to_json())
    teller.phase("done", 1.0)
    return 0


def _ingest(folder: Path, teller: Teller) -> Profile:
    try:
        return ingest_file(folder / "source", folder, teller)
    except (MemoryError, pa.ArrowMemoryError):
        problem = Problem.saying(
            "too_large",
            _("The file needs more memory than it may have while it is read. Upload a smaller part of it."),
        )
        return replace(Profile(kind=None), problems=(problem,))


def _remove_results(folder: Path) -> None:
    """Remove what an earlier, interrupted attempt left."""
    for name in ("profile.json", "images.json", TABLE, STAGING, UNPACKED):
        (folder / name).unlink(missing_ok=True)
    for name in ("images", "preview"):
        shutil.rmtree(folder / name, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
