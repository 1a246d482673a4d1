"""Which of two versions is better, and at what?"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from modelyard.registry.lineage import Fact, lineage_of
from modelyard.registry.metrics import Delta, delta_of, difference_range, help_of, names_in, shown, title_of
from modelyard.registry.models import ModelVersion
from modelyard.registry.pairing import pair, were_tested_alike
from modelyard.templatetags.display import number


@dataclass(frozen=True, kw_only=True)
class ComparedFigure:
    """A figure of both versions and how the second differs. `range` is where the difference likely lies, `is_sure` is
    False where that may be on either side of nothing."""

    title: str
    help: str
    older: str
    newer: str
    delta: Delta | None
    range: str = ""
    is_sure: bool = True


@dataclass(frozen=True, kw_only=True)
class Difference:
    """Something the two versions do not share."""

    term: str
    older: str
    newer: str


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """`same_data` says whether the figures were measured on the same split of the same data; else compare with care."""

    older: ModelVersion
    newer: ModelVersion
    metrics: list[ComparedFigure]
    classes: list[ComparedFigure]
    differences: list[Difference]
    same_data: bool
    verdict: str


def compare(older: ModelVersion, newer: ModelVersion) -> Comparison:
    """Hold two versions of a model against each other, on their test parts."""
    return Comparison(
        older=older,
        newer=newer,
        metrics=_metrics(older.report, newer.report),
        classes=_classes(older.report, newer.report),
        differences=_differences(older, newer),
        same_data=were_tested_alike(older.report, newer.report) or _data_of(older) == _data_of(newer),
        verdict=_verdict(older, newer),
    )


def _metrics(older: Mapping[str, Any], newer: Mapping[str, Any]) -> list[ComparedFigure]:
    before, after = (report.get("metrics", {}).get("test", {}) for report in (older, newer))
    titles = {**older.get("titles", {}), **newer.get("titles", {})}
    figures = []
    for name in names_in((before, after)):
        paired = pair(older, newer, name)
        figures.append(
            ComparedFigure(
                title=title_of(name, titles),
                help=help_of(name),
                older=shown(name, before.get(name)),
                newer=shown(name, after.get(name)),
                delta=delta_of(name, after.get(name), before.get(name)),
                range=difference_range(name, paired.low, paired.high) if paired else "",
                is_sure=paired is None or paired.is_sure,
            )
        )
    return figures


def _classes(older: Mapping[str, Any], newer: Mapping[str, Any]) -> list[ComparedFigure]:
    before, after = ({row["label"]: row["f1"] for row in report.get("classes", [])} for report in (older, newer))
    return [
        ComparedFigure(
            title=label,
            help="",
            older=number(before.get(label), 3),
            newer=number(after.get(label), 3),
            delta=delta_of("f1", after.get(label), before.get(label)),
        )
        for label in dict.fromkeys([*before, *after])
    ]


def _differences(older: ModelVersion, newer: ModelVersion) -> list[Difference]:
    before, after = (_facts_by_term(version) for version in (older, newer))
    return [
        Difference(term=term, older=before.get(term, "–"), newer=after.get(term, "–"))
        for term in dict.fromkeys([*before, *after])
        if before.get(term) != after.get(term)
    ]


def _facts_by_term(version: ModelVersion) -> dict[str, str]:
    lineage = lineage_of(version)
    facts: list[Fact] = [*lineage.facts, *lineage.hyperparameters, *lineage.libraries]
    return {fact.term: fact.value for fact in facts}


def _data_of(version: ModelVersion) -> tuple[Any, Any]:
    plan = version.lineage.get("plan") or {}
    return plan.get("data_sha256"), plan.get("seed")


def _verdict(older: ModelVersion, newer: ModelVersion) -> str:
    """One sentence on the headline, heeding its interval."""
    before, after = (version.report.get("headline") or {} for version in (older, newer))
    if not before or before.get("name") != after.get("name"):
        return _("The two versions are judged by different figures.")
    delta = delta_of(after["name"], after["value"], before["value"], higher_is_better=after.get("higher_is_better"))
    if delta is None or delta.better is None:
        return _("Both versions are equally good.")
    names = {"better": newer if delta.better else older, "worse": older if delta.better else newer}
    paired = pair(older.report, newer.report, after["name"])
    if not paired.is_sure if paired else _overlap(before, after):
        return _("%(better)s is ahead of %(worse)s, but within what chance explains.") % names
    return _("%(better)s is better than %(worse)s.") % names


def _overlap(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    ends = [one.get("low"), one.get("high"), other.get("low"), other.get("high")]
    if any(end is None for end in ends):
        return False
    return bool(one["low"] <= other["high"] and other["low"] <= one["high"])
