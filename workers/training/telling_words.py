"""Which words speak most for each class: what the model answers to them alone."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modelyard.features.texts import TextFeatures
from modelyard.features.vocabularies import is_readable
from workers.training.preparing import Arrays, Material

MOST_ASKED = 3000
MOST_CLASSES, MOST_WORDS = 20, 15
FEWEST_ROWS, FEWEST_SHARE = 3, 0.001
SURE = 1e-6
DIGIT = "#"
"""How any digit is written: grams do not tell them apart."""


def find_words(material: Material, ask: Callable[[Arrays], Arrays]) -> list[dict[str, Any]]:
    """Return for each class, the most frequent ones first, and each column of texts the words that make it likelier
    than an empty text does: with the probability that the model gives it on reading them alone, in how many of the
    texts to learn from they stand, and what share of these is of the class."""
    features = material.features
    assert isinstance(features, TextFeatures)
    counts = np.bincount(material.truth[material.learnable], minlength=len(material.labels))
    classes = np.argsort(-counts, kind="stable")[:MOST_CLASSES].tolist()
    empty = dict.fromkeys(features.names)
    nothing = _logits(ask(features.transform([empty]))["probabilities"][0])
    first = 1
    found = []
    for column in features.columns:
        rows = _count_rows(material, material.learnable, first, len(column.grams))
        chosen = _choose(column.grams.grams, rows, len(material.learnable))
        grams = [column.grams.grams[index] for index in chosen]
        answers = _ask_alone(material, ask, column.name, grams)
        for label in classes:
            of_label = material.learnable[material.truth[material.learnable] == label]
            rows_of_label = _count_rows(material, of_label, first, len(column.grams))
            words = [
                {
                    "word": grams[index].replace("0", DIGIT),
                    "probability": float(answers[index, label]),
                    "rows": int(rows[chosen[index]]),
                    "share": float(rows_of_label[chosen[index]] / rows[chosen[index]]),
                }
                for index in _pick(grams, (_logits(answers) - nothing)[:, label])
            ]
            found.append({"column": column.name, "label": material.labels[label], "words": words})
        first += len(column.grams)
    return found


def _ask_alone(material: Material, ask: Callable[[Arrays], Arrays], column: str, grams: list[str]) -> NDArray[Any]:
    """The probabilities of rows of which nothing is known but a gram in a column."""
    if not grams:
        return np.zeros((0, len(material.labels)))
    assert isinstance(material.features, TextFeatures)
    empty = dict.fromkeys(material.features.names)
    return ask(material.features.transform([{**empty, column: gram} for gram in grams]))["probabilities"]


def _count_rows(material: Material, chosen: NDArray[np.int64], first: int, count: int) -> NDArray[np.int64]:
    """In how many of the rows each gram of a column stands; a row holds a gram once."""
    ids = material.inputs["gram_ids"][chosen]
    return np.bincount(ids.ravel(), minlength=first + count)[first : first + count]


def _choose(grams: tuple[str, ...], rows: NDArray[np.int64], total: int) -> list[int]:
    """The most frequent grams that people can read."""
    fewest = max(FEWEST_ROWS, FEWEST_SHARE * total)
    order = np.argsort(-rows, kind="stable").tolist()
    frequent = [index for index in order if rows[index] >= fewest and is_readable(grams[index])]
    return frequent[:MOST_ASKED]


def _pick(grams: list[str], gains: NDArray[Any]) -> list[int]:
    """The largest gains; a gram that is part of one before it, or the other way round, says nothing new."""
    picked: list[int] = []
    for index in np.argsort(-gains, kind="stable").tolist():
        if gains[index] <= 0 or len(picked) == MOST_WORDS:
            break
        if not any(_overlap(grams[index], grams[other]) for other in picked):
            picked.append(index)
    return picked


def _overlap(one: str, other: str) -> bool:
    return (
        f" {one} " in f" {other} "
        or f" {other} " in f" {one} "
        or (not one.isascii() and (one in other or other in one))
    )


def _logits(probabilities: NDArray[Any]) -> NDArray[np.float64]:
    shares = np.clip(probabilities.astype(np.float64), SURE, 1.0 - SURE)
    logits: NDArray[np.float64] = np.log(shares) - np.log1p(-shares)
    return logits
