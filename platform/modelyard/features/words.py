"""Words that stand for yes, no and nothing, and values in the words of a message."""

MISSING = float("nan")
MISSING_WORDS = frozenset(
    [
        "?",
        "-",
        "--",
        ".",
        "…",
        "na",
        "n/a",
        "n.a.",
        "n.a",
        "#n/a",
        "#na",
        "<na>",
        "nan",
        "-nan",
        "null",
        "nil",
        "none",
        "missing",
        "unknown",
        "#div/0!",
        "#value!",
        "#ref!",
        "#num!",
        "#name?",
        "inf",
        "+inf",
        "-inf",
        "infinity",
        "+infinity",
        "-infinity",
        "1.#qnan",
        "-1.#ind",
        "1.#inf",
    ]
) | {"", "n. a.", "not available"}
"""Words that stand for a missing number, flag or date, in lower case. Categories and texts may well say NA and mean
it."""

TRUE_WORDS = frozenset(
    [
        "yes",
        "y",
        "true",
        "t",
        "1",
        "1.0",
        "on",
        "ja",
        "j",
        "oui",
        "si",
        "sí",
        "sim",
        "vrai",
        "wahr",
        "是",
        "对",
        "真",
        "да",
        "1.00",
    ]
)
FALSE_WORDS = frozenset(
    [
        "no",
        "n",
        "false",
        "f",
        "0",
        "0.0",
        "off",
        "nein",
        "non",
        "não",
        "faux",
        "falsch",
        "否",
        "不是",
        "错",
        "假",
        "нет",
        "0.00",
    ]
)


def describe(value: object) -> str:
    """Return `value` as an error message may show it: short, its kind told where it is no text."""
    if isinstance(value, str):
        return f"'{value[:40]}…'" if len(value) > 40 else f"'{value}'"
    names = {
        dict: "an object",
        list: "a list",
        bool: "true or false",
        bytes: "bytes",
        int: "a number",
        float: "a number",
    }
    return names.get(type(value), type(value).__name__)
