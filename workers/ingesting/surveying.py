"""One pass over a column of strings: what is missing, which values it has how often, and fingerprints of the whole."""

import hashlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from workers.ingesting import limits

Hashes = NDArray[np.uint64]

_MIXER = np.uint64(0x9E3779B97F4A7C15)


@dataclass
class Survey:
    """What is known of a column.

    `counts` holds every value where `complete`, else the `limits.MAXIMUM_COUNTED_VALUES` that came first. `content` is
    equal for columns with equal cells, `pattern` for columns whose values go together one to one; both are None where
    they would say nothing.
    """

    name: str
    rows: int = 0
    missing: int = 0
    distinct: int = 0
    complete: bool = True
    counts: Counter[str] = field(default_factory=Counter)
    content: bytes | None = None
    pattern: bytes | None = None

    @property
    def present(self) -> int:
        return self.rows - self.missing


def survey_column(name: str, chunks: Iterator[pa.Array], row_hashes: Hashes) -> Survey:
    """Survey the column whose cells come in `chunks`, and mix its values into `row_hashes`."""
    survey = Survey(name)
    codes: dict[str, int] = {}
    pattern = hashlib.blake2b(digest_size=16)
    hashes = np.zeros(len(row_hashes), np.uint64)
    for chunk in chunks:
        values, indices = encode(chunk)
        here = slice(survey.rows, survey.rows + len(chunk))
        hashes[here] = _hash_values(values)[indices]
        survey.rows += len(chunk)
        survey.missing += chunk.null_count
        if survey.complete:
            _count(survey, codes, values, indices, pattern)
    _finish(survey, hashes, pattern.digest())
    row_hashes *= _MIXER
    row_hashes += hashes
    return survey


def encode(chunk: pa.Array) -> tuple[list[str | None], NDArray[np.int64]]:
    """Return the distinct values of a chunk, None last, and for each cell the index of its value."""
    encoded = chunk.dictionary_encode()
    values: list[str | None] = [*encoded.dictionary.to_pylist(), None]
    indices = encoded.indices.fill_null(len(values) - 1).to_numpy(zero_copy_only=False).astype(np.int64)
    return values, indices


def _hash_values(values: list[str | None]) -> Hashes:
    return np.fromiter((hash(value) & 0xFFFFFFFFFFFFFFFF for value in values), np.uint64, len(values))


def _count(
    survey: Survey,
    codes: dict[str, int],
    values: list[str | None],
    indices: NDArray[np.int64],
    pattern: hashlib.blake2b,
) -> None:
    """Add to the counts, in the order of first appearance, until there are too many different values."""
    numbers = np.bincount(indices, minlength=len(values)).tolist()
    global_codes = np.full(len(values), -1, np.int64)
    for index, value in enumerate(values[:-1]):
        assert value is not None
        survey.counts[value] += numbers[index]
        global_codes[index] = codes.setdefault(value, len(codes))
        if len(codes) > limits.MAXIMUM_COUNTED_VALUES:
            survey.complete = False
            return
    pattern.update(global_codes[indices].tobytes())


def _finish(survey: Survey, hashes: Hashes, pattern: bytes) -> None:
    if survey.complete:
        survey.distinct = len(survey.counts)
        if 2 <= survey.distinct <= survey.rows / 2:
            survey.pattern = pattern
    else:
        survey.distinct = _count_distinct(hashes) - (1 if survey.missing else 0)
    if survey.distinct >= 2:
        survey.content = hashlib.blake2b(hashes.tobytes(), digest_size=16).digest()


def count_duplicates(row_hashes: Hashes) -> int:
    """Return how many rows repeat an earlier one."""
    return len(row_hashes) - _count_distinct(row_hashes)


def _count_distinct(hashes: Hashes) -> int:
    ordered = np.sort(hashes)
    return 1 + int(np.count_nonzero(ordered[1:] != ordered[:-1]))
