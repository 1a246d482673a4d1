"""Zip and gzip archives of strangers: nothing is extracted by name, everything is counted while it unpacks."""

import gzip
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from modelyard.contracts.sentences import Sentence
from modelyard.contracts.sentences import sentence as _
from workers.ingesting import limits
from workers.ingesting.encodings import decode_names
from workers.ingesting.findings import Findings, Rejected, listed, shown

_CHUNK = 1 << 18
_END = struct.Struct("<4s4H2LH")
_END64_LOCATOR = struct.Struct("<4sLQL")
_END64 = struct.Struct("<4sQ2H2L4Q")
_DIRECTORY_BYTES = 16 * limits.MIB
_UTF8_NAME = 0x800
_ENCRYPTED = 0x1
_JUNK_FOLDERS = frozenset({"__macosx", ".git", ".ipynb_checkpoints", "@eadir", "$recycle.bin"})
_JUNK_FILES = frozenset({".ds_store", "thumbs.db", "desktop.ini", "ehthumbs.db", "icon\r"})
_DAMAGED = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    NotImplementedError,
    RuntimeError,
    OSError,
    struct.error,
    ValueError,
)


class Unreadable(Exception):
    """One entry of an archive cannot be unpacked; `reason` says why."""

    def __init__(self, reason: Sentence) -> None:
        super().__init__(str(reason))
        self.reason = reason


@dataclass(frozen=True)
class Entry:
    """A regular file in a zip: its decoded path, and what `zipfile` knows of it."""

    path: PurePosixPath
    info: zipfile.ZipInfo


