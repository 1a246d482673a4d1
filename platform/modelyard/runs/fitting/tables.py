"""Tables with a target column: which columns are used, and what to know before trusting the result."""

from collections.abc import Iterable

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from modelyard.catalog.spec import ModelTemplate
from modelyard.contracts.profile import ColumnProfile, Problem, Profile
from modelyard.contracts.sentences import sentence
from modelyard.errors import InvalidInput
from modelyard.runs.fitting.base import Fit, list_class_notes, require_rows
from modelyard.runs.fitting.targets import find_target, refuse_target

USELESS_KINDS = ("identifier", "empty")
LEAK_CODES = ("copied_column", "one_to_one")


def fit_table(template: ModelTemplate, profile: Profile, target: str | None, excluded: Iterable[str]) -> Fit:
    """Raises `InvalidInput` naming `target`, `dataset_version` or `options.exclude`."""
    column = find_target(profile, target)
    labelled = profile.rows - column.missing
    if not labelled:
        raise InvalidInput({"target": _("%(name)s has no values; choose another column") % {"name": column.name}})
    require_rows(labelled, "table")
    refusal = refuse_target(template, column, profile)
    if refusal:
        raise InvalidInput({"target": refusal})
    return Fit(
        kinds=choose_kinds(template, profile, column, list(excluded)),
        notes=tuple(_list_notes(template, profile, column)),
    )


def choose_kinds(
    template: ModelTemplate, profile: Profile, target: ColumnProfile, excluded: list[str]
) -> dict[str, str]:
    if target.name in excluded:
        raise InvalidInput({"options.exclude": _("%(name)s is the column to predict") % {"name": target.name}})
    features = choose_features(profile, target.name, excluded)
    kind = "category" if template.task == "classification" and target.kind in ("number", "text") else target.kind
    return {**features, target.name: kind}


def choose_features(profile: Profile, target: str | None, excluded: list[str]) -> dict[str, str]:
    """The columns to learn from and their kinds. Raises `InvalidInput` where none is left."""
    unknown = [name for name in excluded if profile.column(name) is None]
    if unknown:
        raise InvalidInput({"options.exclude": _("there is no column %(name)s") % {"name": unknown[0][:80]}})
    features = {
        column.name: str(column.kind)
        for column in profile.columns
        if column.name != target and column.name not in excluded and column.kind not in USELESS_KINDS
    }
    if not features:
        words = _("no columns are left to learn from: all others are excluded, empty or identifier-like")
        raise InvalidInput({"options.exclude" if excluded else "dataset_version": words})
    return features


def _list_notes(template: ModelTemplate, profile: Profile, target: ColumnProfile) -> Iterable[Problem]:
    """What a person should know before trusting the result; none of it stops the run."""
    if target.missing:
        words = sentence(
            gettext_noop("{count} rows without a value of {name} are left out."), count=target.missing, name=target.name
        )
        yield Problem.saying("target_missing", words, column=target.name)
    for warning in profile.warnings:
        if warning.code in LEAK_CODES:
            yield warning
    if template.task == "classification":
        yield from list_class_notes([bar.count for bar in target.bars], target.distinct, target.name)
