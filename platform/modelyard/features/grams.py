"""Texts to grams: words, pairs of words and pieces of words; characters, pairs and triples without spaces.

Grams are plain strings. A gram of several words joins them by a space, one of Chinese (Japanese, Korean, Thai, …)
characters by nothing, and `~` leads pieces of a word, of which `<` and `>` are the ends. No language is assumed: a text
may mix scripts.
"""

import html
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence

UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff"
    "\U00020000-\U0003134f"
)
"""Thai, Lao, Burmese, Khmer, Japanese syllables, Chinese, Korean."""
_UNSPACED = re.compile(f"[{UNSPACED}]")
_TOKEN = re.compile(rf"[{UNSPACED}]|[^\W_{UNSPACED}]+|[^\w\s]|_")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060\ufeff]+")
_DIGITS = str.maketrans(dict.fromkeys("123456789", "0"))
SHORTEST_PIECE, LONGEST_PIECE = 2, 5
LONGEST_WORD = 40
"""Characters of a word that pieces are made of."""
MOST_COUNTED = 4_000_000
"""Different grams that are counted at a time; beyond it those seen once are forgotten."""


def clean_text(text: str) -> str:
    """Undo HTML entities, unify how characters are written (NFKC), drop what cannot be seen, and lower the case."""
    if "&" in text:
        text = html.unescape(text)
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text)
    return _CONTROL.sub(" ", text).lower()


def split_tokens(text: str) -> list[str]:
    """Return the words, unspaced characters and signs of a clean text. Digits become 0, for it is their number that
    tells: a telephone number, a year, a price."""
    return _TOKEN.findall(text.translate(_DIGITS))


def is_unspaced(token: str) -> bool:
    return len(token) == 1 and _UNSPACED.match(token) is not None


def list_pieces(token: str) -> list[str]:
    """Return the token and, of a word, its pieces."""
    if len(token) == 1:
        return [token]
    framed = f"<{token[:LONGEST_WORD]}>"
    pieces = [token]
    for size in range(SHORTEST_PIECE, LONGEST_PIECE + 1):
        pieces += [f"~{framed[start : start + size]}" for start in range(len(framed) - size + 1)]
    return pieces


def list_runs(tokens: Sequence[str]) -> list[str]:
    """Return pairs of neighbours, and triples of unspaced characters."""
    runs = []
    before, one_before, unspaced_before, unspaced_one_before = "", "", False, False
    for token in tokens:
        unspaced = is_unspaced(token)
        if before:
            runs.append(before + token if unspaced and unspaced_before else f"{before} {token}")
            if unspaced and unspaced_before and unspaced_one_before:
                runs.append(one_before + before + token)
        one_before, unspaced_one_before = before, unspaced_before
        before, unspaced_before = token, unspaced
    return runs


def list_grams(tokens: Sequence[str]) -> list[str]:
    """Return every gram as often as it occurs."""
    return [piece for token in tokens for piece in list_pieces(token)] + list_runs(tokens)


def count_grams(texts: Iterable[Sequence[str]]) -> Counter[str]:
    """Return in how many of the texts, given as tokens, each gram occurs; about so, where there are too many."""
    counts: Counter[str] = Counter()
    for tokens in texts:
        counts.update(set(list_grams(tokens)))
        if len(counts) > MOST_COUNTED:
            counts = Counter({gram: count for gram, count in counts.items() if count > 1})
    return counts
