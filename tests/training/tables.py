"""Small data sets in the ingested form, and plans for them."""

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as arrow
import pyarrow.parquet as parquet
from PIL import Image

from modelyard.contracts.jsonfile import write_json
from modelyard.contracts.plan import Plan

KINDS = {"x": "number", "y": "number", "town": "category", "many": "category", "member": "flag", "since": "date"}
TEXT_KINDS = {"text": "text", "price": "number", "shop": "category"}
SMALL = {"epochs": 4, "members": 2, "width": 16, "depth": 2, "batch_size": 16}


def make_columns(rows: int = 120, seed: int = 0) -> dict[str, list[str | None]]:
    """A table in which `label` follows from x and town, `value` from x and y."""
    random = np.random.default_rng(seed)
    x, y = random.normal(size=rows), random.normal(size=rows)
    towns = random.choice(["Ulm", "Bonn", "Kiel"], rows)
    days = random.integers(0, 3000, rows)
    return {
        "x": [None if index % 10 == 3 else f"{number:.4f}" for index, number in enumerate(x)],
        "y": [f"{number:.4f}" for number in y],
        "town": towns.tolist(),
        "many": [f"level {number}" for number in random.integers(0, 20, rows)],
        "member": random.choice(["yes", "no"], rows).tolist(),
        "since": [str(np.datetime64("2015-01-01") + int(day)) for day in days],
        "label": ["high" if number + (town == "Ulm") > 0.3 else "low" for number, town in zip(x, towns, strict=True)],
        "value": [f"{100 + 10 * one - 5 * two:.3f}" for one, two in zip(x, y, strict=True)],
    }


def write_table(folder: Path, columns: dict[str, list[str | None]]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    table = arrow.table({name: arrow.array(values, arrow.string()) for name, values in columns.items()})
    parquet.write_table(table, folder / "table.parquet")
    return folder


def write_pictures(folder: Path, count: int = 40, size: tuple[int, int] = (12, 10)) -> Path:
    """Dark and light pictures of noise, in two classes."""
    random = np.random.default_rng(0)
    (folder / "images").mkdir(parents=True)
    entries = []
    for index in range(count):
        level = 60 if index % 2 else 180
        pixels = np.clip(random.normal(level, 30, (size[1], size[0], 3)), 0, 255).astype(np.uint8)
        buffer = io.BytesIO()
        Image.fromarray(pixels).save(buffer, "PNG")
        (folder / "images" / f"{index:06d}.png").write_bytes(buffer.getvalue())
        entries.append(
            {"file": f"{index:06d}.png", "label": "dark" if index % 2 else "light", "original": f"{index}.png"}
        )
    (folder / "images.json").write_text(json.dumps(entries))
    return folder


def make_plan(data: Path, *, target: str | None = "label", template: str = "tabular_classifier", **fields: Any) -> Plan:
    kind = fields.setdefault("data_kind", "table" if target else "images")
    kinds = {"table": KINDS, "texts": TEXT_KINDS}.get(kind, {})
    if target:
        kinds = {**kinds, target: "category" if target == "label" else "number"}
    settings: dict[str, Any] = {
        "run": "run",
        "model_template": template,
        "model_template_version": 1,
        "data": str(data),
        "data_sha256": "",
        "target": target,
        "kinds": kinds,
        "hyperparameters": SMALL if target else {"epochs": 2},
        "seed": 7,
    }
    return Plan(**{**settings, **fields})


def write_plan(folder: Path, plan: Plan) -> Path:
    folder.mkdir(exist_ok=True)
    write_json(folder / "plan.json", plan.to_json())
    return folder
