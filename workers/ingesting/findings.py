"""What is found while a file is read: warnings and details for the profile, or the reason for a refusal."""

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from modelyard.contracts.profile import Problem
from modelyard.contracts.sentences import Sentence, Several, Value
from modelyard.contracts.sentences import sentence as _
from workers.ingesting import limits


class Rejected(Exception):
    """The file cannot become a data set version; `problem` tells the person why and what to do."""

    def __init__(self, code: str, said: Sentence, *, row: int | None = None, column: str | None = None) -> None:
        super().__init__(str(said))
        self.problem = Problem.saying(code, said, row=row, column=column)


@dataclass
class Findings:
    """Collects warnings and details in the order they are met, and remembers which data rows were left out."""

    warnings: list[Problem] = field(default_factory=list)
    details: dict[str, Any] = field(default_factory=dict)
    left_out_rows: list[int] = field(default_factory=list)
    untold: int = 0
    skipped: list[Sentence] = field(default_factory=list)

    def warn(self, code: str, said: Sentence, *, row: int | None = None, column: str | None = None) -> None:
        if len(self.warnings) >= limits.MAXIMUM_WARNINGS:
            self.untold += 1
            return
        self.warnings.append(Problem.saying(code, said, row=row, column=column))

    def leave_out(self, row: int) -> None:
        """Remember that data row `row` of the file (counted from 1) is not in the table."""
        self.left_out_rows.append(row)

    def row_in_file(self, kept: int) -> int:
        """Return the number in the file, from 1, of the row that is `kept`-th, from 0, in the table."""
        row = kept + 1
        while True:
            shifted = kept + 1 + bisect_right(self.left_out_rows, row)
            if shifted == row:
                return row
            row = shifted

    def all_warnings(self) -> tuple[Problem, ...]:
        if not self.untold:
            return tuple(self.warnings)
        told = _("{count} more warnings of the same kinds are not listed.", count=self.untold)
        more = Problem.saying("more_warnings", told)
        return (*self.warnings, more)


def shown(text: str, length: int = 60) -> str:
    """Return `text` in quotes for a message: on one line, without control characters, cut at `length`."""
    flat = "".join(letter if letter.isprintable() else " " for letter in text)
    return f"“{flat if len(flat) <= length else flat[: length - 1] + '…'}”"


def listed(items: Iterable[Value], limit: int = 8) -> Several:
    """Return what is said as "1, 2, 3 and 4 more"."""
    values = tuple(items)
    return Several(values[:limit], max(len(values) - limit, 0))
