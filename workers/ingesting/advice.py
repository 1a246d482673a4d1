"""Warnings about columns that a person should know of before training: what is lost, what gives the target away."""

import math
import re
from collections import Counter, defaultdict
from collections.abc import Sequence

import numpy as np

from modelyard.contracts.sentences import Several
from modelyard.contracts.sentences import sentence as _
from modelyard.features.number_texts import MAGNITUDE
from modelyard.features.values import MISSING_WORDS
from workers.ingesting.columns import Floats, Readings
from workers.ingesting.findings import Findings, listed, shown
from workers.ingesting.kinds import Guess
from workers.ingesting.surveying import Survey

_MOSTLY_MISSING = 0.5
_MANY_CATEGORIES = 100
_RARE_SHARE = 0.01
_UNITS = "$€£¥₹%￥"
_THOUSANDS = re.compile(r"\D*\d{1,3}(?:[,'\s]\d{3})+(?:\.\d*)?\W*")


def advise_on_words(survey: Survey, guess: Guess, findings: Findings) -> None:
    """Warn about a column of categories, texts, flags or identifiers."""
    name = shown(survey.name)
    if guess.kind == "empty":
        findings.warn(
            "empty_column",
            _(
                "The column {name} has no value in any row and cannot be used. If it holds formulas, open "
                "the workbook, let it calculate, and save it again.",
                name=name,
            ),
            column=survey.name,
        )
        return
    _advise_on_missing(survey, survey.missing, findings)
    _advise_on_constant(survey, findings)
    if guess.kind == "identifier":
        findings.warn(
            "identifier",
            _(
                "{name} looks like an identifier: {distinct:,} different values in {rows:,} rows. It is left "
                "out of training unless you say what it is.",
                name=name,
                distinct=survey.distinct,
                rows=survey.rows,
            ),
            column=survey.name,
        )
    _advise_on_strays(survey, guess, findings)
    if guess.kind == "category":
        _advise_on_categories(survey, findings)


def _advise_on_strays(survey: Survey, guess: Guess, findings: Findings) -> None:
    """Tell why a column that looks like numbers or dates is read as words."""
    name = shown(survey.name)
    if guess.leading_zeros:
        findings.warn(
            "leading_zeros",
            _(
                "{name} has numbers with leading zeros, so its values are kept as they are written and not "
                "read as numbers.",
                name=name,
            ),
            column=survey.name,
        )
    elif guess.kind in ("category", "text") and guess.number_share >= 0.5 and survey.distinct > 2:
        share = math.floor(guess.number_share * 100)
        findings.warn(
            "stray_text",
            _(
                "{share} % of the values of {name} are numbers, the rest are not, so it is read as {kind}: "
                "{others}. Repair them if it should be a number.",
                share=share,
                name=name,
                kind=_(guess.kind),
                others=listed(map(shown, _not_numbers(survey)), 5),
            ),
            column=survey.name,
        )
    elif guess.kind in ("category", "text") and guess.date_share >= 0.2:
        findings.warn(
            "mixed_dates",
            _(
                "{name} writes dates in ways that cannot be read together, so it is read as {kind}. Write "
                "all of them alike, best as 2026-01-31.",
                name=name,
                kind=_(guess.kind),
            ),
            column=survey.name,
        )


def _not_numbers(survey: Survey) -> list[str]:
    return [
        value for value in survey.counts if not any(letter.isdigit() for letter in value) or not value[:1].isdigit()
    ][:20]


def _advise_on_categories(survey: Survey, findings: Findings) -> None:
    name = shown(survey.name)
    if survey.distinct > _MANY_CATEGORIES:
        findings.warn(
            "many_categories",
            _(
                "{name} has {distinct:,} different values, which is many for a category.",
                name=name,
                distinct=survey.distinct,
            ),
            column=survey.name,
        )
    if not survey.complete:
        return
    words = [value for value in survey.counts if value.lower() in MISSING_WORDS]
    if words:
        findings.warn(
            "missing_words",
            _(
                "{words} in {name} are kept as values of their own. Leave cells empty where a value is missing.",
                words=listed(map(shown, words)),
                name=name,
            ),
            column=survey.name,
        )
    _advise_on_spellings(survey, findings)
    rarest, count = min(survey.counts.items(), key=lambda item: item[1])
    if 2 <= survey.distinct <= 20 and (count == 1 or count < _RARE_SHARE * survey.present):
        findings.warn(
            "rare_value",
            _(
                "{rarest} stands in {count:,} of {present:,} rows of {name}. A model that never says it "
                "would still look accurate: look at more than accuracy if this is your target.",
                rarest=shown(rarest),
                count=count,
                present=survey.present,
                name=name,
            ),
            column=survey.name,
        )