@dataclass
class Archive:
    """An opened zip with its usable entries, the folders that it lists, and the names that it has twice."""

    file: zipfile.ZipFile
    entries: list[Entry]
    folders: list[PurePosixPath]
    repeated: list[str]
    unpacked: int = 0

    def read(self, entry: Entry, limit: int) -> bytes:
        """Return the content of an entry of at most `limit` bytes. Raises `Unreadable`."""
        return b"".join(self.stream(entry, limit))

    def stream(self, entry: Entry, limit: int) -> Iterator[bytes]:
        """Yield the content in pieces, counting what really comes out. Raises `Unreadable` or `Rejected`."""
        size = 0
        try:
            with self.file.open(entry.info) as file:
                while piece := file.read(_CHUNK):
                    size += len(piece)
                    self.unpacked += len(piece)
                    if self.unpacked > limits.MAXIMUM_UNPACKED_BYTES:
                        raise _too_large()
                    if size > limit:
                        raise Unreadable(_("larger than {limit} MiB", limit=limit // limits.MIB))
                    yield piece
        except _DAMAGED as fault:
            raise Unreadable(_("damaged in the archive")) from fault


def open_archive(path: Path, findings: Findings) -> Archive:
    """Open a zip whose directory is sane. Raises `Rejected` for damaged, encrypted, huge and bomb-like ones."""
    _check_directory(path)
    try:
        file = zipfile.ZipFile(path)
    except _DAMAGED as fault:
        raise _damaged() from fault
    infos = file.infolist()
    if not infos:
        raise Rejected("empty_file", _("The zip is empty. Put one folder of pictures for each class into it."))
    _check_sizes(infos, path.stat().st_size)
    if any(info.flag_bits & _ENCRYPTED for info in infos):
        raise Rejected("encrypted_zip", _("Encrypted zips are not supported. Make the zip again without a password."))
    return Archive(file, *_usable(infos, findings))


def _check_directory(path: Path) -> None:
    """Read how many entries the zip claims, before Python builds an object for each of them."""
    with path.open("rb") as file:
        size = file.seek(0, 2)
        tail_start = max(size - 65_557 - _END64_LOCATOR.size, 0)
        file.seek(tail_start)
        tail = file.read()
        position = tail.rfind(b"PK\x05\x06")
        if position < 0 or len(tail) - position < _END.size:
            raise _damaged()
        count, directory = _END.unpack_from(tail, position)[4:6]
        locator = position - _END64_LOCATOR.size
        if locator >= 0 and tail[locator : locator + 4] == b"PK\x06\x07":
            file.seek(min(_END64_LOCATOR.unpack_from(tail, locator)[2], size))
            record = file.read(_END64.size)
            if len(record) == _END64.size and record.startswith(b"PK\x06\x06"):
                count, directory = max(count % 0xFFFF, _END64.unpack(record)[7]), _END64.unpack(record)[8]
    if count > limits.MAXIMUM_ENTRIES or directory > _DIRECTORY_BYTES:
        raise Rejected(
            "too_many_entries",
            _(
                "The zip holds {count:,} entries; at most {limit:,} can be read. Upload a part of them.",
                count=count,
                limit=limits.MAXIMUM_ENTRIES,
            ),
        )


def _check_sizes(infos: list[zipfile.ZipInfo], size: int) -> None:
    if len(infos) > limits.MAXIMUM_ENTRIES:
        raise Rejected(
            "too_many_entries",
            _("The zip holds more than {limit:,} entries. Upload a part of them.", limit=limits.MAXIMUM_ENTRIES),
        )
    total = sum(info.file_size for info in infos)
    for info in infos:
        if is_bomb(info.file_size, info.compress_size):
            raise _bomb(
                _(
                    "one entry claims to unpack to {file_size:,} bytes from {compress_size:,}",
                    file_size=info.file_size,
                    compress_size=info.compress_size,
                )
            )
    if is_bomb(total, size):
        raise _bomb(_("its entries claim to unpack to {total:,} bytes from {size:,}", total=total, size=size))
    if total > limits.MAXIMUM_UNPACKED_BYTES:
        raise _too_large()


def is_bomb(unpacked: int, packed: int) -> bool:
    """Tell whether data unpacks to far more than honest data does."""
    return unpacked > limits.RATIO_FREE_BYTES and unpacked > limits.MAXIMUM_RATIO * max(packed, 1)


def _usable(infos: list[zipfile.ZipInfo], findings: Findings) -> tuple[list[Entry], list[PurePosixPath], list[str]]:
    """Part the entries into regular files and folders; name what is skipped and why, but for junk of file managers."""
    entries: dict[PurePosixPath, Entry] = {}
    folders: list[PurePosixPath] = []
    repeated: list[str] = []
    for info, name in zip(infos, _names(infos), strict=True):
        if _is_junk(name):
            continue
        reason = _refusal(name, info)
        if reason:
            skip(findings, name, reason)
            continue
        path = PurePosixPath(name)
        if name.endswith("/"):
            folders.append(path)
            continue
        if path in entries:
            repeated.append(name)
        entries[path] = Entry(path, info)
    if repeated:
        findings.warn(
            "repeated_entries",
            _(
                "Repeated in the zip: {count:name}; the last file of each counts: {names}.",
                count=len(repeated),
                names=listed(repeated[:5]),
            ),
        )
    return list(entries.values()), folders, repeated


def _names(infos: list[zipfile.ZipInfo]) -> list[str]:
    """Return the paths with slashes; names without the UTF-8 mark are decoded together, as one tool wrote them all."""
    raw = [info.orig_filename.encode("cp437", "replace") for info in infos if not info.flag_bits & _UTF8_NAME]
    decoded = iter(decode_names(raw))
    names = (info.orig_filename if info.flag_bits & _UTF8_NAME else next(decoded) for info in infos)
    return [name.split("\0")[0].replace("\\", "/") for name in names]


def _is_junk(name: str) -> bool:
    parts = [part.lower() for part in name.split("/") if part]
    return (
        not parts or bool(_JUNK_FOLDERS.intersection(parts)) or parts[-1] in _JUNK_FILES or parts[-1].startswith("._")
    )


def _refusal(name: str, info: zipfile.ZipInfo) -> Sentence | None:
    parts = [part for part in name.split("/") if part]
    if name.startswith("/") or ".." in parts or (len(parts[0]) >= 2 and parts[0][1] == ":"):
        return _("its path leads out of the archive")
    if len(parts) > limits.MAXIMUM_FOLDER_DEPTH:
        return _("in more than {limit} folders", limit=limits.MAXIMUM_FOLDER_DEPTH)
    if len(name.encode("utf-8", "replace")) > limits.MAXIMUM_PATH_BYTES:
        return _("its path is longer than {limit} bytes", limit=limits.MAXIMUM_PATH_BYTES)
    kind = stat.S_IFMT(info.external_attr >> 16)
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        return _("a link or a special file")
    return None


def skip(findings: Findings, name: str, reason: Sentence) -> None:
    """Remember a file that is not used; the first ones are listed in the profile."""
    skipped = findings.details.setdefault("skipped", [])
    findings.details["skipped_count"] = findings.details.get("skipped_count", 0) + 1
    if len(skipped) < limits.MAXIMUM_SKIPPED_NAMED:
        safe = "".join(letter if letter.isprintable() else "\ufffd" for letter in name[: limits.MAXIMUM_PATH_BYTES])
        skipped.append({"file": safe, "reason": str(reason)})
        findings.skipped.append(_("{file}: {reason}", file=shown(safe), reason=reason))


def unpack_gzip(source: Path, target: Path) -> None:
    """Unpack a gzip file, counting what comes out. Raises `Rejected`."""
    packed = source.stat().st_size
    size = 0
    try:
        with gzip.open(source) as file, target.open("wb") as output:
            while piece := file.read(_CHUNK):
                size += len(piece)
                if is_bomb(size, packed):
                    raise _bomb(_("it unpacks to more than {limit} times its size", limit=limits.MAXIMUM_RATIO))
                if size > limits.MAXIMUM_UNPACKED_BYTES:
                    raise _too_large()
                output.write(piece)
    except (EOFError, zlib.error, gzip.BadGzipFile) as fault:
        raise Rejected("damaged", _("The gzip file is damaged or cut off. Upload it again, or unpacked.")) from fault


def _damaged() -> Rejected:
    return Rejected(
        "damaged", _("The zip is damaged or cut off: its directory is missing. Make it again and upload the new one.")
    )


def _bomb(what: Sentence) -> Rejected:
    return Rejected(
        "bomb",
        _("The archive is refused, because {what}. Upload the files less tightly packed if they are real.", what=what),
    )


def _too_large() -> Rejected:
    return Rejected(
        "too_large",
        _(
            "The archive unpacks to more than {limit} GiB. Upload a part of it.",
            limit=limits.MAXIMUM_UNPACKED_BYTES // limits.GIB,
        ),
    )
