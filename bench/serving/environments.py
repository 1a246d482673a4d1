"""A virtual environment for each peer: their requirements clash with each other's. Made once, then used again."""

import hashlib
import logging
import shutil
import subprocess
import sys
from pathlib import Path

PEERS = Path(__file__).parent / "peers"
MARK = "requirements.sha256"

log = logging.getLogger(__name__)


class CannotInstall(Exception):
    """A peer whose requirements cannot be had; the message says why."""


def ensure(name: str, folder: Path) -> Path:
    """Return the `bin` folder of a peer's environment; makes it if it is missing or its requirements changed."""
    requirements = PEERS / name / "requirements.txt"
    digest = hashlib.sha256(requirements.read_bytes()).hexdigest()
    environment = folder / name
    mark = environment / MARK
    if not mark.is_file() or mark.read_text() != digest:
        log.info("installing %s into %s", name, environment)
        shutil.rmtree(environment, ignore_errors=True)
        _run(sys.executable, "-m", "venv", str(environment))
        python = str(environment / "bin" / "python")
        _run(python, "-m", "pip", "install", "-q", "--disable-pip-version-check", "-r", str(requirements))
        mark.write_text(digest)
    return environment / "bin"


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        reason = done.stderr.strip().splitlines() or ["no reason given"]
        raise CannotInstall(reason[-1][:300])
