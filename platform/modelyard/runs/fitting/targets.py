"""Which column can be predicted, and why another cannot."""

from collections.abc import Iterable

from django.utils.translation import gettext as _

from modelyard.catalog.spec import ModelTemplate
from modelyard.contracts.profile import ColumnProfile, Profile
from modelyard.errors import InvalidInput
from modelyard.runs.fitting.base import MOST_CLASSES

MOST_NUMBERS_AS_CLASSES = 100
TARGET_WORDS = ("target", "label", "class", "outcome", "y")
CLASS_KINDS = ("category", "flag", "number", "text")


def list_targets(template: ModelTemplate, profile: Profile) -> list[ColumnProfile]:
    """The columns that the template could predict, in the order of the file."""
    return [column for column in profile.columns if can_predict(template, column, profile)]


def can_predict(template: ModelTemplate, column: ColumnProfile, profile: Profile) -> bool:
    as_number = column.kind == "number" and column.distinct > 1
    as_class = column.kind in CLASS_KINDS and not refuse_classes(column, profile)
    known = {"regression": as_number, "forecasting": as_number, "classification": as_class}
    return known.get(template.task, as_number or as_class)


def guess_target(columns: Iterable[ColumnProfile]) -> ColumnProfile | None:
    """The column that people most likely mean: one that is called so, else the last."""
    listed = list(columns)
    named = [column for column in listed if column.name.strip().lower() in TARGET_WORDS]
    choices = named or listed
    return choices[-1] if choices else None


def find_target(profile: Profile, target: str | None) -> ColumnProfile:
    if not target:
        raise InvalidInput({"target": _("say which column to predict")})
    column = profile.column(target)
    if column is None:
        names = ", ".join(column.name for column in profile.columns[:20])
        words = _("there is no column %(name)s; there are %(names)s")
        raise InvalidInput({"target": words % {"name": target[:80], "names": names}})
    return column


def refuse_target(template: ModelTemplate, column: ColumnProfile, profile: Profile) -> str:
    return refuse_numbers(column) if template.task == "regression" else refuse_classes(column, profile)


def refuse_numbers(column: ColumnProfile) -> str:
    if column.kind != "number":
        words = _(
            "%(name)s holds %(kind)s values, and a regression predicts numbers; choose a column of numbers, or the "
            "template tabular_classifier to predict which value it is"
        )
        return words % {"name": column.name, "kind": column.kind}
    if column.distinct < 2:
        return _("%(name)s has the same value in every row, so there is nothing to learn") % {"name": column.name}
    return ""


def refuse_classes(column: ColumnProfile, profile: Profile) -> str:
    """Why the column cannot be a class, "" where it can."""
    said = {"name": column.name, "distinct": column.distinct, "kind": column.kind}
    labelled = profile.rows - column.missing
    if column.distinct < 2:
        return _("%(name)s has a single value; at least 2 classes are needed") % said
    if column.kind == "number" and column.distinct > MOST_NUMBERS_AS_CLASSES:
        words = _(
            "%(name)s has %(distinct)d different numbers, which is a quantity; take the template tabular_regressor"
        )
        return words % said
    if column.kind == "identifier" or column.distinct > 0.9 * labelled:
        words = _("%(name)s differs in nearly every row, like an identifier; choose a column whose values repeat")
        return words % said
    if column.kind not in CLASS_KINDS:
        return _("%(name)s holds %(kind)s values, which are no classes; choose another column") % said
    if column.distinct > MOST_CLASSES:
        words = _("%(name)s has %(distinct)d different values; at most %(most)d classes can be told apart")
        return words % {**said, "most": MOST_CLASSES}
    return ""
