"""Pre-trained weights, which the operator provides in a folder (MODELYARD_WEIGHTS) of every machine: a file for each
network for images, a folder for each one for texts."""

import logging
import shutil
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from django.conf import settings
from django.utils.translation import gettext as _

from modelyard.catalog.spec import ModelTemplate
from modelyard.contracts.artifact import digest_of
from modelyard.contracts.encoders import CONFIG, FILES, describe_encoder, digest_encoder
from modelyard.contracts.weights import SUFFIX, BadWeights, Weights, WeightsKind, describe_weights
from modelyard.errors import InvalidInput, NotFound

log = logging.getLogger(__name__)

HANDED_OVER: Mapping[WeightsKind, str] = {"images": "weights.keras", "texts": "weights"}
"""What it is called in the folder of a run, where training finds it."""


class WeightsMissing(NotFound):
    """This machine lacks the file that a run was planned with."""


def list_weights(kind: WeightsKind) -> list[Weights]:
    """Those that can be used, by their names. What cannot is told to the operator, in the log."""
    return [found for path in list_paths(kind) if (found := _describe(kind, path)) is not None]


def list_kinds() -> set[WeightsKind]:
    """The kinds of data for which there are any."""
    return {kind for kind in HANDED_OVER if list_weights(kind)}


def settle_weights(template: ModelTemplate, hyperparameters: Mapping[str, Any]) -> Weights | None:
    """What a run with these (cleaned) hyper-parameters builds upon, None where the template needs none.

    Raises `InvalidInput` where there is no file at all, or none of the name that was asked for.
    """
    if template.needs_weights is None:
        return None
    offered = list_weights(template.needs_weights)
    if not offered:
        raise InvalidInput({"model_template": words_without_weights()}, code="no_weights")
    wanted = hyperparameters["weights"]
    for weights in offered:
        if wanted in ("", weights.name):
            return weights
    words = _("there are no weights named %(name)s; there are %(names)s")
    names = ", ".join(weights.name for weights in offered)
    raise InvalidInput({"hyperparameters.weights": words % {"name": repr(wanted[:80]), "names": names}})


def words_without_weights() -> str:
    return _(
        "This model template builds upon a pre-trained network, and none for such data is installed here. Ask your "
        "operator to put one into the folder for them."
    )


def hand_over_weights(plan: Mapping[str, Any], folder: Path) -> None:
    """Put what a plan names into the folder of its run. Raises `WeightsMissing`."""
    if not plan.get("weights"):
        return
    wanted = Weights.from_json(plan["weights"])
    target = folder / HANDED_OVER[wanted.kind]
    if _is_there(wanted, target):
        return
    for path in list_paths(wanted.kind):
        found = _describe(wanted.kind, path)
        if found is not None and found.sha256 == wanted.sha256:
            _copy(wanted.kind, path, target)
            return
    words = _("The trainer has no file of the weights %(name)s that this run was planned with.")
    raise WeightsMissing(words % {"name": wanted.name})


def _is_there(wanted: Weights, target: Path) -> bool:
    if wanted.kind == "texts":
        return target.is_dir() and digest_encoder(target) == wanted.sha256
    return target.is_file() and digest_of(target) == wanted.sha256


def _copy(kind: WeightsKind, path: Path, target: Path) -> None:
    if kind == "images":
        shutil.copyfile(path, target)
        return
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(mode=0o700)
    for name in FILES:
        if (path / name).is_file():
            shutil.copyfile(path / name, target / name)


def list_paths(kind: WeightsKind) -> list[Path]:
    """What lies in the operator's folder and may be weights for this kind of data."""
    folder = settings.ENVIRONMENT.weights
    if not folder.is_dir():
        return []
    if kind == "images":
        return sorted(folder.glob(f"*{SUFFIX}"))
    return sorted(path.parent for path in folder.glob(f"*/{CONFIG}"))


def _describe(kind: WeightsKind, path: Path) -> Weights | None:
    files = [path] if kind == "images" else [path / name for name in FILES if (path / name).is_file()]
    try:
        changed = tuple((status.st_size, status.st_mtime_ns) for status in (file.stat() for file in files))
    except OSError as fault:
        log.warning("weights: %s cannot be read: %s", path, fault)
        return None
    return _describe_once(kind, path, changed)


@lru_cache(maxsize=64)
def _describe_once(kind: WeightsKind, path: Path, changed: tuple[tuple[int, int], ...]) -> Weights | None:
    """Weights are read, and complained about, once for as long as size and time of change of each file stay the
    same."""
    try:
        return describe_weights(path).weights if kind == "images" else describe_encoder(path).weights
    except BadWeights as fault:
        log.warning("weights: %s is not offered: %s", path, fault.message)
        return None
