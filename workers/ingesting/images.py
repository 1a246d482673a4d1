"""A zip of pictures in class folders to `images/`, `images.json`, `preview/` and a profile."""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from modelyard.contracts.jsonfile import write_json
from modelyard.contracts.profile import Bar, Profile
from modelyard.contracts.sentences import sentence as _
from workers.ingesting import limits
from workers.ingesting.archives import Archive, Entry, Unreadable, skip
from workers.ingesting.findings import Findings, Rejected, listed, shown
from workers.ingesting.labelling import LAYOUT, label_by_folder, label_by_table
from workers.ingesting.pictures import BadPicture, Picture, check_picture
from workers.ingesting.telling import Teller

IMAGE_ENDINGS = frozenset(
    [
        ".jpg",
        ".jpeg",
        ".jpe",
        ".jfif",
        ".png",
        ".gif",
        ".bmp",
        ".dib",
        ".webp",
        ".tif",
        ".tiff",
        ".avif",
        ".heic",
        ".heif",
        ".ico",
        ".svg",
        ".ppm",
        ".pgm",
        ".jp2",
    ]
)
TABLE_ENDINGS = frozenset([".csv", ".tsv", ".tab", ".psv", ".json", ".jsonl", ".ndjson", ".parquet", ".xlsx"])
_ARCHIVE_ENDINGS = frozenset([".zip", ".gz", ".tgz", ".tar", ".7z", ".rar", ".bz2", ".xz"])
_IMBALANCE = 10
_SAMPLED_NAMES = 6


def ingest_images(archive: Archive, folder: Path, findings: Findings, teller: Teller) -> Profile:
    """Write the readable pictures below `folder` and return the profile. Raises `Rejected`."""
    teller.phase("reading", 0.0)
    pictures, tables = _part_entries(archive, findings)
    labels = label_by_folder(pictures, archive.folders, findings)
    if not labels:
        labels = label_by_table(archive, pictures, tables, findings)
    chosen = [entry for entry in pictures if entry.path in labels]
    _check_classes(Counter(labels.values()))
    (folder / "images").mkdir()
    (folder / "preview").mkdir()
    writer = _Writer(folder, _previews_per_class(len(set(labels.values()))))
    for number, entry in enumerate(chosen):
        _take(archive, entry, labels[entry.path], writer, findings)
        teller.step((number + 1) / len(chosen), f"{number + 1:,} of {len(chosen):,} pictures checked")
    counts = Counter(str(image["label"]) for image in writer.images)
    _check_readable(counts, labels, findings)
    write_json(folder / "images.json", writer.images)
    _advise(counts, findings)
    _advise_on_copies(writer, findings)
    findings.details |= {
        "image_sizes": _sizes(writer.images),
        "previews": writer.previews,
        "duplicates": writer.duplicates,
        "formats": dict(writer.formats),
    }
    return Profile(
        kind="images",
        rows=len(writer.images),
        classes=tuple(Bar(value=label, count=count) for label, count in sorted(counts.items())),
        warnings=findings.all_warnings(),
        details=findings.details,
    )


def has_images(archive: Archive) -> bool:
    return any(entry.path.suffix.lower() in IMAGE_ENDINGS for entry in archive.entries)


def _part_entries(archive: Archive, findings: Findings) -> tuple[list[Entry], list[Entry]]:
    """Part pictures from tables that may label them; archives inside the archive are never opened."""
    tables = [entry for entry in archive.entries if entry.path.suffix.lower() in {".csv", ".tsv"}]
    pictures: list[Entry] = []
    for entry in archive.entries:
        if entry in tables:
            continue
        if entry.path.suffix.lower() in _ARCHIVE_ENDINGS:
            skip(findings, entry.path.as_posix(), _("an archive inside the archive is not opened"))
        else:
            pictures.append(entry)
    return pictures, tables


class _Writer:
    """Numbers the pictures and writes them; the first few of each class get a thumbnail."""

    def __init__(self, folder: Path, previews_per_class: int) -> None:
        self.folder = folder
        self.images: list[dict[str, Any]] = []
        self.previews: list[dict[str, str]] = []
        self.formats: Counter[str] = Counter()
        self._previews_per_class = previews_per_class
        self.duplicates = 0
        self.disputed: list[str] = []
        self._shown: defaultdict[str, int] = defaultdict(int)
        self._seen: dict[bytes, str] = {}

    def wants_preview(self, label: str) -> bool:
        return self._shown[label] < self._previews_per_class and len(self.previews) < limits.PREVIEW_IMAGES

    def write(self, content: bytes, picture: Picture, label: str, path: PurePosixPath) -> None:
        stem = f"{len(self.images):06d}"
        name = f"{stem}.{picture.ending}"
        (self.folder / "images" / name).write_bytes(content)
        self.images.append(
            {
                "file": name,
                "label": label,
                "original": path.as_posix(),
                "width": picture.width,
                "height": picture.height,
            }
        )
        self.formats[picture.ending] += 1
        self._look_for_copies(content, label, path)
        if picture.preview is not None:
            (self.folder / "preview" / f"{stem}.jpg").write_bytes(picture.preview)
            self.previews.append({"file": f"{stem}.jpg", "label": label})
            self._shown[label] += 1

    def _look_for_copies(self, content: bytes, label: str, path: PurePosixPath) -> None:
        digest = hashlib.blake2b(content, digest_size=16).digest()
        former = self._seen.setdefault(digest, label)
        if len(self._seen) + self.duplicates < len(self.images):
            self.duplicates += 1
        if former != label:
            self.disputed.append(path.as_posix())


