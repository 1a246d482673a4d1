"""What a file is, told by its content and never by its name."""

import codecs
from pathlib import Path
from typing import Literal

from modelyard.contracts.sentences import Sentence
from modelyard.contracts.sentences import sentence as _
from workers.ingesting.findings import Rejected

Format = Literal["text", "json", "parquet", "zip", "gzip"]

_HEAD = 64 * 1024
_WANTED = _("Upload a table (CSV, TSV, Excel .xlsx, Parquet, JSON Lines) or a zip of images in class folders.")
_REFUSED: tuple[tuple[bytes, str, Sentence], ...] = (
    (
        b"\x89HDF",
        "model_file",
        _("This is an HDF5 file (a model or weights, perhaps), not a table or a zip of images."),
    ),
    (b"\x93NUMPY", "model_file", _("This is a NumPy array file, not a table or a zip of images.")),
    (
        b"\xd0\xcf\x11\xe0",
        "old_excel",
        _("This is a workbook of the old Excel format (.xls). Save it as .xlsx or CSV."),
    ),
    (b"%PDF", "not_a_table", _("This is a PDF document, not a table or a zip of images.")),
    (b"\x7fELF", "not_a_table", _("This is a program, not a table or a zip of images.")),
    (b"BZh", "unsupported_archive", _("This is a bzip2 archive. Unpack it, or make a zip of it.")),
    (b"\xfd7zXZ", "unsupported_archive", _("This is an xz archive. Unpack it, or make a zip of it.")),
    (b"\x28\xb5\x2f\xfd", "unsupported_archive", _("This is a Zstandard archive. Unpack it, or make a zip of it.")),
    (b"7z\xbc\xaf", "unsupported_archive", _("This is a 7-Zip archive. Unpack it, or make a zip of it.")),
    (b"Rar!", "unsupported_archive", _("This is a RAR archive. Unpack it, or make a zip of it.")),
    (
        b"\xff\xd8\xff",
        "single_image",
        _("This is a single picture. Put pictures into one folder for each class and zip them."),
    ),
    (
        b"\x89PNG",
        "single_image",
        _("This is a single picture. Put pictures into one folder for each class and zip them."),
    ),
    (b"GIF8", "single_image", _("This is a single picture. Put pictures into one folder for each class and zip them.")),
    (
        b"II*\x00",
        "single_image",
        _("This is a single picture. Put pictures into one folder for each class and zip them."),
    ),
    (
        b"MM\x00*",
        "single_image",
        _("This is a single picture. Put pictures into one folder for each class and zip them."),
    ),
)


def sniff(path: Path) -> Format:
    """Return how `path` is to be read. Raises `Rejected` for what is neither a table nor an archive of one."""
    with path.open("rb") as file:
        head = file.read(_HEAD)
    if not head.strip(b"\xef\xbb\xbf\xff\xfe\x00 \t\r\n"):
        raise Rejected("empty_file", _("The file is empty. {wanted}", wanted=_WANTED))
    if head.startswith(b"PK\x03\x04") or head.startswith((b"PK\x05\x06", b"PK\x07\x08")):
        return "zip"
    if head.startswith(b"\x1f\x8b"):
        return "gzip"
    if head.startswith(b"PAR1"):
        return "parquet"
    _refuse_known(head)
    return _sniff_text(head)


def _refuse_known(head: bytes) -> None:
    for magic, code, message in _REFUSED:
        if head.startswith(magic):
            raise Rejected(code, _("{message} {wanted}", message=message, wanted=_WANTED))
    if head[:2] == b"\x80\x05" or (head[:1] == b"\x80" and head[1:2] in b"\x02\x03\x04"):
        raise Rejected(
            "model_file",
            _("This is a Python pickle, which is never opened here: it can run code. {wanted}", wanted=_WANTED),
        )
    if head.startswith(b"MZ") and b"\x00" in head[2:64]:
        raise Rejected(
            "not_a_table", _("This is a Windows program, not a table or a zip of images. {wanted}", wanted=_WANTED)
        )
    if (head.startswith(b"RIFF") and head[8:12] == b"WEBP") or head[4:12] in (b"ftypavif", b"ftypheic"):
        raise Rejected(
            "single_image", _("This is a single picture. Zip pictures in class folders. {wanted}", wanted=_WANTED)
        )
    if head.startswith(b"BM") and b"\x00" in head[2:30]:
        raise Rejected(
            "single_image", _("This is a single picture. Zip pictures in class folders. {wanted}", wanted=_WANTED)
        )
    if head[257:262] == b"ustar":
        raise Rejected(
            "unsupported_archive",
            _("This is a tar archive. Make a zip of its folders instead. {wanted}", wanted=_WANTED),
        )


def _sniff_text(head: bytes) -> Format:
    text = head.decode("latin-1").lstrip("\xef\xbb\xbf\xff\xfe\x00 \t\r\n").replace("\x00", "")
    if _is_binary(head):
        raise Rejected(
            "not_a_table", _("The file is neither text nor a format that is known here. {wanted}", wanted=_WANTED)
        )
    if text[:1] in "[{":
        return "json"
    lowered = text[:200].lower()
    if lowered.startswith(("<!doctype", "<html", "<?xml", "<svg", "<head", "<body")):
        raise Rejected(
            "not_a_table",
            _(
                "This is an HTML or XML page, not a table: perhaps an error page was saved in place of the "
                "data. {wanted}",
                wanted=_WANTED,
            ),
        )
    return "text"


def _is_binary(head: bytes) -> bool:
    """Many control characters, more still tolerated where everything else is good UTF-8 (exports with NULs exist)."""
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return False
    pairs = max(len(head) // 2, 1)
    even, odd = head[0::2].count(0), head[1::2].count(0)
    if (even > 0.3 * pairs) != (odd > 0.3 * pairs):  # UTF-16 without a mark
        return False
    control = sum(byte < 32 and byte not in b"\t\n\r\f" for byte in head) / len(head)
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        return control > 0.01
    return control > 0.25
