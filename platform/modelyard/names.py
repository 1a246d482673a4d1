"""Names that people give: a line to show, never able to turn the text around it or to add a line to a header."""

import unicodedata

UNSEEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
"""Unicode's categories of control and format characters (bidirectional marks, zero-width), of surrogate, private and
unassigned ones, and of line ends."""


def clean_text(text: str, length: int) -> str:
    """Return `text` composed (NFC), without unseen characters, spaces collapsed, at most `length` characters."""
    composed = unicodedata.normalize("NFC", text.encode("utf-8", "replace").decode("utf-8"))
    visible = "".join(" " if letter in "\t\n\r" else letter for letter in composed if _is_visible(letter))
    return " ".join(visible.split())[:length].strip()


def _is_visible(letter: str) -> bool:
    return letter in "\t\n\r" or unicodedata.category(letter) not in UNSEEN
