"""What was measured, as a table."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.serving.machine import Facts

BEGIN, END = "<!-- bench.load: begin -->", "<!-- bench.load: end -->"
QUIET = 0.5
"""A machine with a load average above this before the start is busy with other things."""


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One line of the table. `aim` is the bound that it is held against, where there is one."""

    part: str
    name: str
    value: str
    aim: str = ""


def quantile(values: Sequence[float], share: float) -> float:
    """The value below which `share` of the values lie; NaN of none."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else float("nan")


def to_table(figures: Iterable[Figure], facts: Facts) -> str:
    """Markdown, with the machine and how busy it was."""
    busy = "**Busy machine**, so these figures only bound what it can do" if facts.load[0] > QUIET else "Quiet machine"
    lines = [
        f"{busy}: load average {facts.load[0]:.1f} before the start, {facts.cores} cores, {facts.processor}, "
        f"{facts.memory_gb:.0f} GB; {facts.at}, {facts.commit}.",
        "",
        "| part | what | measured | aim, at most or at least |",
        "|---|---|---|---|",
        *(f"| {one.part} | {one.name} | {one.value} | {one.aim} |" for one in figures),
    ]
    return "\n".join(lines)


def write(path: Path, table: str) -> None:
    """Replace what stands between the marks of a document."""
    before, _mark, rest = path.read_text().partition(BEGIN)
    _former, _mark, after = rest.partition(END)
    path.write_text(f"{before}{BEGIN}\n{table}\n{END}{after}")
