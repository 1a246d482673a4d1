"""Rows to predictions. A row that cannot be answered says why and leaves the others alone."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from modelyard.features import Features, RowProblem
from modelyard.features.series.features import SeriesFeatures
from workers.scoring.chunks import Chunk
from workers.serving.models.loaded import LoadedModel, NotFinite
from workers.serving.models.rows import Row, read_row

Answer = Mapping[str, Any] | str
"""A prediction, or why there is none."""
NARROWEST = 8


def answer_chunk(model: LoadedModel, chunk: Chunk, interval: float | None = None) -> list[Answer]:
    """Return an answer for every row of a chunk, in its order; values with their `interval` where one is asked for."""
    answers: dict[int, Answer] = dict(chunk.faults)
    rows: list[Row] = []
    places: list[int] = []
    for place, values in enumerate(chunk.values()):
        if place in answers:
            continue
        try:
            known = {name: value for name, value in values.items() if name in model.names}
            if isinstance(model.features, SeriesFeatures):
                _require_moment(model.features.columns.time, known)
            rows.append(read_row(model, known, 0))
        except RowProblem as problem:
            answers[place] = problem.message
        else:
            places.append(place)
    answers.update(zip(places, answer_rows(model, rows, interval), strict=True))
    return [answers[place] for place in range(len(chunk))]


def _require_moment(name: str, row: Mapping[str, Any]) -> None:
    """A row of a file is answered with one value: it has to say of when."""
    if row.get(name) in (None, ""):
        raise RowProblem(0, name, f"column '{name}' is empty; write the moment to forecast")


def answer_rows(model: LoadedModel, rows: Sequence[Row], interval: float | None) -> list[Answer]:
    """Answer rows together, once those that the features cannot take are set apart."""
    try:
        return _compute(model, rows, interval)
    except RowProblem:
        answers: dict[int, Answer] = dict(find_faults(model.features, rows))
    sound = [place for place in range(len(rows)) if place not in answers]
    answers.update(zip(sound, _compute(model, [rows[place] for place in sound], interval), strict=True))
    return [answers[place] for place in range(len(rows))]


def find_faults(features: Features, rows: Sequence[Row], first: int = 0) -> Iterator[tuple[int, str]]:
    """Yield the place of every row that the features cannot take, and why; the first row has the place `first`.

    The features name one such row of several, and not always the first: those before it are looked at once more, those
    behind it in windows that are as wide as faults are rare.
    """
    start, size = 0, len(rows)
    while start < len(rows):
        window = rows[start : start + size]
        try:
            features.transform(window)
        except RowProblem as problem:
            yield first + start + problem.row, problem.message
            yield from find_faults(features, window[: problem.row], first + start)
            start, size = start + problem.row + 1, max(NARROWEST, 2 * problem.row)
        else:
            start, size = start + len(window), 2 * size


def _compute(model: LoadedModel, rows: Sequence[Row], interval: float | None) -> list[Answer]:
    """Answer rows that can be taken; where no finite number comes out, each half on its own. Raises `RowProblem`."""
    if not rows:
        return []
    try:
        predictions = model.predict(rows)
        return list(predictions if interval is None else predictions.rows_at(interval))
    except NotFinite:
        if len(rows) == 1:
            return ["the model computed no finite number for this row"]
    middle = len(rows) // 2
    return _compute(model, rows[:middle], interval) + _compute(model, rows[middle:], interval)
