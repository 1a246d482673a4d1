"""How the rows of a run are parted: what may be asked for, what the data allows, and what it suggests."""

import math
import re
from collections.abc import Iterable, Mapping
from typing import Any, cast

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, gettext_noop

from modelyard.catalog.spec import ModelTemplate
from modelyard.contracts.plan import PART_WORDS, SPLIT_METHODS, Split, SplitMethod
from modelyard.contracts.profile import STORED_AS_TABLE, ColumnProfile, Problem, Profile
from modelyard.contracts.sentences import sentence
from modelyard.errors import InvalidInput

SHARES = {"validation": "validation_share", "test": "test_share"}
"""The shares of a split, and the options by which they can be given alone."""
LEAST_SHARE, MOST_SHARE = 0.05, 0.4
FEWEST_VALUES = 3
"""Of a column that parts rows: one for each part."""
BY_CHANCE: tuple[SplitMethod, ...] = ("stratified", "random")
TITLES: Mapping[SplitMethod, Promise] = {
    "stratified": gettext_lazy("At random, each class with its share in every part"),
    "random": gettext_lazy("At random"),
    "group": gettext_lazy("By group: rows with the same value in a column stay together"),
    "time": gettext_lazy("By time: learn from the past, test on what came later"),
    "given": gettext_lazy("As a column says: train, validation or test"),
}
MANY_MOMENTS = 20
GROUP_WORDS = re.compile(
    r"(^|[\W_])(ids?|uuid|patient|subject|person|participant|customer|client|user|account|member|household|family|"
    r"speaker|author|device|machine|vehicle|session|group|batch|site|store)($|[\W_])",
    re.IGNORECASE,
)
"""What columns are called whose rows belong together."""


def clean_split(options: Mapping[str, Any]) -> tuple[Split, dict[str, str]]:
    """Return the split of a run's options and what is wrong with it, by the names of the options."""
    given = options.get("split")
    if given is not None and not isinstance(given, Mapping):
        return Split(), {"options.split": _('must be an object such as {"method": "time", "column": "date"}')}
    split: Mapping[str, Any] = given or {}
    problems = {
        f"options.split.{str(name)[:60]}": _("there is no such option; there are method, column, validation, test")
        for name in split
        if name not in ("method", "column", *SHARES)
    }
    method = split.get("method") or "stratified"
    if method not in SPLIT_METHODS:
        problems["options.split.method"] = _("must be one of %(names)s") % {"names": ", ".join(SPLIT_METHODS)}
    column = split.get("column") or None
    if column is not None and not isinstance(column, str):
        problems["options.split.column"] = _("must be the name of a column")
    shares = {}
    for name, alone in SHARES.items():
        place, value = f"options.{alone}", options.get(alone, 0.15)
        if name in split:
            place, value = f"options.split.{name}", split[name]
            if alone in options:
                problems[place] = _("was given twice: here and as %(name)s") % {"name": alone}
        share = _share(value)
        if share is None:
            problems[place] = _("must be a share of the rows from 0.05 to 0.4")
        shares[name] = share or 0.0
    if problems:
        return Split(), problems
    return Split(method=cast(SplitMethod, method), column=column, **shares), problems


def offer_methods(template: ModelTemplate, profile: Profile) -> tuple[SplitMethod, ...]:
    """How the rows of this data can be parted for this template; nothing where it parts them in its own way."""
    if template.task in ("forecasting", "anomaly_detection"):
        return ()
    return SPLIT_METHODS if profile.kind in STORED_AS_TABLE else BY_CHANCE


def list_columns(profile: Profile, target: str | None = None) -> list[ColumnProfile]:
    """The columns that rows could be parted by."""
    return [column for column in profile.columns if column.name != target and column.distinct >= 2]


def check_split(split: Split, template: ModelTemplate, profile: Profile, target: str | None) -> None:
    """Raises `InvalidInput` naming the part of `options.split` that this data does not allow."""
    methods = offer_methods(template, profile)
    if split.method not in (methods or BY_CHANCE):
        words = _("this data cannot be parted so; there are %(names)s") if methods else _("%(title)s parts rows itself")
        names = {"names": ", ".join(methods), "title": template.title}
        raise InvalidInput({"options.split.method": words % names})
    if split.method in BY_CHANCE:
        if split.column:
            words = _("only the methods group, time and given take a column")
            raise InvalidInput({"options.split.column": words})
        return
    refusal = _refuse_column(split, profile, target)
    if refusal:
        raise InvalidInput({"options.split.column": refusal})


