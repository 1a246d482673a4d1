"""Which class each picture of an archive belongs to: by its folder, or by a table of labels."""

import csv
import io
import unicodedata
from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath

from modelyard.contracts.sentences import sentence as _
from workers.ingesting import limits
from workers.ingesting.archives import Archive, Entry, Unreadable, skip
from workers.ingesting.dialects import detect_delimiter
from workers.ingesting.findings import Findings, Rejected, listed, shown

LAYOUT = _("Put the pictures of each class into a folder named like the class, and zip the folders.")

_SPLIT_FOLDERS = frozenset({"train", "training", "test", "testing", "val", "valid", "validation", "eval", "dev"})
_LABEL_NAMES = frozenset({"label", "class", "category", "target", "labels", "classes", "y", "标签", "类别"})
_MAXIMUM_LABELS_BYTES = 32 * limits.MIB
_LABEL_CHARACTERS = 200


def label_by_folder(
    pictures: Sequence[Entry], folders: Sequence[PurePosixPath], findings: Findings
) -> dict[PurePosixPath, str]:
    """Return the class of each picture that lies in a class folder."""
    inside = [entry.path for entry in pictures]
    common = _common_folders(inside)
    stripped = {path: path.parts[common:] for path in inside}
    tops = {parts[0] for parts in stripped.values() if len(parts) > 1}
    if (
        tops
        and all(top.casefold() in _SPLIT_FOLDERS for top in tops)
        and any(len(parts) > 2 for parts in stripped.values())
    ):
        findings.details["split_folders"] = sorted(tops)
        findings.warn(
            "split_folders",
            _(
                "The folders {tops} were put together: every training parts its data anew. Upload the test "
                "pictures as a data set of their own if they must stay apart.",
                tops=listed(map(shown, sorted(tops))),
            ),
        )
        stripped = {path: parts[1:] for path, parts in stripped.items()}
        common += 1
    labels = {path: clean_label(parts[0]) for path, parts in stripped.items() if len(parts) > 1}
    for path in inside:
        if labels and path not in labels:
            skip(findings, path.as_posix(), _("not in a class folder"))
    _tell_empty_folders(folders, common, set(labels.values()), findings)
    return {path: label for path, label in labels.items() if label}


def _common_folders(paths: Sequence[PurePosixPath]) -> int:
    """Count the leading folders that every path shares, so long as folders remain below them."""
    depth = 0
    while len({path.parts[depth] if len(path.parts) > depth + 1 else None for path in paths}) == 1 and all(
        len(path.parts) > depth + 1 for path in paths
    ):
        if not any(len(path.parts) > depth + 2 for path in paths):
            break  # one folder of pictures: a class
        depth += 1
    return depth


def clean_label(name: str) -> str:
    """Return a folder's name as the name of a class."""
    text = "".join(
        letter for letter in unicodedata.normalize("NFC", name) if unicodedata.category(letter) not in ("Cc", "Cs")
    )
    return text.strip()[:_LABEL_CHARACTERS]


def _tell_empty_folders(folders: Sequence[PurePosixPath], common: int, labels: set[str], findings: Findings) -> None:
    named = {clean_label(folder.parts[common]) for folder in folders if len(folder.parts) == common + 1}
    empty = sorted(named - labels)
    if labels and empty:
        findings.warn(
            "empty_folders",
            _("Folders without a readable picture do not count as classes: {names}.", names=listed(map(shown, empty))),
        )


def label_by_table(
    archive: Archive, pictures: Sequence[Entry], tables: Sequence[Entry], findings: Findings
) -> dict[PurePosixPath, str]:
    """Return the classes that a table in the archive (`labels.csv`: file, label) gives to its pictures."""
    paths = {entry.path.as_posix(): entry.path for entry in pictures}
    by_name = (
        {entry.path.name: entry.path for entry in pictures}
        | {entry.path.stem: entry.path for entry in pictures}
        | paths
    )
    for table in tables:
        rows = _read_rows(archive, table)
        columns = list(zip(*rows, strict=False)) if rows else []
        hits = [sum(cell.strip() in by_name for cell in column) for column in columns]
        if len(columns) < 2 or max(hits) < 0.5 * (len(rows) - 1):
            continue
        files = hits.index(max(hits))
        named = [
            index
            for index, column in enumerate(columns)
            if column[0].strip().casefold() in _LABEL_NAMES and index != files
        ]
        if not named and len(columns) > 2:
            raise Rejected(
                "no_label_column",
                _(
                    "{name} has {count} columns, and none of them is named “label”. Name it so.",
                    name=table.path.name,
                    count=len(columns),
                ),
            )
        label = named[0] if named else 1 - files
        return _apply(rows, files, label, by_name, pictures, table, findings)
    raise Rejected(
        "no_class_folders",
        _(
            "The pictures lie in no folders, so nothing tells their classes. {layout} Or add a "
            "labels.csv with the columns file and label.",
            layout=LAYOUT,
        ),
    )


def _read_rows(archive: Archive, table: Entry) -> list[list[str]]:
    try:
        text = archive.read(table, _MAXIMUM_LABELS_BYTES).decode("utf-8-sig")
    except (Unreadable, UnicodeDecodeError) as fault:
        raise Rejected(
            "encoding", _("{name} cannot be read as UTF-8. Save it as UTF-8 and zip again.", name=table.path.name)
        ) from fault
    lines = text.splitlines()
    delimiter = detect_delimiter(lines[:200])
    try:
        rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))
    except csv.Error as fault:
        raise Rejected("bad_labels", _("{name} cannot be read: {fault}.", name=table.path.name, fault=fault)) from fault
    width = len(rows[0]) if rows else 0
    return [row for row in rows if len(row) == width]


def _apply(
    rows: list[list[str]],
    files: int,
    label: int,
    by_name: Mapping[str, PurePosixPath],
    pictures: Sequence[Entry],
    table: Entry,
    findings: Findings,
) -> dict[PurePosixPath, str]:
    labels: dict[PurePosixPath, str] = {}
    missing: list[str] = []
    for number, row in enumerate(rows):
        path = by_name.get(row[files].strip())
        if path is None and number:
            missing.append(row[files])
        elif path is not None and clean_label(row[label]):
            labels[path] = clean_label(row[label])
    findings.details["labels_from"] = table.path.as_posix()
    if missing:
        findings.warn(
            "missing_pictures",
            _(
                "{count:file} named in {name} cannot be found in the zip: {missing}.",
                count=len(missing),
                name=table.path.name,
                missing=listed(map(shown, missing), 5),
            ),
        )
    for entry in pictures:
        if entry.path not in labels:
            skip(findings, entry.path.as_posix(), _("no label in {name}", name=table.path.name))
    return labels
