"""Series over time: which column says when, which name the series, which hold what is known of the future."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from modelyard.contracts.profile import ColumnProfile, Problem, Profile
from modelyard.contracts.sentences import sentence
from modelyard.errors import InvalidInput
from modelyard.features.series.requests import RESERVED
from modelyard.features.series.roles import guess_roles, guess_time, may_be_time
from modelyard.runs.fitting.base import Fit
from modelyard.runs.fitting.targets import find_target

TIME, SERIES = "time", "series"
KNOWN_KINDS = ("number", "flag", "category")
FEWEST_ROWS = 8
MOST_NAMING = 8
MOST_KNOWN = 100
OPTIONS = ("time", "series", "known")
"""The names of the options of a run that say what columns are for."""


@dataclass(frozen=True, kw_only=True)
class ChosenRoles:
    """What somebody said of columns; None where it is left to be guessed."""

    time: str | None = None
    series: tuple[str, ...] | None = None
    known: tuple[str, ...] = ()


def clean_roles(options: Mapping[str, Any]) -> tuple[ChosenRoles, dict[str, str]]:
    """Return the roles of a run's options and what is wrong with them, by the names of the options."""
    problems: dict[str, str] = {}
    time = options.get("time") or None
    if time is not None and not isinstance(time, str):
        problems["options.time"] = _("must be the name of a column")
    lists: dict[str, tuple[str, ...] | None] = {}
    for option in ("series", "known"):
        given = options.get(option)
        if isinstance(given, str):
            given = [given] if given else []
        if given is not None and (
            not isinstance(given, (list, tuple)) or not all(isinstance(one, str) for one in given)
        ):
            problems[f"options.{option}"] = _("must be a list of names of columns")
            given = None
        lists[option] = None if given is None else tuple(dict.fromkeys(given))
    if problems:
        return ChosenRoles(), problems
    return ChosenRoles(time=time, series=lists["series"], known=lists["known"] or ()), {}


def has_time(profile: Profile) -> bool:
    """Whether a column can say when."""
    return guess_time(profile.columns) is not None


def list_times(profile: Profile) -> list[ColumnProfile]:
    return [column for column in profile.columns if may_be_time(column)]


def list_naming(profile: Profile) -> list[ColumnProfile]:
    """The columns that could tell series apart."""
    return [column for column in profile.columns if column.kind not in ("empty", "date") and column.distinct > 1]


def list_known(profile: Profile) -> list[ColumnProfile]:
    return [column for column in profile.columns if column.kind in KNOWN_KINDS]


def fit_series(profile: Profile, target: str | None, excluded: Iterable[str], chosen: ChosenRoles) -> Fit:
    """Raises `InvalidInput` naming `target`, `dataset_version` or an option."""
    column = find_target(profile, target)
    _check_target(column)
    guessed = guess_roles(profile.columns, profile.rows, column.name)
    time = chosen.time or (guessed.time if guessed else None)
    if time is None:
        words = _("no column says when; forecasts need one with moments such as 2026-01-31, 2026-01 or 2026-Q1")
        raise InvalidInput({"options.time": words})
    _check_time(profile, time, column.name)
    series = chosen.series
    if series is None:
        regarded = guessed if guessed and guessed.time == time else None
        series = tuple(name for name in (regarded.series if regarded else ()) if name not in chosen.known)
    _check_series(profile, series, time, column.name)
    _check_known(profile, chosen.known, [time, column.name, *series])
    unknown = [name for name in excluded if profile.column(name) is None]
    if unknown:
        raise InvalidInput({"options.exclude": _("there is no column %(name)s") % {"name": unknown[0][:80]}})
    if profile.rows < FEWEST_ROWS:
        words = _("%(rows)d rows are too few for a forecast; at least %(fewest)d are needed")
        raise InvalidInput({"dataset_version": words % {"rows": profile.rows, "fewest": FEWEST_ROWS}})
    known = {name: str(_column(profile, name).kind) for name in chosen.known}
    kinds = {time: TIME, **dict.fromkeys(series, SERIES), **known, column.name: "number"}
    return Fit(kinds=kinds, notes=tuple(_list_notes(profile, column, time, series)))


