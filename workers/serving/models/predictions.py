"""What a model answered, decoded only as far as somebody looks: as mappings, as arrays, or as JSON ready to send."""

from collections.abc import Iterator, Sequence
from operator import add
from typing import Any, Protocol, overload

import numpy as np
import orjson
from numpy.typing import NDArray

from modelyard.features.base import Arrays, Decoder
from modelyard.features.decoder import ClassDecoder, ValueDecoder

BETWEEN = b",\n"
"""Between the objects of a text; within them JSON writes no bare line end, so that they can be told apart again."""

LOW, HIGH = "low", "high"
"""The ends of an interval around a value."""


class Writer(Protocol):
    """Writes outputs as JSON: an object for each row, `BETWEEN` them, or one object of columns."""

    def rows(self, outputs: Arrays) -> bytes: ...

    def columns(self, outputs: Arrays) -> bytes: ...


class Batch:
    """The outputs of one forward pass, shared by the calls whose rows were in it; each form of them is made once."""

    __slots__ = ("_arrays", "_text", "_texts", "decoder", "outputs", "rows", "writer")

    def __init__(self, decoder: Decoder, outputs: Arrays, rows: int, writer: Writer) -> None:
        self.decoder = decoder
        self.outputs = outputs
        self.rows = rows
        self.writer = writer
        self._text: bytes | None = None
        self._texts: list[bytes] | None = None
        self._arrays: Arrays | None = None

    @property
    def text(self) -> bytes:
        """The JSON objects of all rows."""
        if self._text is None:
            self._text = self.writer.rows(self.outputs)
        return self._text

    @property
    def texts(self) -> list[bytes]:
        if self._texts is None:
            self._texts = self.text.split(BETWEEN)
        return self._texts

    @property
    def arrays(self) -> Arrays:
        """The parts of the predictions by name, an entry a row."""
        if self._arrays is None:
            self._arrays = self.decoder.arrays(self.outputs)
        return self._arrays


