"""Which encoding a text file is in: by its byte-order mark, by trying UTF-8 on all of it, else by a reasoned guess."""

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from charset_normalizer import from_bytes

from modelyard.contracts.sentences import Sentence
from modelyard.contracts.sentences import sentence as _
from workers.ingesting.findings import Findings, Rejected

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_CHUNK = 1 << 20
_SAMPLE = 256 * 1024
_TITLES: dict[str, str | Sentence] = {
    "utf-8": "UTF-8",
    "utf-8-sig": _("UTF-8 with a byte-order mark"),
    "utf-16": "UTF-16",
    "utf-16-le": "UTF-16 little endian",
    "utf-16-be": "UTF-16 big endian",
    "utf-32": "UTF-32",
    "gb18030": "GB18030 (GBK)",
    "big5": "Big5",
    "cp1252": _("Western European (Windows-1252)"),
}
_UTF8_LETTER = re.compile(rb"[\xc3-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}")
_EAST_ASIAN = ("gb18030", "big5", "shift_jis", "euc_kr", "euc_jp")
_COMMON_CHARACTERS = {
    "gb18030": "gb2312",
    "big5": "big5",
    "shift_jis": "shift_jis",
    "euc_kr": "euc_kr",
    "euc_jp": "euc_jp",
}
_CODE_PAGES = [
    "cp1250",
    "cp1251",
    "cp1252",
    "cp1253",
    "cp1254",
    "cp1255",
    "cp1256",
    "cp1257",
    "cp1258",
    "cp874",
    "koi8_r",
]


@dataclass(frozen=True)
class _BadByte:
    """The first byte that is not UTF-8."""

    offset: int
    line: int
    letters_before: int


def detect_encoding(path: Path, findings: Findings) -> str:
    """Return Python's name of the encoding. Raises `Rejected` where the file mixes two; warns where it was guessed."""
    encoding, guessed = _decide(path)
    findings.details["encoding"] = encoding
    if guessed:
        findings.warn(
            "encoding_guessed",
            _(
                "The file is not UTF-8; it was read as {encoding}. If letters look wrong in the preview, "
                "save the file as UTF-8 and upload it again.",
                encoding=_TITLES.get(encoding, encoding),
            ),
        )
    return encoding


def decode_names(names: list[bytes]) -> list[str]:
    """Return file names of an archive that does not say how they are encoded."""
    joined = b"\n".join(names)
    try:
        return [name.decode("utf-8") for name in names] if joined.decode("utf-8") is not None else []
    except UnicodeDecodeError:
        encoding = _guess(joined)
        return [name.decode(encoding, "replace") for name in names]


def _decide(path: Path) -> tuple[str, bool]:
    with path.open("rb") as file:
        head = file.read(_SAMPLE)
    for mark, encoding in _MARKS:
        if head.startswith(mark):
            return encoding, False
    wide = _utf16_without_mark(head)
    if wide:
        return wide, True
    bad = _first_bad_byte(path)
    if bad is None:
        return "utf-8", False
    sample = _sample_around(path, bad.offset)
    encoding = _guess(sample)
    if bad.letters_before and encoding not in _EAST_ASIAN:
        raise Rejected(
            "encoding",
            _(
                "The file mixes encodings: it is UTF-8 up to line {line}, where the byte at position "
                "{offset} is not UTF-8. Repair that line, or save the whole file as UTF-8, and upload it "
                "again.",
                line=bad.line,
                offset=bad.offset + 1,
            ),
            row=max(bad.line - 1, 1),
        )
    return encoding, True


def _utf16_without_mark(head: bytes) -> str | None:
    """Text in Latin letters as UTF-16 has a NUL in every other byte, always on the same side."""
    pairs = len(head) // 2
    if pairs < 4:
        return None
    even, odd = head[0 : 2 * pairs : 2].count(0), head[1 : 2 * pairs : 2].count(0)
    if even > 0.3 * pairs and odd < 0.05 * pairs:
        return "utf-16-be"
    if odd > 0.3 * pairs and even < 0.05 * pairs:
        return "utf-16-le"
    return None


def _chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            yield chunk


def _first_bad_byte(path: Path) -> _BadByte | None:
    decoder = codecs.getincrementaldecoder("utf-8")()
    offset = line = letters = 0
    for chunk in _chunks(path):
        pending = len(decoder.getstate()[0])
        try:
            decoder.decode(chunk)
        except UnicodeDecodeError as fault:
            inside = max(fault.start - pending, 0)
            before = chunk[:inside]
            lines = line + before.count(b"\n") + 1
            return _BadByte(offset + inside, lines, letters + len(_UTF8_LETTER.findall(before)))
        offset += len(chunk)
        line += chunk.count(b"\n")
        letters += len(_UTF8_LETTER.findall(chunk)) if not chunk.isascii() else 0
    pending = len(decoder.getstate()[0])
    return _BadByte(offset - pending, line + 1, letters) if pending else None


def _sample_around(path: Path, offset: int) -> bytes:
    """Return whole lines around the first telling byte."""
    with path.open("rb") as file:
        start = max(offset - _SAMPLE // 2, 0)
        file.seek(start)
        sample = file.read(_SAMPLE)
    first = sample.find(b"\n") + 1 if start else 0
    last = sample.rfind(b"\n")
    return sample[first : last if last > first else None]


def _guess(sample: bytes) -> str:
    """Return the likeliest encoding of bytes that are not UTF-8."""
    scores = {encoding: _east_asian_score(sample, encoding) for encoding in _EAST_ASIAN}
    best = max(scores, key=lambda encoding: scores[encoding])
    if scores[best] >= 0.7:
        return best
    if _looks_western(sample):
        return "cp1252"
    match = from_bytes(sample[:65536], cp_isolation=_CODE_PAGES).best()
    return match.encoding if match is not None and match.encoding != "utf_8" else "cp1252"


def _east_asian_score(sample: bytes, encoding: str) -> float:
    """The share of non-ASCII characters that are everyday ones of the language; 0 where the bytes do not decode."""
    try:
        letters = [letter for letter in sample.decode(encoding) if not letter.isascii()]
    except UnicodeDecodeError:
        return 0.0
    if not letters:
        return 0.0
    return sum(_is_everyday(letter, encoding) for letter in letters) / len(letters)


def _is_everyday(letter: str, encoding: str) -> bool:
    try:
        code = letter.encode(_COMMON_CHARACTERS[encoding])
    except UnicodeEncodeError:
        return False
    if len(code) != 2:
        return False
    if encoding == "gb18030":  # GB 2312: punctuation, and level 1, the 3,755 most frequent characters
        return 0xA1 <= code[0] <= 0xA3 or 0xB0 <= code[0] <= 0xD7
    if encoding == "big5":  # punctuation, and level 1, the 5,401 most frequent characters
        return 0xA1 <= code[0] <= 0xC6
    if encoding == "shift_jis":
        return 0x81 <= code[0] <= 0x83 or 0x88 <= code[0] <= 0x97
    return "\uac00" <= letter <= "\ud7a3" if encoding == "euc_kr" else "\u3040" <= letter <= "\u30ff"


def _looks_western(sample: bytes) -> bool:
    """Accented Latin letters stand alone between plain ones; Cyrillic or Greek words are runs of non-ASCII bytes."""
    runs = re.findall(rb"[\x80-\xff]+", sample)
    return bool(runs) and sum(len(run) <= 2 for run in runs) >= 0.8 * len(runs)
