"""Tables whose texts are to be sorted: which columns are read as texts, and what stands beside them."""

from collections.abc import Iterable
from dataclasses import replace

from django.utils.translation import gettext as _

from modelyard.catalog.spec import ModelTemplate
from modelyard.contracts.profile import ColumnProfile, Profile
from modelyard.contracts.wording import is_wordy
from modelyard.errors import InvalidInput
from modelyard.runs.fitting.base import Fit
from modelyard.runs.fitting.tables import fit_table


def read_as_texts(profile: Profile) -> Profile:
    """The profile with identifiers that are words after all (names, short lines) as texts."""
    return replace(profile, columns=tuple(map(_read_as_text, profile.columns)))


def has_texts(profile: Profile) -> bool:
    return any(column.kind == "text" for column in read_as_texts(profile).columns)


def fit_texts(template: ModelTemplate, profile: Profile, target: str | None, excluded: Iterable[str]) -> Fit:
    """Raises `InvalidInput` naming `target`, `dataset_version` or `options.exclude`."""
    left_out = list(excluded)
    fit = fit_table(template, read_as_texts(profile), target, left_out)
    if any(kind == "text" for name, kind in fit.kinds.items() if name != target):
        return fit
    words = _(
        "no column of texts is left to read; change the kind of the column that holds them to text on the page of the "
        "data set, or choose a model template for tables"
    )
    raise InvalidInput({"options.exclude" if left_out else "dataset_version": words})


def _read_as_text(column: ColumnProfile) -> ColumnProfile:
    return replace(column, kind="text") if column.kind == "identifier" and is_wordy(column) else column
