"""Sentences that are written by a child process and shown in another language later.

A child process knows no translations. It keeps what it says as an English template and the values in it, so that the
platform can put both together in the reader's language. Import `sentence as _`: the templates are then found by
`manage.py makemessages` like all other words.

In a template `{count:,}` is a number with separators, `{share:.0f}` one without decimals (see `SPECS`), and
`{count:row}` is "1 row" or "2 rows"; a translation writes `{count}` and its own noun.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from math import isfinite
from numbers import Integral, Real
from string import Formatter
from typing import Any, Self

SPECS = frozenset({"", ",", ".0f", ".1f", "g", ".2g", ".4g"})


@dataclass(frozen=True)
class Sentence:
    """An English template and the values in it; `str()` is the English sentence."""

    template: str
    values: Mapping[str, "Value"] = field(default_factory=dict)

    def __str__(self) -> str:
        return say(self)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        if not isinstance(value["values"], Mapping):
            raise TypeError("the values of a sentence have names")
        return cls(str(value["template"]), {name: _value_from_json(inner) for name, inner in value["values"].items()})


@dataclass(frozen=True)
class Several:
    """A list of values, and how many more there are that are not named."""

    items: tuple["Value", ...]
    more: int = 0


Value = str | int | float | Sentence | Several


def sentence(template: str, /, **values: object) -> Sentence:
    """Return `template` with `values`: sentences and lists as they are, numbers as numbers, all else as text."""
    return Sentence(template, {name: _plain(value) for name, value in values.items()})


def say(said: Sentence, translate: Callable[[str], str] = str) -> str:
    """Return the sentence in the language of `translate`. Raises LookupError or ValueError where they do not fit."""
    return _Writer(translate).vformat(translate(said.template), (), said.values)


_ = sentence
COMMA = _(", ")
AND_MORE = _("{items} and {more} more")


class _Writer(Formatter):
    """Puts values into a template; unlike `str.format` it reaches no attributes and pads nothing."""

    def __init__(self, translate: Callable[[str], str]) -> None:
        self.translate = translate

    def get_field(self, field_name: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> tuple[Any, str]:
        return kwargs[field_name], field_name

    def format_field(self, value: Any, format_spec: str) -> str:
        if isinstance(value, Sentence):
            return say(value, self.translate)
        if isinstance(value, Several):
            return self._list(value)
        if isinstance(value, str):
            return value
        if format_spec in SPECS:
            return format(value, format_spec)
        return f"{value:,} {format_spec}{'' if value == 1 else 's'}"

    def _list(self, several: Several) -> str:
        items = self.translate(COMMA.template).join(self.format_field(item, "") for item in several.items)
        return (
            say(sentence(AND_MORE.template, items=items, more=several.more), self.translate) if several.more else items
        )


def _plain(value: object) -> Value:
    if isinstance(value, str | Sentence | Several):
        return value
    if isinstance(value, Integral):
        return int(value)
    return float(value) if isinstance(value, Real) and isfinite(value) else str(value)


def _value_from_json(value: Any) -> Value:
    if not isinstance(value, Mapping):
        return _plain(value)
    if "template" in value:
        return Sentence.from_json(value)
    return Several(tuple(_value_from_json(item) for item in value["items"]), value["more"])
