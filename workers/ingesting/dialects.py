"""How a delimited text is laid out: its delimiter, and which line names the columns."""

import csv
import itertools
import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from modelyard.contracts.sentences import sentence as _
from workers.ingesting import limits
from workers.ingesting.findings import Findings, listed, shown

DELIMITERS = ",;\t|"
DELIMITER_TITLES = {",": "comma", ";": "semicolon", "\t": "tab", "|": "pipe"}

_NUMBER = re.compile(r"[+-]?(\d+([.,]\d*)*|[.,]\d+)([eE][+-]?\d+)?\s*%?")
_SEPARATOR_LINE = re.compile(r'\s*"?sep=([,;|:^~\t ])"?\s*', re.IGNORECASE)
_INVISIBLE = re.compile("[\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]")

Row = Sequence[str]


@dataclass(frozen=True)
class Header:
    """`skipped` rows stand before the data, the header among them; `names` are as written, None without a header."""

    skipped: int
    names: tuple[str, ...] | None
    width: int


def declared_delimiter(line: str) -> str | None:
    """Return the delimiter that Excel's `sep=;` line declares."""
    match = _SEPARATOR_LINE.fullmatch(line)
    return match.group(1) if match else None


def detect_delimiter(lines: Sequence[str]) -> str:
    """Return the delimiter that gives most rows the same number of cells, more winning; a comma where none does."""
    best, best_score = ",", 0.0
    for delimiter in DELIMITERS:
        rows = parse_sample(lines, delimiter)
        lengths = Counter(len(row) for row in rows if any(cell.strip() for cell in row))
        if not lengths:
            continue
        width, count = max(lengths.items(), key=lambda item: (item[1], item[0]))
        share = count / lengths.total()
        score = 0.0 if width < 2 else share**3 * min(width, 50) ** 0.5
        if score > best_score:
            best, best_score = delimiter, score
    return best


def parse_sample(lines: Sequence[str], delimiter: str, quoting: Literal[0, 3] = csv.QUOTE_MINIMAL) -> list[list[str]]:
    """Return the rows of a few lines, as far as they can be parsed."""
    rows: list[list[str]] = []
    reader = csv.reader(lines, delimiter=delimiter, quoting=quoting)
    while True:
        try:
            rows.append(next(reader))
        except StopIteration:
            return rows
        except csv.Error:
            continue


def find_header(rows: Sequence[Row]) -> Header:
    """Find the header in the first rows of a table: below titles, comments and blank lines, if there is one at all."""
    width = usual_width(rows)
    start = next((index for index, row in enumerate(rows) if _is_table_row(row, width)), 0)
    first, body = rows[start], [row for row in rows[start + 1 :] if _is_table_row(row, width)]
    if _is_header(first, body):
        names = tuple(first)[:width] + ("",) * (width - len(first))
        return Header(start + 1, names, width)
    return Header(start, None, width)


def usual_width(rows: Sequence[Row]) -> int:
    """Return how many cells most rows have."""
    lengths = Counter(len(row) for row in rows if any(cell.strip() for cell in row))
    return max(lengths.items(), key=lambda item: (item[1], item[0]))[0] if lengths else 0


def _is_table_row(row: Row, width: int) -> bool:
    filled = sum(bool(cell.strip()) for cell in row)
    if filled == 0 or (row[0].lstrip().startswith("#") and filled < width):
        return False
    return width <= 2 or filled >= max(width / 2, 2)


def _is_header(first: Row, body: Sequence[Row]) -> bool:
    """A first row is a header unless its cells look like the cells below it."""
    cells = [cell.strip() for cell in first]
    numeric = [bool(_NUMBER.fullmatch(cell)) for cell in cells]
    if not body:
        return not any(numeric)
    columns = list(itertools.zip_longest(*body, fillvalue=""))
    numeric_below = [_mostly_numeric(column) for column in columns]
    pairs = list(zip(cells, numeric, numeric_below, strict=False))
    if any(below and cell and not is_number for cell, is_number, below in pairs):
        return True
    if any(below and is_number for _, is_number, below in pairs):
        return _counts_up([cell for cell, is_number, below in pairs if below and is_number])
    repeated = [cell for cell, column in zip(cells, columns, strict=False) if cell and cell in set(column)]
    return not repeated


def _mostly_numeric(column: Sequence[str]) -> bool:
    filled = [cell.strip() for cell in column if cell.strip()]
    return bool(filled) and sum(bool(_NUMBER.fullmatch(cell)) for cell in filled) >= 0.8 * len(filled)


def _counts_up(cells: Sequence[str]) -> bool:
    """Headers such as 2019, 2020, 2021 or 0, 1, 2: whole numbers in even steps."""
    if len(cells) < 2 or not all(cell.isdecimal() for cell in cells):
        return False
    numbers = [int(cell[:18]) for cell in cells]
    steps = {later - former for former, later in itertools.pairwise(numbers)}
    return len(steps) == 1 and steps != {0}


def clean_names(names: Sequence[str] | None, width: int, findings: Findings) -> list[str]:
    """Return `width` unique names, telling which were made or changed."""
    if names is None:
        findings.warn(
            "no_header",
            _(
                "The first row looks like data, so the columns were named column_1, column_2, …. If it is a "
                "header, give the columns names that are not values and upload the file again."
            ),
        )
        return [f"column_{index + 1}" for index in range(width)]
    cleaned = [clean_name(name) or f"column_{index + 1}" for index, name in enumerate(names)]
    unnamed = [index + 1 for index, name in enumerate(names) if not clean_name(name)]
    if unnamed:
        findings.warn(
            "unnamed_columns",
            _("Columns without a name were named by their position: {unnamed}.", unnamed=listed(unnamed)),
        )
    return _make_unique(cleaned, findings)


def clean_name(name: str) -> str:
    """Return a name as columns are called: composed (NFC), without invisible characters, trimmed, cut."""
    text = _INVISIBLE.sub("", unicodedata.normalize("NFC", name))
    text = "".join(" " if unicodedata.category(letter) in ("Cc", "Cs", "Zl", "Zp") else letter for letter in text)
    return text.strip()[: limits.MAXIMUM_NAME_CHARACTERS].strip()


def _make_unique(names: list[str], findings: Findings) -> list[str]:
    taken = set(names)
    seen: set[str] = set()
    folded: dict[str, str] = {}
    unique: list[str] = []
    for name in names:
        chosen, number = name, 1
        while chosen in seen or (number > 1 and chosen in taken):
            number += 1
            ending = f"_{number}"
            chosen = name[: limits.MAXIMUM_NAME_CHARACTERS - len(ending)] + ending
        if chosen != name:
            findings.warn(
                "renamed_column",
                _(
                    "More than one column is named {name}; this one is now {chosen}.",
                    name=shown(name),
                    chosen=shown(chosen),
                ),
                column=chosen,
            )
        elif name.casefold() in folded:
            other = folded[name.casefold()]
            findings.warn(
                "similar_names",
                _(
                    "The columns {other} and {name} differ only in capital letters.",
                    other=shown(other),
                    name=shown(name),
                ),
                column=name,
            )
        seen.add(chosen)
        folded.setdefault(chosen.casefold(), chosen)
        unique.append(chosen)
    return unique
