"""A made-up table of 1,000 rows in the ingested form."""

from pathlib import Path

import numpy as np
import pyarrow as arrow
import pyarrow.parquet as parquet


def write_sample_table(folder: Path, rows: int = 1000) -> dict[str, str]:
    """Write table.parquet and return the kinds of its columns."""
    folder.mkdir(parents=True)
    random = np.random.default_rng(0)
    numbers = random.normal(size=(rows, 10))
    columns = {f"x{index}": arrow.array([f"{number:.4f}" for number in numbers[:, index]]) for index in range(10)}
    columns["label"] = arrow.array(["yes" if total > 0 else "no" for total in numbers[:, :3].sum(axis=1)])
    parquet.write_table(arrow.table(columns), folder / "table.parquet")
    return {**{f"x{index}": "number" for index in range(10)}, "label": "category"}
