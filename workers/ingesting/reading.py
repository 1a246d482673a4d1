"""Chooses the reader for a file by what the file is, and makes its profile."""

from collections.abc import Callable, Mapping
from pathlib import Path

from modelyard.contracts.profile import Profile
from modelyard.contracts.sentences import Sentence
from modelyard.contracts.sentences import sentence as _
from workers.ingesting import images
from workers.ingesting.archives import Archive, Entry, Unreadable, open_archive, unpack_gzip
from workers.ingesting.columnar import read_parquet
from workers.ingesting.delimited import read_delimited
from workers.ingesting.findings import Findings, Rejected, listed, shown
from workers.ingesting.jsonlines import read_json_table
from workers.ingesting.labelling import LAYOUT
from workers.ingesting.limits import MAXIMUM_UNPACKED_BYTES
from workers.ingesting.rows import Table
from workers.ingesting.sniffing import Format, sniff
from workers.ingesting.tables import ingest_table
from workers.ingesting.telling import Teller
from workers.ingesting.workbooks import is_workbook, read_workbook

UNPACKED = "unpacked.partial"

_READERS: Mapping[Format, Callable[[Path, Findings], Table]] = {
    "text": read_delimited,
    "json": read_json_table,
    "parquet": read_parquet,
}


def ingest_file(source: Path, folder: Path, teller: Teller) -> Profile:
    """Read `source`, write the data into `folder`, return the profile; a refusal is a profile with a problem."""
    findings = Findings()
    try:
        return _ingest(source, folder, findings, teller)
    except Rejected as refusal:
        return Profile(
            kind=None, warnings=findings.all_warnings(), problems=(refusal.problem,), details=findings.details
        )


def _ingest(source: Path, folder: Path, findings: Findings, teller: Teller) -> Profile:
    kind = sniff(source)
    if kind == "zip":
        return _ingest_zip(source, folder, findings, teller)
    if kind == "gzip":
        unpacked = folder / UNPACKED
        unpack_gzip(source, unpacked)
        return _ingest_inner(unpacked, folder, findings, teller, _("gzip file"))
    return _ingest_table_file(source, kind, folder, findings, teller)


def _ingest_table_file(source: Path, kind: Format, folder: Path, findings: Findings, teller: Teller) -> Profile:
    table = _READERS[kind](source, findings)
    return ingest_table(table, folder, findings, teller, source.stat().st_size)


def _ingest_inner(unpacked: Path, folder: Path, findings: Findings, teller: Teller, outer: Sentence) -> Profile:
    kind = sniff(unpacked)
    if kind in ("zip", "gzip"):
        raise Rejected("nested_archive", _("The {outer} holds another archive. Upload the table itself.", outer=outer))
    return _ingest_table_file(unpacked, kind, folder, findings, teller)


def _ingest_zip(source: Path, folder: Path, findings: Findings, teller: Teller) -> Profile:
    archive = open_archive(source, findings)
    with archive.file:
        if is_workbook(archive):
            table = read_workbook(source, archive, findings)
            return ingest_table(table, folder, findings, teller, source.stat().st_size)
        _refuse_other_packages(archive)
        tables = [entry for entry in archive.entries if entry.path.suffix.lower() in images.TABLE_ENDINGS]
        if tables and not images.has_images(archive):
            return _ingest_zipped_table(archive, tables, folder, findings, teller)
        _refuse_without_pictures(archive)
        return images.ingest_images(archive, folder, findings, teller)


def _refuse_other_packages(archive: Archive) -> None:
    """Model files and documents are zips too."""
    names = {entry.path.as_posix().lower() for entry in archive.entries}
    if (
        "model.weights.h5" in names
        or {"config.json", "metadata.json"} <= names
        or any(name.endswith("data.pkl") for name in names)
    ):
        raise Rejected(
            "model_file",
            _("This is a model file, not a table or a zip of images. Models are trained here, they are not uploaded."),
        )
    if "[content_types].xml" in names or "mimetype" in names:
        raise Rejected(
            "not_a_table", _("This is a document, not a table or a zip of images. Save its table as .xlsx or CSV.")
        )


def _refuse_without_pictures(archive: Archive) -> None:
    names = [entry.path.as_posix() for entry in archive.entries]
    if not names:
        raise Rejected("no_images", _("The zip has no usable file. {layout}", layout=LAYOUT))
    if all(name.lower().endswith((".zip", ".gz", ".tar", ".7z", ".rar")) for name in names):
        raise Rejected(
            "nested_archive",
            _(
                "The zip holds other archives ({names}), which are not opened. {layout}",
                names=listed(map(shown, names), 3),
                layout=LAYOUT,
            ),
        )


def _ingest_zipped_table(
    archive: Archive, tables: list[Entry], folder: Path, findings: Findings, teller: Teller
) -> Profile:
    if len(tables) > 1:
        names = listed([shown(entry.path.as_posix()) for entry in tables])
        raise Rejected(
            "several_tables",
            _("The zip holds {count} tables: {names}. Upload the one to learn from.", count=len(tables), names=names),
        )
    unpacked = folder / UNPACKED
    try:
        with unpacked.open("wb") as output:
            for piece in archive.stream(tables[0], MAXIMUM_UNPACKED_BYTES):
                output.write(piece)
    except Unreadable as fault:
        raise Rejected(
            "damaged", _("{name} in the zip is damaged. Make the zip again.", name=shown(tables[0].path.as_posix()))
        ) from fault
    findings.details["table_from"] = tables[0].path.as_posix()
    return _ingest_inner(unpacked, folder, findings, teller, _("zip"))
