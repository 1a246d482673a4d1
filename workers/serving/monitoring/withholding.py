"""Takes what a caller sent out of the words of a refusal; the names of the model's own inputs stay.

What is not known to be ours goes: everything in quotation marks that is no known name, and whatever follows "got"
unless it is one of the few ways in which a kind of value is described.
"""

import re
from collections.abc import Iterable

WITHHELD = "…"
LONGEST = 300
KINDS = frozenset(("an object", "a list", "an empty list", "a text", "a number", "true or false", "null", "bytes"))
OUR_WORDS = (
    "instances",
    "inputs",
    "outputs",
    "examples",
    "context",
    "parameters",
    "signature_name",
    "dataframe_split",
    "dataframe_records",
    "name",
    "shape",
    "datatype",
    "data",
)
"""Words of the protocols."""
_GOT = "got "
_PLACE = re.compile(r"(?:row |image |\w+\[)\d{1,9}\]?: ", re.ASCII)
"""Which row it was."""
_OPENING, _CLOSING = "'\"`“‘«{[", "'\"`”’»}]"


def withhold_values(message: str, names: Iterable[str]) -> str:
    """Return `message` without anything that a caller may have sent."""
    marks = {}
    for number, name in enumerate({*names, *OUR_WORDS}):
        for quote in "'\"":
            mark, quoted = f"\x00{number}{quote}\x00".replace(quote, str(ord(quote))), f"{quote}{name}{quote}"
            if quoted in message:
                marks[mark] = quoted
                message = message.replace(quoted, mark)
    place = _PLACE.match(message)
    start = place.end() if place is not None else 0
    message = message[:start] + _cut_quotes(_cut_after_got(message[start:]))
    for mark, quoted in marks.items():
        message = message.replace(mark, quoted)
    return message[:LONGEST]


def _cut_after_got(message: str) -> str:
    before, got, rest = message.partition(_GOT)
    return message if rest in KINDS else before + got + (WITHHELD if got else "")


def _cut_quotes(message: str) -> str:
    """Take out everything from the first quotation mark to the last: what stands between may hold some itself."""
    opened = [index for index, letter in enumerate(message) if letter in _OPENING]
    if not opened:
        return message
    closed = max((index for index, letter in enumerate(message) if letter in _CLOSING), default=0)
    rest = message[closed + 1 :] if closed > opened[0] else ""
    return message[: opened[0]] + WITHHELD + rest
