"""`manage.py check_weights [FILE]`: what pre-trained weights are, and whether training can build upon them."""

import json
import subprocess
import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from modelyard.contracts.encoders import CONFIG, EncoderFolder, describe_encoder
from modelyard.contracts.weights import SUFFIX, BadWeights, WeightsFile, describe_weights
from modelyard.environment import ROOT
from modelyard.features.wordpiece import Reading
from modelyard.runs.weights import list_paths

SHOWN = 6
CHECKING = (sys.executable, "-m", "workers.training.transfer.checking")
"""A process of its own: the platform never loads TensorFlow."""


class Command(BaseCommand):
    help = "Check pre-trained weights, or all in the folder for them (MODELYARD_WEIGHTS)."

    def add_arguments(self, parser: ArgumentParser) -> None:
        words = "a .keras file, or the folder of a text encoder; without it, all of the operator's"
        parser.add_argument("file", type=Path, nargs="?", help=words)

    def handle(self, *args: Any, **options: Any) -> None:
        paths = [options["file"]] if options["file"] else [*list_paths("images"), *list_paths("texts")]
        if not paths:
            raise CommandError(
                f"{settings.ENVIRONMENT.weights} holds no {SUFFIX} file and no folder with a {CONFIG} in it"
            )
        faults = [fault for path in paths if (fault := self._check(path)) is not None]
        if faults:
            raise CommandError("\n".join(faults))

    def _check(self, path: Path) -> str | None:
        """Print what weights are; return what is wrong with them."""
        try:
            if path.is_dir():
                self._tell_encoder(describe_encoder(path))
            else:
                self._tell_network(describe_weights(path))
        except BadWeights as fault:
            return fault.message
        said = self._load(path)
        if "fault" in said:
            return f"{path.name}: {said['fault']}"
        if "features" in said:
            tunable = "its last part can be tuned" if said["tunable"] else "it is used as it is, for it cannot be cut"
            self._tell("features", f"{said['features']}; {tunable}")
        asked = f"{said['pieces']} pieces" if "pieces" in said else "an image"
        self._tell(asked, f"{said['milliseconds']:.1f} ms on this machine")
        return None

    def _tell(self, what: str, words: str) -> None:
        self.stdout.write(f"  {what:<12} {words}")

    def _tell_encoder(self, found: EncoderFolder) -> None:
        size, reading = found.architecture, found.pieces.reading
        self.stdout.write(f"{found.weights.name}, {found.bytes:,} bytes")
        self._tell("sha256", found.weights.sha256)
        self._tell("texts", f"{size.positions} word pieces at most")
        self._tell("vocabulary", f"{len(found.pieces.pieces):,} pieces; {_describe_reading(reading)}")
        self._tell("network", f"{size.family}, {size.layers} blocks, {size.width} wide, {size.heads} heads")
        self._tell("weights", f"{size.parameters:,}; each form of a model takes {size.bytes // 1_000_000:,} MB")

    def _tell_network(self, found: WeightsFile) -> None:
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
        self._tell("sha256", found.weights.sha256)
        self._tell("images", f"{side} x {side}, red green blue{' (or any other size)' * found.any_size}")
        self._tell("pixels", values)
        self._tell("layers", ", ".join(names))

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


def _describe_reading(reading: Reading) -> str:
    case = "in lower case" if reading.lowercase else "capitals told apart"
    accents = "without accents" if reading.strip_accents else "with accents"
    return f"{case}, {accents}"
