"""Tables without a target: every column that says something is looked at."""

from collections.abc import Iterable

from django.utils.translation import gettext as _

from modelyard.contracts.profile import Profile
from modelyard.errors import InvalidInput
from modelyard.runs.fitting.base import Fit, require_rows
from modelyard.runs.fitting.tables import choose_features


def fit_unlabelled(profile: Profile, target: str | None, excluded: Iterable[str]) -> Fit:
    """Raises `InvalidInput` naming `target`, `dataset_version` or `options.exclude`."""
    if target:
        words = _("this model template predicts no column; leave the target out, got %(name)s")
        raise InvalidInput({"target": words % {"name": target[:80]}})
    require_rows(profile.rows, "table")
    return Fit(kinds=choose_features(profile, None, list(excluded)))
