"""What reading an uploaded CSV takes, from 10^5 to 10^7 rows (UPL-12: the profile of 10^7 rows within 1 GB).

    PYTHONPATH=platform:. python -m bench.ingesting [--rows 100000,1000000,10000000]

Time and memory are those of the child that a worker starts for it.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from modelyard.contracts.jsonfile import read_json
from modelyard.contracts.profile import Profile
from modelyard.environment import ROOT

AT_ONCE = 100_000
CITIES = np.array(["Lyon", "Porto", "Gdańsk", "成都", "Cork, Ireland", 'The "Hague"'])


def write_table(path: Path, rows: int) -> None:
    """A number that counts, a measured one with gaps, a category with quotes in it, a day, and a label."""
    random = np.random.default_rng(1)
    quoted = np.array([f'"{city.replace(chr(34), chr(34) * 2)}"' for city in CITIES])
    days = np.array([str(np.datetime64("2020-01-01") + day) for day in range(2000)])
    with path.open("w", encoding="utf-8") as file:
        file.write("order,weight,city,day,late\n")
        for start in range(0, rows, AT_ONCE):
            count = min(AT_ONCE, rows - start)
            weights = random.normal(20, 6, count).round(3).astype(str)
            weights[random.random(count) < 0.02] = ""
            cities, seen = quoted[random.integers(0, len(quoted), count)], days[random.integers(0, len(days), count)]
            late = random.integers(0, 2, count).astype(str)
            lines = zip(range(start, start + count), weights, cities, seen, late, strict=True)
            file.writelines(f"{order},{weight},{city},{day},{is_late}\n" for order, weight, city, day, is_late in lines)


def read(folder: Path) -> tuple[float, float]:
    """Return seconds and the peak of memory in MB."""
    (folder / "request.json").write_text(json.dumps({"filename": "orders.csv"}))
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": f"{ROOT / 'platform'}{os.pathsep}{ROOT}"}
    started = time.monotonic()
    child = subprocess.Popen(
        [sys.executable, "-m", "workers.ingesting", str(folder)], env=environment, stdout=subprocess.DEVNULL
    )
    _, status, usage = os.wait4(child.pid, 0)
    if status != 0:
        raise SystemExit(f"reading ended with status {status}")
    return time.monotonic() - started, usage.ru_maxrss / 1024


def main() -> None:
    options = argparse.ArgumentParser(description="reading an uploaded CSV")
    options.add_argument("--rows", default="100000,1000000,10000000")
    print("| rows | file | seconds | rows a second | peak of memory | rows in the profile |")
    print("| --- | --- | --- | --- | --- | --- |")
    for rows in map(int, options.parse_args().rows.split(",")):
        with tempfile.TemporaryDirectory(dir=Path.cwd()) as name:
            source = Path(name) / "source"
            write_table(source, rows)
            size = source.stat().st_size / 1e6
            seconds, memory = read(Path(name))
            found = Profile.from_json(read_json(Path(name) / "profile.json")).rows
        print(f"| {rows:,} | {size:,.0f} MB | {seconds:.1f} | {rows / seconds:,.0f} | {memory:,.0f} MB | {found:,} |")


if __name__ == "__main__":
    main()
