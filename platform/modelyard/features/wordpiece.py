"""Texts to the numbers of word pieces, as the networks of the BERT family were trained to read them.

What comes out is what the reference, `BertTokenizer` of the `tokenizers` package, gives, with two differences: words
such as "[SEP]" in a text are words like others, so that nobody can write the marks that only the network's own input
holds, and of endless texts only the beginning is looked at.

After Devlin and others, BERT (2019), and for the pieces Wu and others, Google's neural machine translation system
(2016).
"""

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self

PADDING, UNKNOWN, BEGIN, END = "[PAD]", "[UNK]", "[CLS]", "[SEP]"
MARKS = (PADDING, UNKNOWN, BEGIN, END)
"""What a vocabulary must hold beside the pieces."""
INNER = "##"
"""Leads a piece that is not the first of its word."""
LONGEST_WORD = 100
"""Characters; a longer word is unknown as a whole."""
_MOST_REMEMBERED = 50_000
_CHINESE = (
    *((0x4E00, 0x9FFF), (0x3400, 0x4DBF), (0x20000, 0x2A6DF), (0x2A700, 0x2B73F), (0x2B740, 0x2B81F)),
    *((0x2B820, 0x2CEAF), (0xF900, 0xFAFF), (0x2F800, 0x2FA1F)),
)
_CAPITAL_SIGMA, _SIGMA = "\u03a3", "\u03c3"


@dataclass(frozen=True, kw_only=True)
class Reading:
    """How a text is cleaned before it is cut: lower case, without accents, a Chinese character a word of its own."""

    lowercase: bool = True
    strip_accents: bool = True
    split_chinese: bool = True

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


class WordPieces:
    """A vocabulary: piece number i is `pieces[i]`. Raises `ValueError` where marks are missing."""

    def __init__(self, pieces: Sequence[str], reading: Reading) -> None:
        self.pieces = tuple(pieces)
        self.reading = reading
        self._numbers = {piece: number for number, piece in enumerate(self.pieces)}
        missing = [mark for mark in MARKS if mark not in self._numbers]
        if missing:
            raise ValueError(f"the vocabulary holds no {', '.join(missing)}")
        self.padding, self.unknown, self.begin, self.end = (self._numbers[mark] for mark in MARKS)
        self._characters = _Characters(reading)
        self._remembered: dict[str, tuple[int, ...]] = {}

    def split(self, text: str) -> list[str]:
        """Return the words, signs and Chinese characters of a text."""
        if not text.isascii() and self.reading.strip_accents:
            text = unicodedata.normalize("NFD", text)
        text = text.translate(self._characters)
        if self.reading.lowercase:
            text = text.replace(_CAPITAL_SIGMA, _SIGMA).lower()
        return text.split()

    def find(self, text: str, most: int) -> list[int]:
        """Return the numbers of the first `most` pieces of a text, without marks."""
        found: list[int] = []
        remembered = self._remembered
        for word in self.split(text[: most * LONGEST_WORD]):
            known = remembered.get(word)
            found += self._look_up(word) if known is None else known
            if len(found) >= most:
                return found[:most]
        return found

    def _look_up(self, word: str) -> tuple[int, ...]:
        """Cut a word and remember how: most texts are made of the same words."""
        if len(self._remembered) >= _MOST_REMEMBERED:
            self._remembered.clear()
        pieces = self._cut(word)
        self._remembered[word] = pieces
        return pieces

    def _cut(self, word: str) -> tuple[int, ...]:
        """The longest piece first, from the left; a word with a part that no piece fits is unknown as a whole."""
        if len(word) > LONGEST_WORD:
            return (self.unknown,)
        pieces: list[int] = []
        start = 0
        while start < len(word):
            lead = INNER if start else ""
            for end in range(len(word), start, -1):
                number = self._numbers.get(lead + word[start:end])
                if number is not None:
                    break
            else:
                return (self.unknown,)
            pieces.append(number)
            start = end
        return tuple(pieces)

    def to_json(self) -> dict[str, Any]:
        return {"pieces": list(self.pieces), "reading": self.reading.to_json()}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        return cls(value["pieces"], Reading(**value["reading"]))


class _Characters(dict[int, str]):
    """What becomes of each character, for `str.translate`; found out once for each that occurs."""

    def __init__(self, reading: Reading) -> None:
        super().__init__()
        self._reading = reading

    def __missing__(self, code: int) -> str:
        character = chr(code)
        became = self[code] = self._decide(code, character, unicodedata.category(character))
        return became

    def _decide(self, code: int, character: str, category: str) -> str:
        if character in "\t\n\r" or category in ("Zs", "Zl", "Zp"):
            return " "
        if code in (0, 0xFFFD) or category in ("Cc", "Cf", "Co", "Cs"):
            return ""
        if category == "Mn" and self._reading.strip_accents:
            return ""
        if self._reading.split_chinese and any(first <= code <= last for first, last in _CHINESE):
            return f" {character} "
        if category.startswith("P") or (code < 128 and not character.isalnum()):
            return f" {character} "
        return character