class Predictions(Sequence[dict[str, Any]]):
    """The predictions of one call: a part of a batch."""

    __slots__ = ("_batch", "_start", "_stop")

    def __init__(self, batch: Batch, start: int, stop: int) -> None:
        self._batch = batch
        self._start = start
        self._stop = stop

    def __len__(self) -> int:
        return self._stop - self._start

    @overload
    def __getitem__(self, index: int) -> dict[str, Any]: ...

    @overload
    def __getitem__(self, index: slice) -> "Predictions": ...

    def __getitem__(self, index: int | slice) -> "dict[str, Any] | Predictions":
        if isinstance(index, slice):
            start, stop, step = index.indices(len(self))
            if step != 1:
                raise ValueError("predictions are taken in order")
            return self.part(start, max(start, stop))
        return self._decode(range(self._start, self._stop)[index], 1)[0]

    def part(self, start: int, stop: int) -> "Predictions":
        return Predictions(self._batch, self._start + start, self._start + stop)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return iter(self._decode(self._start, len(self)))

    def _decode(self, start: int, count: int) -> list[dict[str, Any]]:
        return self._batch.decoder.decode(self._outputs(start, start + count))

    def _outputs(self, start: int, stop: int) -> Arrays:
        return {name: output[start:stop] for name, output in self._batch.outputs.items()}

    @property
    def rows_text(self) -> bytes:
        """The JSON objects of the predictions, commas between them."""
        start, stop, batch = self._start, self._stop, self._batch
        if stop - start == batch.rows:
            return batch.text
        return batch.texts[start] if stop - start == 1 else BETWEEN.join(batch.texts[start:stop])

    @property
    def columns_text(self) -> bytes:
        """One JSON object of columns."""
        return self._batch.writer.columns(self._outputs(self._start, self._stop))

    def bounds(self, level: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Below and above what true values are expected with the probability `level`, which the signature offers."""
        decoder = self._batch.decoder
        assert isinstance(decoder, ValueDecoder)
        return decoder.bounds(self._outputs(self._start, self._stop), level)

    def arrays_at(self, level: float) -> Arrays:
        """The values and the ends of their intervals, an entry a row each."""
        low, high = self.bounds(level)
        return {"value": self.arrays["value"], LOW: low, HIGH: high}

    def rows_at(self, level: float) -> list[dict[str, Any]]:
        """The predictions, each with the ends of its interval."""
        columns = self.arrays_at(level)
        lists = [column.tolist() for column in columns.values()]
        return [dict(zip(columns, row, strict=True)) for row in zip(*lists, strict=True)]

    @property
    def arrays(self) -> Arrays:
        """The parts of the predictions by name (`Output.parts`)."""
        return {name: array[self._start : self._stop] for name, array in self._batch.arrays.items()}


def make_writer(decoder: Decoder) -> Writer:
    """Return what writes the answers of a model, compiled for its decoder."""
    if isinstance(decoder, ClassDecoder):
        return _ClassWriter(decoder)
    if isinstance(decoder, ValueDecoder):
        return _ValueWriter(decoder)
    return _AnyWriter(decoder)


def write_numbers(numbers: NDArray[Any]) -> list[bytes]:
    """Return each number as JSON, in the fewest digits that tell it from its neighbours in its own precision."""
    return _write_list(numbers)[1:-1].split(b",") if numbers.size else []


def _write_list(numbers: NDArray[Any]) -> bytes:
    if numbers.dtype not in (np.float32, np.float64):
        numbers = numbers.astype(np.float64)
    return orjson.dumps(np.ascontiguousarray(numbers).reshape(-1), option=orjson.OPT_SERIALIZE_NUMPY)


class _ClassWriter:
    """Lays out the pieces of every row that stay the same, puts the ones that differ between them, joins them once."""

    def __init__(self, decoder: ClassDecoder) -> None:
        self._output = decoder.OUTPUT
        self._choose = decoder.choose
        self._labels = [orjson.dumps(label) for label in decoder.labels]
        self._heads = [b'{"label":%b,"score":' % label for label in self._labels]
        self._object: list[bytes] = []
        for label in self._labels:
            self._object += ((b"," if self._object else b"{") + label + b":", b"")
        self._row = [b"", b"", b',"probabilities":', *self._object, b"}}" + BETWEEN]

    def rows(self, outputs: Arrays) -> bytes:
        numbers, best, scores = self._read(outputs)
        pieces, step = self._row * len(best), len(self._row)
        pieces[0::step] = map(self._heads.__getitem__, best)
        pieces[1::step] = scores
        return self._join(pieces, numbers, 4, step)

    def columns(self, outputs: Arrays) -> bytes:
        numbers, best, scores = self._read(outputs)
        labels = b",".join([self._labels[index] for index in best])
        row = [*self._object, b"}" + BETWEEN]
        objects = self._join(row * len(best), numbers, 1, len(row))
        return b'{"label":[%b],"score":[%b],"probabilities":[%b]}' % (labels, b",".join(scores), objects)

    def _read(self, outputs: Arrays) -> tuple[list[bytes], list[int], list[bytes]]:
        """Return all probabilities, row after row; which of each row is named; how high it is."""
        probabilities = outputs[self._output]
        numbers, classes = write_numbers(probabilities), len(self._labels)
        best: list[int] = self._choose(probabilities).tolist()
        return numbers, best, list(map(numbers.__getitem__, map(add, range(0, len(numbers), classes), best)))

    def _join(self, pieces: list[bytes], numbers: list[bytes], first: int, step: int) -> bytes:
        classes = len(self._labels)
        for index in range(classes):
            pieces[first + 2 * index :: step] = numbers[index::classes]
        return b"".join(pieces)[: -len(BETWEEN)]


class _ValueWriter:
    def __init__(self, decoder: ValueDecoder) -> None:
        self._decoder = decoder

    def rows(self, outputs: Arrays) -> bytes:
        return BETWEEN.join([b'{"value":%b}' % number for number in write_numbers(self._decoder.values(outputs))])

    def columns(self, outputs: Arrays) -> bytes:
        return b'{"value":%b}' % _write_list(self._decoder.values(outputs))


class _AnyWriter:
    def __init__(self, decoder: Decoder) -> None:
        self._decoder = decoder

    def rows(self, outputs: Arrays) -> bytes:
        return BETWEEN.join([orjson.dumps(row) for row in self._decoder.decode(outputs)])

    def columns(self, outputs: Arrays) -> bytes:
        rows = self._decoder.decode(outputs)
        return orjson.dumps({name: [row[name] for row in rows] for name in rows[0]} if rows else {})
