"""The table of the load test. The measuring itself is not tested here: what it says depends on the machine."""

from dataclasses import replace
from math import isnan
from pathlib import Path

from bench.load.figures import BEGIN, END, Figure, quantile, to_table, write
from tests.bench.test_serving_figures import FACTS


def test_a_quantile_is_the_value_below_which_that_share_lies() -> None:
    assert quantile([float(number) for number in range(100, 0, -1)], 0.95) == 96
    assert quantile([7.0], 0.95) == 7
    assert isnan(quantile([], 0.95))


def test_a_busy_machine_is_said_to_be_one() -> None:
    figures = [Figure(part="LD-01 pages", name="p95 of a page", value="90 ms", aim="500 ms")]
    table = to_table(figures, replace(FACTS, load=(7.0, 5.0, 3.0)))
    assert table.startswith("**Busy machine**")
    assert "| LD-01 pages | p95 of a page | 90 ms | 500 ms |" in table
    assert to_table(figures, replace(FACTS, load=(0.1, 5.0, 3.0))).startswith("Quiet machine")


def test_the_table_replaces_the_former_one_between_its_marks(tmp_path: Path) -> None:
    document = tmp_path / "performance.md"
    document.write_text(f"# Before\n{BEGIN}\nold\n{END}\n## After\n")
    write(document, "new")
    assert document.read_text() == f"# Before\n{BEGIN}\nnew\n{END}\n## After\n"