def _advise_on_spellings(survey: Survey, findings: Findings) -> None:
    folded: defaultdict[str, list[str]] = defaultdict(list)
    for value in survey.counts:
        folded[" ".join(value.casefold().split())].append(value)
    alike = [values for values in folded.values() if len(values) > 1]
    if alike:
        pairs = listed([" / ".join(map(shown, values)) for values in alike], 4)
        findings.warn(
            "similar_values",
            _(
                "Values of {name} differ only in capital letters or spaces: {pairs}. They count as different "
                "categories.",
                name=shown(survey.name),
                pairs=pairs,
            ),
            column=survey.name,
        )


def advise_on_numbers(survey: Survey, guess: Guess, readings: Readings, findings: Findings) -> None:
    """Warn about a column of numbers or dates."""
    name, kind = shown(survey.name), _(guess.kind)
    _advise_on_missing(survey, int(np.isnan(readings.values).sum()), findings)
    _advise_on_constant(survey, findings)
    if readings.bad_count:
        cells = _cells(readings.bad, findings)
        more = _(" ({count:,} in all)", count=readings.bad_count) if readings.bad_count > 6 else ""
        findings.warn(
            "stray_text",
            _(
                "{name} is a {kind} column, but some cells are no {kind}: {cells}{more}. They count as "
                "missing; correct them and upload a new version, or change the column's kind.",
                name=name,
                kind=kind,
                cells=cells,
                more=more,
            ),
            row=findings.row_in_file(readings.bad[0][0]),
            column=survey.name,
        )
    if readings.lost_count:
        cells = _cells(readings.lost, findings)
        code, what = (
            ("impossible_dates", _("days that do not exist"))
            if guess.kind == "date"
            else ("missing_words", _("no finite number"))
        )
        findings.warn(
            code,
            _(
                "{name} holds {what} in {count:cell}, taken for missing: {cells}.",
                name=name,
                what=what,
                count=readings.lost_count,
                cells=cells,
            ),
            row=findings.row_in_file(readings.lost[0][0]),
            column=survey.name,
        )
    if guess.kind == "number":
        _advise_on_writing(survey, guess, findings)
    else:
        _advise_on_dates(survey, guess, readings.values, findings)


def _cells(cells: Sequence[tuple[int, str]], findings: Findings) -> Several:
    """Name cells by their row in the file."""
    rows = ((findings.row_in_file(row), shown(value, 30)) for row, value in cells)
    return listed([_("row {row} {value}", row=row, value=value) for row, value in rows], 6)


def _advise_on_writing(survey: Survey, guess: Guess, findings: Findings) -> None:
    """Tell how separators and signs around numbers were understood."""
    name = shown(survey.name)
    words = list(survey.counts)
    if guess.style.startswith("comma"):
        findings.warn(
            "decimal_comma",
            _(
                "{name} was read with decimal commas: 1.234,5 is one thousand two hundred and thirty-four and a half.",
                name=name,
            ),
            column=survey.name,
        )
    elif any(_THOUSANDS.fullmatch(word) for word in words):
        findings.warn(
            "thousands_separators",
            _(
                "{name} was read with thousands separators: 1,234 is one thousand two hundred and thirty-four.",
                name=name,
            ),
            column=survey.name,
        )
    signs = Counter(sign for word in words for sign in _UNITS if sign in word)
    if signs:
        plain = any(not any(sign in word for sign in _UNITS) for word in words)
        mixed = len(signs) > 1 or plain
        check = _(" Not all values carry the same sign: check that they mean the same unit.") if mixed else ""
        findings.warn(
            "units",
            _(
                "{signs} was taken off the numbers of {name}; 12 % is read as 12.{check}",
                signs=listed(signs),
                name=name,
                check=check,
            ),
            column=survey.name,
        )
    unit = guess.style.partition(" ")[2]
    if unit:
        _advise_on_unit(name, unit, survey, findings)
    if any(word.startswith("(") and word.endswith(")") for word in words):
        findings.warn(
            "accounting_negatives",
            _("Numbers in parentheses in {name} were read as negative.", name=name),
            column=survey.name,
        )


