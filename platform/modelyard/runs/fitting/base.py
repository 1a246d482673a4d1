"""What a fit is, and the limits that every kind of data shares."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from django.utils.translation import gettext_noop, ngettext

from modelyard.contracts.profile import DataKind, Problem
from modelyard.contracts.sentences import sentence
from modelyard.errors import InvalidInput

FEWEST_ROWS: Mapping[DataKind, int] = {"table": 20, "images": 10}
MOST_CLASSES = 1000
MANY_CLASSES = 50
RARE_SHARE = 0.05


@dataclass(frozen=True, kw_only=True)
class Fit:
    """How a template would use a data set: the kind of each column (the target's included), and what to know."""

    kinds: dict[str, str]
    notes: tuple[Problem, ...] = ()


def require_rows(rows: int, kind: DataKind) -> None:
    fewest = FEWEST_ROWS[kind]
    if rows >= fewest:
        return
    words = ngettext(
        "%(rows)d row with a value to learn from is too few; at least %(fewest)d are needed to train, check and test",
        "%(rows)d rows with a value to learn from are too few; at least %(fewest)d are needed to train, check and test",
        rows,
    )
    raise InvalidInput({"dataset_version": words % {"rows": rows, "fewest": fewest}})


def list_class_notes(counts: list[int], classes: int, column: str | None) -> Iterable[Problem]:
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
