"""`manage.py check_weights [FILE]`: what a file of pre-trained weights is, and whether training can build upon it."""

import json
import subprocess
import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from modelyard.contracts.weights import SUFFIX, BadWeights, WeightsFile, describe_weights
from modelyard.environment import ROOT

SHOWN = 6
CHECKING = (sys.executable, "-m", "workers.training.transfer.checking")
"""A process of its own: the platform never loads TensorFlow."""


class Command(BaseCommand):
    help = "Check a file of pre-trained weights, or every one in the folder for them (MODELYARD_WEIGHTS)."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, nargs="?", help="a .keras file; without it, the folder's")

    def handle(self, *args: Any, **options: Any) -> None:
        folder: Path = settings.ENVIRONMENT.weights
        paths = [options["file"]] if options["file"] else sorted(folder.glob(f"*{SUFFIX}"))
        if not paths:
            raise CommandError(f"{folder} holds no {SUFFIX} file")
        faults = [fault for path in paths if (fault := self._check(path)) is not None]
        if faults:
            raise CommandError("\n".join(faults))

    def _check(self, path: Path) -> str | None:
        """Print what a file is; return what is wrong with it."""
        try:
            found = describe_weights(path)
        except BadWeights as fault:
            return fault.message
        self._describe(found)
        said = self._load(path)
        if "fault" in said:
            return f"{path.name}: {said['fault']}"
        tunable = "its last part can be tuned" if said["tunable"] else "it is used as it is, for it cannot be cut"
        self.stdout.write(f"  features     {said['features']}; {tunable}")
        self.stdout.write(f"  an image     {said['milliseconds']:.1f} ms on this machine")
        return None

    def _describe(self, found: WeightsFile) -> None:
        side = found.weights.size
        names = [f"{name} ({kind})" for name, kind in found.layers]
        if len(names) > 2 * SHOWN:
            names = [*names[:SHOWN], f"… {len(names) - 2 * SHOWN} more …", *names[-SHOWN:]]
        values = (
            "0 to 255, which it scales itself"
            if found.scales_itself
            else ("it has no layer that scales pixels; it will be given 0 to 255, so be sure that it was trained so")
        )
        self.stdout.write(f"{found.weights.name}, {found.bytes:,} bytes")
        self.stdout.write(f"  sha256       {found.weights.sha256}")
        self.stdout.write(f"  images       {side} x {side}, red green blue{' (or any other size)' * found.any_size}")
        self.stdout.write(f"  pixels       {values}")
        self.stdout.write(f"  layers       {', '.join(names)}")

    def _load(self, path: Path) -> dict[str, Any]:
        asked = subprocess.run(
            [*CHECKING, str(path.resolve())],
            capture_output=True,
            text=True,
            check=False,
            cwd=ROOT,
            env={"PATH": "/usr/bin:/bin", "PYTHONPATH": f"{ROOT / 'platform'}:{ROOT}"},
        )
        try:
            said: dict[str, Any] = json.loads(asked.stdout.splitlines()[-1])
        except (IndexError, json.JSONDecodeError):
            said = {"fault": f"it cannot be loaded: {asked.stderr.strip()[-300:]}"}
        return said
