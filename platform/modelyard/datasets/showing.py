"""What the page of a version shows: figures put into words and cards, so that templates hold no logic."""

from dataclasses import dataclass
from typing import Any

from django.core.paginator import Page, Paginator
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from modelyard.contracts.profile import ColumnProfile, Problem, Profile
from modelyard.datasets.models import DatasetVersion, VersionState
from modelyard.datasets.profiles import CHOOSABLE, profile_of

CARDS = 48
GRID_COLUMNS = 40
MOST_CLASSES = 30
UNLIKE = 0.5

KIND_WORDS: dict[str, Promise] = {
    "number": _("number"),
    "category": _("category"),
    "flag": _("yes or no"),
    "date": _("date"),
    "text": _("text"),
    "identifier": _("identifier"),
    "empty": _("empty"),
}
KIND_HELP: dict[str, Promise] = {
    "number": _("An amount that can be larger or smaller."),
    "category": _("One of a few words or codes."),
    "flag": _("One of two values."),
    "date": _("A day or a moment."),
    "text": _("Words in sentences."),
    "identifier": _("Names a row and says nothing about others; it is left out of training."),
    "empty": _("No row has a value; it cannot be used."),
}


@dataclass(frozen=True, kw_only=True)
class Card:
    """One column as its card shows it. `number` is its place in the file and names the card in the page."""

    number: int
    column: ColumnProfile
    guessed: str
    rows: int
    warnings: tuple[Problem, ...]

    @property
    def anchor(self) -> str:
        return f"column-{self.number}"

    @property
    def page(self) -> int:
        return (self.number - 1) // CARDS + 1

    @property
    def missing(self) -> float:
        return self.column.missing / self.rows if self.rows else 0.0

    @property
    def corrected(self) -> bool:
        return self.column.kind != self.guessed

    @property
    def is_histogram(self) -> bool:
        return bool(self.column.bars) and self.column.bars[0].low is not None

    @property
    def is_listing(self) -> bool:
        """Values that hardly ever come twice are shown as examples, for bars would say nothing."""
        filled = self.rows - self.column.missing
        unlike = bool(self.column.bars) and self.column.distinct > UNLIKE * filled
        return bool(self.column.examples) and (unlike or not self.column.bars)

    @property
    def is_date(self) -> bool:
        return self.guessed == "date"

    @property
    def fixed(self) -> bool:
        return self.guessed == "empty"

    @property
    def word(self) -> Promise:
        return KIND_WORDS[self.column.kind]

    @property
    def help(self) -> Promise:
        return KIND_HELP[self.column.kind]


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One value of the first rows; None is missing."""

    text: str | None
    is_number: bool


def describe(version: DatasetVersion, columns_page: str) -> dict[str, Any]:
    """Everything that the page of `version` shows."""
    context: dict[str, Any] = {
        "version": version,
        "dataset": version.dataset,
        "reading": version.state == VersionState.UPLOADED,
        "rejected": version.state == VersionState.REJECTED,
        "kinds": kind_choices(),
        "former": version.dataset.versions.filter(state=VersionState.READY, number__lt=version.number)
        .order_by("-number")
        .first(),
    }
    if version.profile is None:
        return context
    profile = profile_of(version)
    page = _page(profile, columns_page)
    return context | {
        "profile": profile,
        "page": page,
        "cards": [_card(version, profile, place) for place in page.object_list],
        "notes": _notes(profile),
        "grid": _grid(profile),
        "classes": profile.classes[:MOST_CLASSES],
        "more_classes": len(profile.classes) - MOST_CLASSES,
        "thumbnails": profile.details.get("previews", []),
    }


def find_card(version: DatasetVersion, name: str) -> Card | None:
    """The card of the column `name`, None where there is none."""
    profile = profile_of(version)
    place = next((place for place, column in enumerate(profile.columns) if column.name == name), None)
    return None if place is None else _card(version, profile, place)


def kind_choices() -> list[tuple[str, Promise]]:
    """The kinds that a person may choose, with their words."""
    return [(kind, KIND_WORDS[kind]) for kind in CHOOSABLE]


def _page(profile: Profile, number: str) -> Page[int]:
    """A page of the columns' places; a table may have thousands."""
    return Paginator(range(len(profile.columns)), CARDS).get_page(number)


def _card(version: DatasetVersion, profile: Profile, place: int) -> Card:
    column = profile.columns[place]
    guessed = (version.profile or {})["columns"][place]["kind"]
    warnings = tuple(warning for warning in profile.warnings if warning.column == column.name)
    return Card(number=place + 1, column=column, guessed=guessed, rows=profile.rows, warnings=warnings)


def _notes(profile: Profile) -> list[Problem]:
    """Warnings once each, those of the whole file first."""
    return sorted(profile.warnings, key=lambda warning: warning.column is not None)


def _grid(profile: Profile) -> dict[str, Any]:
    """The first rows; of a very wide table the first columns."""
    shown = profile.columns[:GRID_COLUMNS]
    return {
        "columns": shown,
        "rows": [
            [Cell(text=text, is_number=column.kind == "number") for text, column in zip(row, shown, strict=False)]
            for row in profile.preview
        ],
        "hidden": len(profile.columns) - len(shown),
    }
