"""Turns a folder of real data (train and test files, meta.json) into the ingested form that training reads."""

import csv
import io
import json
import zipfile
from pathlib import Path
from typing import Any

import pyarrow as arrow
import pyarrow.parquet as parquet
from PIL import Image

from modelyard.features.base import BadValue
from modelyard.features.values import MISSING_WORDS, parse_date, parse_flag, parse_number


def read_rows(path: Path, delimiter: str) -> tuple[list[str], list[list[str | None]]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        header, *rows = csv.reader(file, delimiter=delimiter)
    return header, [[cell.strip() or None for cell in row] for row in rows]


def prepare_table(folder: Path, meta: dict[str, Any], target: Path) -> dict[str, str]:
    """Write table.parquet and return the kind of each column."""
    header, rows = read_rows(folder / meta["files"]["train"], meta.get("delimiter", ","))
    columns = {name: [row[index] for row in rows] for index, name in enumerate(header)}
    table = arrow.table({name: arrow.array(values, arrow.string()) for name, values in columns.items()})
    parquet.write_table(table, target / "table.parquet")
    return {name: guess_kind(values) for name, values in columns.items()}


def guess_kind(values: list[str | None]) -> str:
    """A stand-in for the kinds that ingesting finds."""
    known = [value for value in values if value is not None and value.lower() not in MISSING_WORDS]
    if not known:
        return "empty"
    distinct = len(set(known))
    if distinct == 2 and all(_parses(parse_flag, value) for value in known):
        return "flag"
    if all(_parses(parse_number, value) for value in known):
        return "number"
    if all(len(value) > 4 and _parses(parse_date, value) for value in known):
        return "date"
    words = sum(len(value.split()) for value in known) / len(known)
    if distinct > 0.5 * len(known) or distinct > 40:
        return "text" if words >= 2 else "identifier" if distinct == len(known) else "category"
    return "category"


def _parses(parse: Any, value: str) -> bool:
    try:
        parse(value)
    except BadValue:
        return False
    return True


def prepare_images(folder: Path, meta: dict[str, Any], target: Path) -> None:
    """Write images.json and images/."""
    entries = []
    (target / "images").mkdir()
    for index, (name, content) in enumerate(read_images(folder / meta["files"]["train"])):
        file = f"{index:06d}{Path(name).suffix.lower()}"
        (target / "images" / file).write_bytes(content)
        with Image.open(io.BytesIO(content)) as picture:
            width, height = picture.size
        label = name.split("/")[-2]
        entries.append({"file": file, "label": label, "original": name, "width": width, "height": height})
    (target / "images.json").write_text(json.dumps(entries))


def read_images(path: Path) -> list[tuple[str, bytes]]:
    with zipfile.ZipFile(path) as archive:
        names = [name for name in archive.namelist() if not name.endswith("/")]
        return [(name, archive.read(name)) for name in names]