def _previews_per_class(classes: int) -> int:
    return max(min(limits.PREVIEW_IMAGES // max(classes, 1), 6), 1)


def _take(archive: Archive, entry: Entry, label: str, writer: _Writer, findings: Findings) -> None:
    try:
        content = archive.read(entry, limits.MAXIMUM_IMAGE_BYTES)
        picture = check_picture(content, with_preview=writer.wants_preview(label))
    except (Unreadable, BadPicture) as fault:
        skip(findings, entry.path.as_posix(), fault.reason)
        return
    writer.write(content, picture, label, entry.path)


def _check_classes(counts: Mapping[str, int]) -> None:
    if len(counts) == 1:
        raise Rejected(
            "one_class",
            _(
                "All pictures are of one class, {label}. A classifier needs at least two. {layout}",
                label=shown(next(iter(counts))),
                layout=LAYOUT,
            ),
        )
    if len(counts) > limits.MAXIMUM_CLASSES:
        raise Rejected(
            "too_many_classes",
            _(
                "There are {count:,} class folders; at most {limit:,} can be told apart. {layout}",
                count=len(counts),
                limit=limits.MAXIMUM_CLASSES,
                layout=LAYOUT,
            ),
        )


def _check_readable(counts: Mapping[str, int], labels: Mapping[PurePosixPath, str], findings: Findings) -> None:
    named = listed(findings.skipped[:_SAMPLED_NAMES])
    if not counts:
        raise Rejected("no_images", _("The zip has no readable picture. {named}. {layout}", named=named, layout=LAYOUT))
    if len(counts) == 1:
        raise Rejected(
            "one_class",
            _(
                "Only the class {label} has readable pictures. {named}. {layout}",
                label=shown(next(iter(counts))),
                named=named,
                layout=LAYOUT,
            ),
        )
    if sum(counts.values()) < limits.MINIMUM_IMAGES:
        raise Rejected(
            "too_few_images",
            _(
                "The zip has {count:readable picture}; at least {limit} are needed.",
                count=sum(counts.values()),
                limit=limits.MINIMUM_IMAGES,
            ),
        )
    if findings.skipped:
        count = findings.details["skipped_count"]
        more = _(" and {count:,} more", count=count - _SAMPLED_NAMES) if count > _SAMPLED_NAMES else ""
        findings.warn("skipped_files", _("Skipped {count:file}: {named}{more}.", count=count, named=named, more=more))
    gone = sorted(set(labels.values()) - set(counts))
    if gone:
        findings.warn(
            "empty_folders",
            _("Folders without a readable picture do not count as classes: {names}.", names=listed(map(shown, gone))),
        )


def _advise(counts: Mapping[str, int], findings: Findings) -> None:
    rare = sorted(label for label, count in counts.items() if count < 3)
    if rare:
        findings.warn(
            "rare_class",
            _(
                "Classes with fewer than 3 pictures cannot be learned and tested: {rare}. Add pictures.",
                rare=listed(map(shown, rare)),
            ),
        )
    largest, smallest = max(counts, key=lambda label: counts[label]), min(counts, key=lambda label: counts[label])
    if counts[largest] > _IMBALANCE * counts[smallest]:
        findings.warn(
            "imbalance",
            _(
                "{largest} has {most:,} pictures, {smallest} {fewest:,}: look at the figures of each class, "
                "not at accuracy alone.",
                largest=shown(largest),
                most=counts[largest],
                smallest=shown(smallest),
                fewest=counts[smallest],
            ),
        )
    folded: defaultdict[str, list[str]] = defaultdict(list)
    for label in counts:
        folded[label.casefold()].append(label)
    for alike in folded.values():
        if len(alike) > 1:
            findings.warn(
                "similar_classes",
                _("The classes {alike} differ only in capital letters.", alike=listed(map(shown, sorted(alike)))),
            )


def _advise_on_copies(writer: _Writer, findings: Findings) -> None:
    if writer.duplicates > max(0.01 * len(writer.images), 1):
        findings.warn(
            "duplicate_images",
            _(
                "{duplicates:,} of {count:,} pictures are copies. Copies in training and test data make a "
                "model look better than it is.",
                duplicates=writer.duplicates,
                count=len(writer.images),
            ),
        )
    if writer.disputed:
        findings.warn(
            "disputed_images",
            _(
                "The same picture lies in more than one class folder: {disputed}.",
                disputed=listed(map(shown, writer.disputed), 5),
            ),
        )


def _sizes(images: list[dict[str, Any]]) -> dict[str, int]:
    widths, heights = ([int(image[side]) for image in images] for side in ("width", "height"))
    return {
        "minimum_width": min(widths),
        "median_width": int(np.median(widths)),
        "maximum_width": max(widths),
        "minimum_height": min(heights),
        "median_height": int(np.median(heights)),
        "maximum_height": max(heights),
    }
