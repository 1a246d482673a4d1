"""Does this data fit this model template? Asked by the gallery, by the form, and before any quota is spent."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop, ngettext

from modelyard.catalog import list_templates
from modelyard.catalog.spec import ModelTemplate
from modelyard.contracts.profile import ColumnProfile, Problem, Profile
from modelyard.contracts.sentences import sentence
from modelyard.errors import InvalidInput

FEWEST_ROWS: Mapping[str, int] = {"table": 20, "images": 10}
MOST_CLASSES = 1000
MANY_CLASSES = 50
MOST_NUMBERS_AS_CLASSES = 100
FEW_NUMBERS = 10
"""So many different whole numbers are taken for classes where nobody says what they are."""
RARE_SHARE = 0.05
TARGET_WORDS = ("target", "label", "class", "outcome", "y")
CLASS_KINDS = ("category", "flag", "number", "text")
USELESS_KINDS = ("identifier", "empty")
LEAK_CODES = ("copied_column", "one_to_one")


@dataclass(frozen=True, kw_only=True)
class Fit:
    """How a template would use a data set: the kind of each column (the target's included), and what to know."""

    kinds: dict[str, str]
    notes: tuple[Problem, ...] = ()


def suits(template: ModelTemplate, profile: Profile) -> bool:
    """Whether the template takes this kind of data and finds a target in it."""
    if template.input_kind != profile.kind:
        return False
    return not template.needs_target or bool(list_targets(template, profile))


def sort_templates(profile: Profile) -> tuple[list[ModelTemplate], list[ModelTemplate]]:
    """The templates that suit the data, and the others."""
    suiting = [template for template in list_templates() if suits(template, profile)]
    return suiting, [template for template in list_templates() if template not in suiting]


def list_targets(template: ModelTemplate, profile: Profile) -> list[ColumnProfile]:
    """The columns that the template could predict, in the order of the file."""
    return [column for column in profile.columns if _can_predict(template, column, profile)]


def _can_predict(template: ModelTemplate, column: ColumnProfile, profile: Profile) -> bool:
    as_number = column.kind == "number" and column.distinct > 1
    as_class = column.kind in CLASS_KINDS and not _refusal_of_classes(column, profile)
    return {"regression": as_number, "classification": as_class}.get(template.task, as_number or as_class)


def settle_task(
    template: ModelTemplate, profile: Profile, target: str | None, hyperparameters: Mapping[str, Any]
) -> tuple[ModelTemplate, dict[str, Any]]:
    """Return template and hyper-parameters with the task that they leave open: what the target is, where nobody said.

    Numbers are a quantity, unless there are no more than `FEW_NUMBERS` of them.
    """
    settled = dict(hyperparameters)
    if template.task != "either":
        return template, settled
    if settled["task"] == "auto":
        column = profile.column(target) if target else None
        is_quantity = column is not None and column.kind == "number" and column.distinct > FEW_NUMBERS
        settled["task"] = "regression" if is_quantity else "classification"
    return replace(template, task=template.task_of(settled)), settled


def guess_target(columns: Iterable[ColumnProfile]) -> ColumnProfile | None:
    """The column that people most likely mean: one that is called so, else the last."""
    listed = list(columns)
    named = [column for column in listed if column.name.strip().lower() in TARGET_WORDS]
    choices = named or listed
    return choices[-1] if choices else None


def check_fit(template: ModelTemplate, profile: Profile, target: str | None, excluded: Iterable[str]) -> Fit:
    """Raises `InvalidInput` naming `model_template`, `target`, `dataset_version` or `options.exclude`."""
    if template.input_kind != profile.kind:
        words = _("%(title)s takes %(wanted)s, this data set holds %(given)s; choose a model template that fits it")
        said = {"title": template.title, "wanted": template.input_kind, "given": profile.kind}
        raise InvalidInput({"model_template": words % said})
    if not template.needs_target:
        return _fit_classes_of_folders(profile, target)
    column = _target_column(profile, target)
    labelled = profile.rows - column.missing
    if not labelled:
        raise InvalidInput({"target": _("%(name)s has no values; choose another column") % {"name": column.name}})
    _require_rows(labelled, "table")
    refusal = _refusal(template, column, profile)
    if refusal:
        raise InvalidInput({"target": refusal})
    return Fit(
        kinds=_used_kinds(template, profile, column, list(excluded)),
        notes=tuple(_list_notes(template, profile, column)),
    )


def _target_column(profile: Profile, target: str | None) -> ColumnProfile:
    if not target:
        raise InvalidInput({"target": _("say which column to predict")})
    column = profile.column(target)
    if column is None:
        names = ", ".join(column.name for column in profile.columns[:20])
        words = _("there is no column %(name)s; there are %(names)s")
        raise InvalidInput({"target": words % {"name": target[:80], "names": names}})
    return column


def _require_rows(rows: int, kind: str) -> None:
    fewest = FEWEST_ROWS[kind]
    if rows >= fewest:
        return
    words = ngettext(
        "%(rows)d row with a value to learn from is too few; at least %(fewest)d are needed to train, check and test",
        "%(rows)d rows with a value to learn from are too few; at least %(fewest)d are needed to train, check and test",
        rows,
    )
    raise InvalidInput({"dataset_version": words % {"rows": rows, "fewest": fewest}})


def _refusal(template: ModelTemplate, column: ColumnProfile, profile: Profile) -> str:
    return _refusal_of_numbers(column) if template.task == "regression" else _refusal_of_classes(column, profile)


def _refusal_of_numbers(column: ColumnProfile) -> str:
    if column.kind != "number":
        words = _(
            "%(name)s holds %(kind)s values, and a regression predicts numbers; choose a column of numbers, or the "
            "template tabular_classifier to predict which value it is"
        )
        return words % {"name": column.name, "kind": column.kind}
    if column.distinct < 2:
        return _("%(name)s has the same value in every row, so there is nothing to learn") % {"name": column.name}
    return ""


def _refusal_of_classes(column: ColumnProfile, profile: Profile) -> str:
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


def _used_kinds(
    template: ModelTemplate, profile: Profile, target: ColumnProfile, excluded: list[str]
) -> dict[str, str]:
    unknown = [name for name in excluded if profile.column(name) is None]
    if unknown:
        raise InvalidInput({"options.exclude": _("there is no column %(name)s") % {"name": unknown[0][:80]}})
    if target.name in excluded:
        raise InvalidInput({"options.exclude": _("%(name)s is the column to predict") % {"name": target.name}})
    features = {
        column.name: str(column.kind)
        for column in profile.columns
        if column.name != target.name and column.name not in excluded and column.kind not in USELESS_KINDS
    }
    if not features:
        words = _("no columns are left to learn from: besides %(name)s all are excluded, empty or identifier-like")
        raise InvalidInput({"options.exclude" if excluded else "dataset_version": words % {"name": target.name}})
    kind = "category" if template.task == "classification" and target.kind in ("number", "text") else target.kind
    return {**features, target.name: kind}


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
        yield from _list_class_notes([bar.count for bar in target.bars], target.distinct, target.name)


def _list_class_notes(counts: list[int], classes: int, column: str | None) -> Iterable[Problem]:
    if classes > MANY_CLASSES:
        words = sentence(
            gettext_noop("There are {count} classes; the report shows the most frequent ones only."), count=classes
        )
        yield Problem.saying("many_classes", words, column=column)
    if len(counts) < classes or not counts:
        return
    rarest, total = min(counts), sum(counts)
    if rarest == 1:
        words = sentence(gettext_noop("One class has a single example: it can be learned or tested, not both."))
        yield Problem.saying("singleton_class", words, column=column)
    if rarest < RARE_SHARE * total / max(1, classes / 2):
        words = sentence(
            gettext_noop(
                "The rarest class makes up {share:.1f} % of the rows. Look at the results of each class, not at the "
                "share of right answers."
            ),
            share=100 * rarest / total,
        )
        yield Problem.saying("imbalance", words, column=column)


def _fit_classes_of_folders(profile: Profile, target: str | None) -> Fit:
    if target:
        words = _("images are sorted by the folder they lie in; leave the target out, got %(name)s")
        raise InvalidInput({"target": words % {"name": target[:80]}})
    if len(profile.classes) < 2:
        raise InvalidInput({"dataset_version": _("all images lie in one class folder; at least 2 classes are needed")})
    if len(profile.classes) > MOST_CLASSES:
        words = _("there are %(count)d class folders; at most %(most)d classes can be told apart")
        said = {"count": len(profile.classes), "most": MOST_CLASSES}
        raise InvalidInput({"dataset_version": words % said})
    _require_rows(profile.rows, "images")
    counts = [bar.count for bar in profile.classes]
    return Fit(kinds={}, notes=tuple(_list_class_notes(counts, len(counts), None)))