def _advise_on_unit(name: str, unit: str, survey: Survey, findings: Findings) -> None:
    example = next((word for word in survey.counts if any(letter.isalpha() for letter in word)), "")
    if unit == MAGNITUDE:
        said = _(
            "{name} was read with magnitudes: k is a thousand, M a million; {example}.",
            name=name,
            example=shown(example),
        )
    else:
        said = _("The unit was taken off the numbers of {name}, as in {example}.", name=name, example=shown(example))
    findings.warn("units", said, column=survey.name)


def _advise_on_dates(survey: Survey, guess: Guess, seconds: Floats, findings: Findings) -> None:
    name = shown(survey.name)
    slashed = [word for word in survey.counts if word[:2].rstrip("/-").isdecimal() and ("/" in word or "-" in word[:3])]
    if slashed and guess.order is None:
        findings.warn(
            "ambiguous_dates",
            _(
                "Nothing tells whether day or month comes first in {name} ({example}), or its values "
                "contradict each other; the month was taken. Write dates as 2026-01-31.",
                name=name,
                example=shown(slashed[0], 30),
            ),
            column=survey.name,
        )
    known = seconds[np.isfinite(seconds)]
    times, counts = np.unique(known, return_counts=True)
    if len(times) < 10 or len(times) < 0.4 * len(known):
        return  # dates that only describe the rows
    if np.any(np.diff(known) < 0):
        findings.warn("unsorted_dates", _("The rows are not in the order of {name}.", name=name), column=survey.name)
    if counts.max() > 1:
        findings.warn(
            "repeated_dates",
            _("Repeated in {name}: {count:moment}.", name=name, count=int((counts > 1).sum())),
            column=survey.name,
        )
    steps = np.diff(times)
    usual = float(np.median(steps))
    gaps = np.flatnonzero(steps > 1.5 * usual)
    if len(gaps) and float(np.mean(np.isclose(steps, usual))) > 0.9:
        findings.warn(
            "date_gaps",
            _("{name} comes in even steps, with {count:gap} between.", name=name, count=len(gaps)),
            column=survey.name,
        )


def _advise_on_missing(survey: Survey, missing: int, findings: Findings) -> None:
    if missing > _MOSTLY_MISSING * survey.rows:
        share = math.floor(100 * missing / survey.rows)
        findings.warn(
            "mostly_missing",
            _(
                "{share} % of {name} is missing ({missing:,} of {rows:,} rows).",
                share=share,
                name=shown(survey.name),
                missing=missing,
                rows=survey.rows,
            ),
            column=survey.name,
        )


def _advise_on_constant(survey: Survey, findings: Findings) -> None:
    if survey.distinct == 1:
        value = next(iter(survey.counts))
        findings.warn(
            "constant",
            _(
                "{name} is {value} in every row that has a value: it can neither be predicted nor help to predict.",
                name=shown(survey.name),
                value=shown(value),
            ),
            column=survey.name,
        )


def advise_on_relations(surveys: Sequence[Survey], duplicates: int, findings: Findings) -> None:
    """Warn about rows that repeat and about columns that say the same."""
    rows = surveys[0].rows
    findings.details["duplicates"] = duplicates
    if duplicates > max(0.01 * rows, 1):
        findings.warn(
            "duplicate_rows",
            _(
                "{duplicates:,} of {rows:,} rows ({share:.0f} %) repeat an earlier row exactly. Copies in "
                "training and test data make a model look better than it is.",
                duplicates=duplicates,
                rows=rows,
                share=100 * duplicates / rows,
            ),
        )
    told: set[frozenset[str]] = set()
    for attribute, code, words in (
        ("content", "copied_column", _("hold the same values in every row")),
        (
            "pattern",
            "one_to_one",
            _("go together one to one: each value of one stands for one value of the other"),
        ),
    ):
        groups: defaultdict[bytes, list[str]] = defaultdict(list)
        for survey in surveys:
            if (fingerprint := getattr(survey, attribute)) is not None:
                groups[fingerprint].append(survey.name)
        for names in groups.values():
            if len(names) > 1 and frozenset(names) not in told:
                told.add(frozenset(names))
                findings.warn(
                    code,
                    _(
                        "The columns {names} {words}. If one of them is your target, the other gives it away "
                        "(leakage): leave it out.",
                        names=listed(map(shown, names)),
                        words=words,
                    ),
                    column=names[0],
                )
