"""JSON Lines, and JSON arrays of objects, to a `Table`: one pass to learn the keys, one to read the values."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from modelyard.contracts.sentences import Value
from modelyard.contracts.sentences import sentence as _
from workers.ingesting import dialects, limits
from workers.ingesting.encodings import detect_encoding
from workers.ingesting.findings import Findings, Rejected, listed, shown
from workers.ingesting.rows import Table, batch_rows, check_width

_CHUNK = 1 << 20
_NAMED = 20
_SURROGATES = re.compile("[\ud800-\udfff]")
_WANTED = _(
    "Write one object a line, such as {example}, or a list of such objects.", example='{"age": 38, "city": "Paris"}'
)


@dataclass
class _Faults:
    """Lines that hold no object, and keys written twice: counted, the first named."""

    unusable: list[tuple[int, Value]] = field(default_factory=list)
    unusable_count: int = 0
    repeated: list[int] = field(default_factory=list)
    surrogates: list[int] = field(default_factory=list)
    nested: dict[str, None] = field(default_factory=dict)

    def add(self, number: int, reason: Value) -> None:
        self.unusable_count += 1
        if len(self.unusable) < _NAMED:
            self.unusable.append((number, reason))


class _NestedTooDeeply(ValueError):
    """A value that the parser cannot follow to its end."""


class _Object(dict[str, Any]):
    """A JSON object that knows whether a key was written twice."""

    repeated = False


def _gather(pairs: list[tuple[str, Any]]) -> _Object:
    gathered = _Object(pairs)
    gathered.repeated = len(gathered) < len(pairs)
    return gathered


_DECODER = json.JSONDecoder(object_pairs_hook=_gather, parse_int=str, parse_float=str, parse_constant=lambda name: None)


def read_json_table(path: Path, findings: Findings) -> Table:
    """Open a JSON file. Raises `Rejected` now or while the batches are read."""
    encoding = detect_encoding(path, findings)
    lines = is_lines(path, encoding)
    findings.details["format"] = "json lines" if lines else "json"
    keys, count, faults = _learn_keys(path, encoding, lines)
    _judge(faults, count, lines, findings)
    check_width(len(keys))
    names = dialects.clean_names(keys, len(keys), findings)
    if faults.nested:
        findings.warn(
            "nested_values",
            _("Lists and objects inside {nested} are kept as JSON text.", nested=listed(map(shown, faults.nested))),
        )
    rows = _rows(path, encoding, lines, keys, findings)
    return Table(names, batch_rows(rows, len(keys), findings))


def is_lines(path: Path, encoding: str) -> bool:
    """Whether a JSON file holds one object a line, not one list of objects."""
    with path.open(encoding=encoding, errors="surrogateescape") as file:
        return file.read(4096).lstrip("\ufeff \t\r\n")[:1] == "{"


def values_of(path: Path, encoding: str, lines: bool, decoder: json.JSONDecoder) -> Iterator[tuple[int, Any]]:
    """Yield the number of each line or item and its value; a `ValueError` in place of one that cannot be read."""
    if not lines:
        yield from _values_of_list(path, encoding, decoder)
        return
    for number, text in texts_of_lines(path, encoding):
        yield number, decode(text, decoder)


def texts_of_lines(path: Path, encoding: str) -> Iterator[tuple[int, str]]:
    """Yield the number and the text of each line that is not blank. Raises `Rejected` for one without an end."""
    with path.open(encoding=encoding, errors="surrogateescape") as file:
        number = 0
        while line := file.readline(limits.MAXIMUM_LINE_BYTES):
            number += 1
            if len(line) >= limits.MAXIMUM_LINE_BYTES:
                raise Rejected(
                    "line_too_long",
                    _(
                        "Line {number} is longer than {limit} MiB.",
                        number=number,
                        limit=limits.MAXIMUM_LINE_BYTES // limits.MIB,
                    ),
                    row=number,
                )
            if line.strip():
                yield number, line.strip().removeprefix("\ufeff")


def decode(text: str, decoder: json.JSONDecoder) -> Any:
    """Return the value of a line, or the `ValueError` that says why it has none."""
    try:
        return decoder.decode(text)
    except ValueError as fault:
        return fault
    except RecursionError:
        return _NestedTooDeeply()


def reason_of(value: Any) -> Value:
    """Why a value is no object that could be a row."""
    if isinstance(value, json.JSONDecodeError):
        return f"{value.msg} at character {value.pos + 1}"
    if isinstance(value, _NestedTooDeeply):
        return _("nested too deeply")
    return str(value) if isinstance(value, ValueError) else _("not an object")


def _values_of_list(path: Path, encoding: str, decoder: json.JSONDecoder) -> Iterator[tuple[int, Any]]:
    with path.open(encoding=encoding, errors="surrogateescape") as file:
        buffer = file.read(_CHUNK).lstrip("\ufeff \t\r\n")[1:]
        number = 0
        while True:
            buffer = buffer.lstrip(" \t\r\n,")
            if buffer[:1] == "]":
                return
            number += 1
            value, buffer = _next_item(buffer, file, number, decoder)
            yield number, value


def _next_item(buffer: str, file: Any, number: int, decoder: json.JSONDecoder) -> tuple[Any, str]:
    """Return the item that begins `buffer` and the rest, reading on as long as it does not end."""
    while True:
        try:
            value, end = decoder.raw_decode(buffer) if buffer else (None, 0)
        except RecursionError as fault:
            raise Rejected(
                "too_deep",
                _("Item {number} of the JSON list is nested too deeply. {wanted}", number=number, wanted=_WANTED),
                row=number,
            ) from fault
        except json.JSONDecodeError as fault:
            value, end, reason = None, 0, fault.msg
        else:
            reason = "the list is not closed"
        if end and (end < len(buffer) or not (more := file.read(_CHUNK))):
            return value, buffer[end:]
        if end:
            buffer += more
            continue
        more = file.read(max(_CHUNK, len(buffer)))
        if not more or len(buffer) > limits.MAXIMUM_LINE_BYTES:
            raise Rejected(
                "bad_json",
                _(
                    "The JSON cannot be read at item {number}: {reason}. {wanted}",
                    number=number,
                    reason=reason,
                    wanted=_WANTED,
                ),
                row=number,
            )
        buffer += more


def _learn_keys(path: Path, encoding: str, lines: bool) -> tuple[list[str], int, _Faults]:
    keys: dict[str, None] = {}
    faults = _Faults()
    count = 0
    for number, value in values_of(path, encoding, lines, _DECODER):
        count += 1
        if not isinstance(value, _Object):
            faults.add(number, reason_of(value))
            continue
        if value.repeated and len(faults.repeated) < _NAMED:
            faults.repeated.append(number)
        for key, cell in value.items():
            keys[key] = None
            if isinstance(cell, (dict, list)):
                faults.nested[key] = None
        check_width(len(keys))
    return list(keys), count, faults


def _judge(faults: _Faults, count: int, lines: bool, findings: Findings) -> None:
    unit, units = (_("line"), _("lines")) if lines else (_("item"), _("items"))
    if faults.unusable_count:
        named = listed(
            [
                _("{unit} {number} ({reason})", unit=unit, number=number, reason=reason)
                for number, reason in faults.unusable
            ],
            6,
        )
        more = _(" and {count:,} more", count=faults.unusable_count - 6) if faults.unusable_count > _NAMED else ""
        first = faults.unusable[0][0]
        if faults.unusable_count > limits.MAXIMUM_BAD_LINE_SHARE * count:
            raise Rejected(
                "bad_json",
                _(
                    "{bad:,} of {count:,} {units} hold no JSON object: {named}{more}. {wanted}",
                    bad=faults.unusable_count,
                    count=count,
                    units=units,
                    named=named,
                    more=more,
                    wanted=_WANTED,
                ),
                row=first,
            )
        findings.warn(
            "bad_lines",
            _(
                "{bad:,} of {count:,} {units} were left out, they hold no JSON object: {named}{more}.",
                bad=faults.unusable_count,
                count=count,
                units=units,
                named=named,
                more=more,
            ),
            row=first,
        )
    if faults.repeated:
        findings.warn(
            "repeated_keys",
            _(
                "A key is written twice in {unit} {repeated}; the last value counts.",
                unit=unit,
                repeated=listed(faults.repeated),
            ),
            row=faults.repeated[0],
        )


def _rows(path: Path, encoding: str, lines: bool, keys: list[str], findings: Findings) -> Iterator[list[str]]:
    broken: list[int] = []
    for number, value in values_of(path, encoding, lines, _DECODER):
        if not isinstance(value, _Object):
            findings.leave_out(number)
            continue
        row = [_text(value.get(key)) for key in keys]
        if any(not cell.isascii() and _SURROGATES.search(cell) for cell in row):
            row = [_SURROGATES.sub("\ufffd", cell) for cell in row]
            broken.append(number)
        yield row
    if broken:
        findings.warn(
            "broken_characters",
            _("Halves of characters (lone surrogates) were replaced by � in row {broken}.", broken=listed(broken)),
            row=broken[0],
        )


def _text(cell: Any) -> str:
    if cell is None or isinstance(cell, str):
        return (cell or "").replace("\0", "")
    if isinstance(cell, bool):
        return "true" if cell else "false"
    return json.dumps(cell, ensure_ascii=False)[: limits.MAXIMUM_CELL_CHARACTERS + 1]
