"""Files of pre-trained weights, which the operator provides in a folder (MODELYARD_WEIGHTS) of every machine."""

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
from modelyard.contracts.weights import SUFFIX, BadWeights, Weights, WeightsFile, describe_weights
from modelyard.errors import InvalidInput, NotFound

log = logging.getLogger(__name__)

HANDED_OVER = "weights.keras"
"""The file in the folder of a run, where training finds it."""


class WeightsMissing(NotFound):
    """This machine lacks the file that a run was planned with."""


def list_weights() -> list[Weights]:
    """The files that can be used, by their names. What cannot is told to the operator, in the log."""
    return [found.weights for path in _list_paths() if (found := _describe(path)) is not None]


def settle_weights(template: ModelTemplate, hyperparameters: Mapping[str, Any]) -> Weights | None:
    """The file that a run with these (cleaned) hyper-parameters builds upon, None where the template needs none.

    Raises `InvalidInput` where there is no file at all, or none of the name that was asked for.
    """
    if not template.needs_weights:
        return None
    offered = list_weights()
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
        "This model template builds upon a pre-trained network, and none is installed here. Ask your operator to put a "
        "file of weights into the folder for them."
    )


def hand_over_weights(plan: Mapping[str, Any], folder: Path) -> None:
    """Put the file that a plan names into the folder of its run. Raises `WeightsMissing`."""
    if not plan.get("weights"):
        return
    wanted = Weights.from_json(plan["weights"])
    target = folder / HANDED_OVER
    if target.is_file() and digest_of(target) == wanted.sha256:
        return
    for path in _list_paths():
        found = _describe(path)
        if found is not None and found.weights.sha256 == wanted.sha256:
            shutil.copyfile(path, target)
            return
    words = _("The trainer has no file of the weights %(name)s that this run was planned with.")
    raise WeightsMissing(words % {"name": wanted.name})


def _list_paths() -> list[Path]:
    folder = settings.ENVIRONMENT.weights
    return sorted(folder.glob(f"*{SUFFIX}")) if folder.is_dir() else []


def _describe(path: Path) -> WeightsFile | None:
    try:
        status = path.stat()
    except OSError as fault:
        log.warning("weights: %s cannot be read: %s", path, fault)
        return None
    return _describe_once(path, status.st_size, status.st_mtime_ns)


@lru_cache(maxsize=64)
def _describe_once(path: Path, size: int, changed: int) -> WeightsFile | None:
    """A file is read, and complained about, once for as long as its size and time of change stay the same."""
    try:
        return describe_weights(path)
    except BadWeights as fault:
        log.warning("weights: %s is not offered: %s", path, fault.message)
        return None
