"""Small uploads made on the spot, and what ingesting made of them."""

import io
import json
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from PIL import Image

from modelyard.contracts.jsonfile import read_json
from modelyard.contracts.profile import ColumnProfile, Problem, Profile
from workers.ingesting.__main__ import main


@dataclass(frozen=True)
class Outcome:
    """The folder of a version after ingesting."""

    folder: Path
    profile: Profile

    @property
    def problem(self) -> Problem:
        assert self.profile.rejected, f"accepted with {self.profile.rows} rows"
        return self.profile.problems[0]

    @property
    def kinds(self) -> dict[str, str]:
        assert not self.profile.rejected, self.profile.problems
        return {column.name: column.kind for column in self.profile.columns}

    @property
    def codes(self) -> set[str]:
        return {warning.code for warning in self.profile.warnings}

    def warning(self, code: str) -> Problem:
        found = [warning for warning in self.profile.warnings if warning.code == code]
        assert found, f"no warning {code}, only {sorted(self.codes)}"
        return found[0]

    def column(self, name: str) -> ColumnProfile:
        found = self.profile.column(name)
        assert found is not None, list(self.kinds)
        return found

    def cells(self, name: str) -> list[str | None]:
        table = pq.read_table(self.folder / "table.parquet")
        values: list[str | None] = table.column(name).to_pylist()
        return values

    @property
    def images(self) -> list[dict[str, Any]]:
        listed: list[dict[str, Any]] = read_json(self.folder / "images.json")
        return listed

    @property
    def skipped(self) -> list[str]:
        return [one["file"] for one in self.profile.details.get("skipped", [])]


def ingest(folder: Path, content: bytes | str) -> Outcome:
    """Ingest `content` in this process, in a fresh folder below `folder`."""
    version = folder / f"version{len(list(folder.iterdir()))}"
    version.mkdir()
    (version / "source").write_bytes(content.encode() if isinstance(content, str) else content)
    (version / "request.json").write_text(json.dumps({"filename": "upload"}))
    assert main([str(version)]) == 0
    return Outcome(version, Profile.from_json(read_json(version / "profile.json")))


def table(rows: int = 40, **columns: Sequence[object]) -> str:
    """A CSV of `rows` rows: x (numbers), label (a or b), and `columns` whose values are repeated as often as needed."""
    names = [*columns, "x", "label"]
    lines = [",".join(names)]
    for row in range(rows):
        cells = [str(values[row % len(values)]) for values in columns.values()]
        lines.append(",".join([*cells, f"{row * 0.37:.2f}", "ab"[row % 2]]))
    return "\n".join(lines) + "\n"


def picture(
    shade: int = 0, *, kind: str = "PNG", size: tuple[int, int] = (16, 12), mode: str = "RGB", **how: Any
) -> bytes:
    """An encoded picture; `shade` tells pictures apart."""
    image = Image.new("RGB", size, (shade % 256, 80, 160)).convert(mode)
    output = io.BytesIO()
    image.save(output, kind, **how)
    return output.getvalue()


def class_folders(prefix: str = "", *, count: int = 8, labels: Sequence[str] = ("cat", "dog")) -> dict[str, bytes]:
    """Entries of a zip: `count` pictures for each label."""
    return {
        f"{prefix}{label}/{number}.png": picture(20 * number + place)
        for place, label in enumerate(labels)
        for number in range(count)
    }


def zipped(entries: Mapping[str, bytes], *, modes: Mapping[str, int] | None = None) -> bytes:
    """A zip of `entries`; `modes` are Unix modes by name."""
    output = io.BytesIO()
    with zipfile.ZipFile(output, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries.items():
            info = zipfile.ZipInfo(name)
            info.compress_type = zipfile.ZIP_DEFLATED
            info.external_attr = (modes or {}).get(name, 0) << 16
            archive.writestr(info, content)
    return output.getvalue()
