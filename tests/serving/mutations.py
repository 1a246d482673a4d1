"""Valid bodies made wrong: JSON as a tree, written with things that no decent writer writes; bytes as bytes."""

import json
from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st

Draw = Callable[[Any], Any]


class Token(bytes):
    """Stands in a JSON text as it is."""


class Pairs(list[tuple[str, Any]]):
    """An object whose names may come twice."""


def nest(depth: int, opening: bytes = b"[", closing: bytes = b"]", core: bytes = b"") -> Token:
    return Token(opening * depth + core + closing * depth)


NUMBERS = [b"NaN", b"Infinity", b"-Infinity", b"1e999", b"-1e999", b"1e-999", b"-0", b"1.7976931348623157e308", b"1e38"]
NUMBERS += [b"9" * digits for digits in (20, 310, 5000, 100_000)] + [b"00", b"+1", b"0x10", b".5", b"1.", b"1e"]
TEXTS = [b'"\\ud800"', b'"\\u0000"', b'"\xff\xfe"', b'"' + b"x" * 50_000 + b'"', b'"\\', b"'a'", b'"\n"', b""]
DEEP = [
    nest(20),
    nest(900),
    nest(50_000),
    nest(300, b'{"a":', b"}", b"1"),
    Token(b"[" * 5000),
    Token(b'{"b64":' * 5000),
]
WIDE = [Token(b"[" + b"1," * 40_000 + b"1]"), Token(b"{" + b'"a":1,' * 20_000 + b'"a":1}')]
PLAIN = [
    None,
    True,
    False,
    0,
    -1,
    41,
    0.5,
    2**31,
    2**63,
    2**64,
    -(2**63) - 1,
    1e30,
    "",
    " ",
    "41",
    "yes",
    "NaN",
    "2021-02-30",
]
SHAPES = [[], {}, [[]], [None], [[1, 2], [3]], {"b64": "AAAA"}, {"b64": "!"}, {"b64": 5}, {"b64": "AAAA", "x": 1}]
STRANGE = st.one_of(
    st.sampled_from([Token(token) for token in (*NUMBERS, *TEXTS)]),
    st.sampled_from(DEEP + WIDE),
    st.sampled_from(PLAIN),
    st.sampled_from(SHAPES),
    st.integers(),
    st.floats(),
    st.text(max_size=20),
)


def write(value: Any) -> bytes:
    """JSON, with tokens as they are."""
    if isinstance(value, Token):
        return bytes(value)
    if isinstance(value, dict):
        value = Pairs(value.items())
    if isinstance(value, Pairs):
        return b"{" + b",".join(write(name) + b":" + write(item) for name, item in value) + b"}"
    if isinstance(value, list):
        return b"[" + b",".join(map(write, value)) + b"]"
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass")


def find_places(value: Any, place: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Where in a tree something can be changed."""
    inner = value.items() if type(value) is dict else enumerate(value) if type(value) is list else ()
    return [place] + [found for key, item in inner for found in find_places(item, (*place, key))]


def change(value: Any, place: tuple[Any, ...], make: Callable[[Any], Any]) -> Any:
    """Return the tree with what is at `place` made into something else."""
    if not place:
        return make(value)
    copy = value.copy()
    copy[place[0]] = change(copy[place[0]], place[1:], make)
    return copy


def mutate(draw: Draw, value: Any) -> Any:
    """Change a tree at one place."""
    place = draw(st.sampled_from(find_places(value)))
    return change(value, place, draw(st.sampled_from([put_strange, wrap, repeat, lose, misname, name_twice]))(draw))


def put_strange(draw: Draw) -> Callable[[Any], Any]:
    strange = draw(STRANGE)
    return lambda _: strange


def wrap(draw: Draw) -> Callable[[Any], Any]:
    name = draw(st.sampled_from([None, "b64", "age", "instances"]))
    return lambda value: [value] if name is None else {name: value}


def repeat(draw: Draw) -> Callable[[Any], Any]:
    times = draw(st.sampled_from([2, 3, 1000]))
    return lambda value: value * times if type(value) is list and len(value) < 10 else [value, value]


def lose(draw: Draw) -> Callable[[Any], Any]:
    index = draw(st.integers(0, 5))

    def make(value: Any) -> Any:
        if type(value) not in (list, dict) or not value:
            return None
        kept = [item for place, item in enumerate(value) if place != index % len(value)]
        return {name: value[name] for name in kept} if isinstance(value, dict) else kept

    return make


def misname(draw: Draw) -> Callable[[Any], Any]:
    name = draw(st.sampled_from(["", "agé", "b64", "instances", "inputs", "x" * 5000, "\x00"]))
    return lambda value: {name: next(iter(value.values()), None)} if isinstance(value, dict) else {name: value}


def name_twice(draw: Draw) -> Callable[[Any], Any]:
    strange = draw(STRANGE)

    def make(value: Any) -> Any:
        return Pairs([*value.items(), *((name, strange) for name in value)]) if type(value) is dict else strange

    return make


def damage(draw: Draw, content: bytes) -> bytes:
    """Change bytes: leave some out, put some in, turn some over."""
    start = draw(st.integers(0, max(0, len(content) - 1)))
    stop = draw(st.integers(start, min(len(content), start + 40)))
    junk = draw(
        st.one_of(
            st.binary(max_size=8), st.sampled_from([b"\x00" * 4, b"\xff" * 8, b"\r\n\r\n", b'"', b",", b"9" * 30])
        )
    )
    kind = draw(st.sampled_from(["cut", "lose", "put", "twice"]))
    made = {
        "cut": content[:start],
        "lose": content[:start] + content[stop:],
        "put": content[:start] + junk + content[stop:],
        "twice": content + content[start:],
    }
    return made[kind]
