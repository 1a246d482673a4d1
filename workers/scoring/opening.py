"""Which reader a file needs, by what it is and never by its name."""

from pathlib import Path

from modelyard.contracts.batch import ResultFormat
from modelyard.contracts.crash_points import reach
from modelyard.contracts.sentences import sentence as _
from workers.ingesting.archives import unpack_gzip
from workers.ingesting.findings import Findings, Rejected
from workers.ingesting.sniffing import Format, sniff
from workers.scoring.chunks import Source
from workers.scoring.columnar import ColumnarSource
from workers.scoring.columns import Inputs
from workers.scoring.objects import ObjectSource
from workers.scoring.pictures import PictureSource
from workers.scoring.texts import TextSource

UNPACKED = "unpacked"
SAME_FORMAT: dict[Format, ResultFormat] = {"text": "csv", "json": "jsonl", "parquet": "parquet", "zip": "csv"}


def find_table(source: Path, folder: Path) -> Path:
    """Return the file to read: `source`, or if it is gzipped what is in it, in `folder`. Raises `Rejected`."""
    if sniff(source) != "gzip":
        return source
    unpacked = folder / UNPACKED
    if not unpacked.exists():
        partial = folder / f"{UNPACKED}.partial"
        unpack_gzip(source, partial)
        reach("unpacked.before_rename")
        partial.replace(unpacked)
        reach("unpacked.renamed")
    return unpacked


def open_source(path: Path, inputs: Inputs, findings: Findings, names: tuple[str, ...] = ()) -> Source:
    """Open a file whose rows are to be answered; `names` are its columns where they are known. Raises `Rejected`."""
    kind = sniff(path)
    if kind in ("zip", "gzip"):
        return _open_zip(path, kind, inputs, findings)
    source: Source
    match kind:
        case "parquet":
            source = ColumnarSource(path)
        case "json":
            source = ObjectSource(path, findings, names)
        case _:
            source = TextSource(path, inputs, findings)
    inputs.judge(source.names, findings)
    return source


def delimiter_of(source: Source) -> str:
    """The delimiter of a delimited text, so that its result has the same."""
    return source.delimiter if isinstance(source, TextSource) else ","


def _open_zip(path: Path, kind: Format, inputs: Inputs, findings: Findings) -> Source:
    if kind == "gzip":
        raise Rejected("nested_archive", _("The gzip file holds another archive. Upload the table itself."))
    if not inputs.takes_images or len(inputs.names) != 1:
        raise Rejected(
            "not_a_table",
            _(
                "This is a zip or an Excel workbook, and the model reads tables. Save the table as CSV, JSON lines or "
                "Parquet and upload that."
            ),
        )
    return PictureSource(path, next(iter(inputs.names)), findings)