def spent_columns(split: Split) -> tuple[str, ...]:
    """Columns that say how rows are parted and nothing that can be learned: a new group has a name never seen."""
    return (split.column,) if split.column and split.method in ("group", "given") else ()


def list_split_notes(split: Split, template: ModelTemplate, profile: Profile, target: str | None) -> list[Problem]:
    """What speaks for another split than one at random, where nobody has chosen one."""
    if split.method not in BY_CHANCE or "time" not in offer_methods(template, profile):
        return []
    columns = list_columns(profile, target)
    return [*_suggest_group(columns, profile.rows), *_suggest_time(columns)]


def _suggest_group(columns: Iterable[ColumnProfile], rows: int) -> Iterable[Problem]:
    for column in columns:
        repeats = rows / max(1, column.distinct)
        if column.kind not in ("date", "flag") and column.distinct >= 10 and repeats >= 2 and _names_group(column):
            words = sentence(
                gettext_noop(
                    "{name} has {distinct:,} different values in {rows:,} rows. If rows with the same value belong "
                    "together and the model is for new ones, part the rows by group: else the test is too kind."
                ),
                name=column.name,
                distinct=column.distinct,
                rows=rows,
            )
            yield Problem.saying("split_by_group", words, column=column.name)
            return


def _suggest_time(columns: Iterable[ColumnProfile]) -> Iterable[Problem]:
    for column in columns:
        if column.kind == "date" and column.distinct >= MANY_MOMENTS:
            words = sentence(
                gettext_noop(
                    "{name} is a date. If the model is to predict what comes later, part the rows by time: at random "
                    "it is tested on days between those that it has learned from."
                ),
                name=column.name,
            )
            yield Problem.saying("split_by_time", words, column=column.name)
            return


def _names_group(column: ColumnProfile) -> bool:
    """`patient_id`, `Customer No`, `userId`"""
    return GROUP_WORDS.search(re.sub(r"(?<=[a-z])(?=[A-Z])", "_", column.name)) is not None


def _refuse_column(split: Split, profile: Profile, target: str | None) -> str:
    """Why the column cannot part the rows so, "" where it can."""
    if not split.column:
        return _("say which column to part the rows by")
    column = profile.column(split.column)
    if column is None:
        return _("there is no column %(name)s") % {"name": split.column[:80]}
    said = {"name": column.name, "distinct": column.distinct, "kind": column.kind}
    if column.name == target:
        return _("%(name)s is the column to predict") % said
    if split.method == "given":
        return _refuse_given(column)
    if column.distinct < FEWEST_VALUES:
        return _("%(name)s has %(distinct)d different values; each of the three parts needs one") % said
    if split.method == "group" and column.distinct >= profile.rows - column.missing:
        return _("%(name)s differs in every row, so that there are no groups") % said
    if split.method == "time" and column.kind not in ("date", "number"):
        return _("%(name)s holds %(kind)s values; a split by time needs dates, or numbers that grow with time") % said
    return ""


def _refuse_given(column: ColumnProfile) -> str:
    named = [bar.value for bar in column.bars if bar.value is not None]
    unknown = [value for value in named if value.strip().lower() not in PART_WORDS]
    if unknown or column.distinct > len(PART_WORDS):
        words = _("the values of %(name)s must be train, validation and test, got '%(value)s'")
        return words % {"name": column.name, "value": (unknown or [str(column.distinct)])[0][:40]}
    if named and all(PART_WORDS[value.strip().lower()] for value in named):
        return _("%(name)s says 'train' in no row, so that there is nothing to learn from") % {"name": column.name}
    return ""


def _share(value: object) -> float | None:
    try:
        share = float(value) if isinstance(value, (int, float, str)) and not isinstance(value, bool) else math.nan
    except ValueError:
        return None
    return share if LEAST_SHARE <= share <= MOST_SHARE else None
