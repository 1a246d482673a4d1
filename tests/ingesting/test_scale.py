"""UPL-12: what reading takes of memory does not grow with the rows of a file."""

from pathlib import Path

from bench.ingesting import read, write_table
from modelyard.contracts.jsonfile import read_json
from modelyard.contracts.profile import Profile

FEW, MANY = 20_000, 400_000
GROWTH_MB = 64


def test_upl_12_twenty_times_the_rows_take_about_as_much_memory(tmp_path: Path) -> None:
    peaks = []
    for rows in (FEW, MANY):
        folder = tmp_path / str(rows)
        folder.mkdir()
        write_table(folder / "source", rows)
        peaks.append(read(folder)[1])
        assert Profile.from_json(read_json(folder / "profile.json")).rows == rows
    assert peaks[1] - peaks[0] < GROWTH_MB, peaks