def _check_target(column: ColumnProfile) -> None:
    said = {"name": column.name, "kind": column.kind}
    if column.kind != "number":
        words = _("%(name)s holds %(kind)s values; forecasts are of numbers")
        raise InvalidInput({"target": words % said})
    if column.distinct < 2:
        words = _("%(name)s has the same value in every row, so there is nothing to learn")
        raise InvalidInput({"target": words % said})


def _check_time(profile: Profile, time: str, target: str) -> None:
    column = profile.column(time)
    if column is None:
        raise InvalidInput({"options.time": _no_column(time)})
    if time == target:
        raise InvalidInput({"options.time": _("%(name)s is the column to predict") % {"name": time}})
    if not may_be_time(column):
        words = _("%(name)s holds no moments; write them as 2026-01-31, 2026-01, 2026-Q1, 2026-W05 or 1, 2, 3")
        raise InvalidInput({"options.time": words % {"name": time}})
    _check_reserved([time], "time")


def _check_series(profile: Profile, series: Sequence[str], time: str, target: str) -> None:
    if len(series) > MOST_NAMING:
        words = _("at most %(most)d columns can tell series apart, got %(count)d")
        raise InvalidInput({"options.series": words % {"most": MOST_NAMING, "count": len(series)}})
    for name in series:
        if profile.column(name) is None:
            raise InvalidInput({"options.series": _no_column(name)})
        if name in (time, target):
            words = _("%(name)s cannot tell series apart: it says when, or is to be predicted")
            raise InvalidInput({"options.series": words % {"name": name}})
    _check_reserved(series, "series")


def _check_known(profile: Profile, known: Sequence[str], taken: Sequence[str]) -> None:
    if len(known) > MOST_KNOWN:
        words = _("at most %(most)d columns can be known in advance, got %(count)d")
        raise InvalidInput({"options.known": words % {"most": MOST_KNOWN, "count": len(known)}})
    for name in known:
        column = profile.column(name)
        if column is None:
            raise InvalidInput({"options.known": _no_column(name)})
        if name in taken:
            words = _("%(name)s says when, names a series or is to be predicted already")
            raise InvalidInput({"options.known": words % {"name": name}})
        if column.kind not in KNOWN_KINDS:
            words = _("%(name)s holds %(kind)s values; what is known in advance are numbers, yes or no, or categories")
            raise InvalidInput({"options.known": words % {"name": name, "kind": column.kind}})
    _check_reserved(known, "known")


def _check_reserved(names: Sequence[str], option: str) -> None:
    """Requests carry these names beside the columns."""
    for name in names:
        if name in RESERVED:
            words = _("%(name)s means something else in a request; rename the column")
            raise InvalidInput({f"options.{option}": words % {"name": name}})


def _no_column(name: str) -> str:
    return _("there is no column %(name)s") % {"name": name[:80]}


def _column(profile: Profile, name: str) -> ColumnProfile:
    column = profile.column(name)
    assert column is not None
    return column


def _list_notes(profile: Profile, target: ColumnProfile, time: str, series: Sequence[str]) -> Iterable[Problem]:
    if not series and _column(profile, time).distinct < 0.95 * profile.rows:
        words = sentence(
            gettext_noop(
                "Moments in {name} repeat, though no column tells series apart. Values of one moment are averaged, "
                "and training refuses where there are many."
            ),
            name=time,
        )
        yield Problem.saying("moments_repeat", words, column=time)
    if target.missing:
        words = sentence(
            gettext_noop("{count} rows without a value of {name} count as gaps."),
            count=target.missing,
            name=target.name,
        )
        yield Problem.saying("target_missing", words, column=target.name)
