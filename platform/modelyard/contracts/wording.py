"""Which columns of a table are free texts, and which could say what a text is about. Judged from profiles alone."""

from collections.abc import Sequence

from modelyard.contracts.profile import ColumnProfile

FREE_SHARE = 0.5
"""Of the values of a free text at least so many differ."""
CLASS_SHARE = 0.2
"""Of the values of a class at most so many differ."""
_MOST_CLASSES = 1000
_MOST_NUMBERED_CLASSES = 20


def list_free_texts(columns: Sequence[ColumnProfile], rows: int) -> list[ColumnProfile]:
    """The columns of free text: those of the kind, and identifiers that are words after all (names, short lines)."""
    return [column for column in columns if is_free_text(column, rows)]


def is_free_text(column: ColumnProfile, rows: int) -> bool:
    if column.kind not in ("text", "identifier") or column.distinct <= FREE_SHARE * (rows - column.missing):
        return False
    return column.kind == "text" or is_wordy(column)


def is_wordy(column: ColumnProfile) -> bool:
    """Whether most examples are words rather than codes: letters that are not all capitals, and no digit."""
    wordy = [_is_words(example) for example in column.examples]
    return bool(wordy) and sum(wordy) > len(wordy) / 2


def may_be_class(column: ColumnProfile, rows: int) -> bool:
    """Whether values repeat so much that they could be what is said about each row."""
    present = rows - column.missing
    if not 2 <= column.distinct <= min(_MOST_CLASSES, max(2, CLASS_SHARE * present)):
        return False
    if column.kind == "number":
        return column.distinct <= _MOST_NUMBERED_CLASSES
    return column.kind in ("category", "flag", "text")


def _is_words(text: str) -> bool:
    letters = [letter for letter in text if letter.isalpha()]
    return bool(letters) and not any(map(str.isdigit, text)) and not all(map(str.isupper, letters))
