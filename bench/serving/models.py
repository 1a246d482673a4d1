"""The three models: their rows, and what they are on disk for Modelyard (an artifact) and for the peers (ONNX)."""

import base64
import io
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray
from PIL import Image

from bench.serving import networks
from modelyard.contracts import artifact
from modelyard.contracts.jsonfile import write_json
from modelyard.contracts.route import Target
from modelyard.contracts.signature import Input, Output, Signature
from modelyard.features.decoder import ClassDecoder
from modelyard.features.images import ImageFeatures
from modelyard.features.table import TableFeatures

Matrix = NDArray[Any]
COLUMNS = tuple(f"column_{index:02d}" for index in range(14))
TABLE_SIZES = (len(COLUMNS), 64, 32, 3)
GOLDEN_ROWS = 8


@dataclass(frozen=True)
class Rows:
    """The rows of a request: a line of the matrix for each; `jpegs` where they are sent as encoded images instead."""

    matrix: Matrix
    jpegs: Sequence[bytes] = ()


class Model(ABC):
    """One model: `artifact` is Modelyard's folder, `whole` the ONNX file for the peers (rows in, probabilities out)."""

    name: str
    title: str
    labels: tuple[str, ...]
    shape: tuple[int, ...]
    sent_shape: tuple[int, ...]
    """How peers are sent a row."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.whole = folder / f"{self.name}.onnx"
        self.whole.write_bytes(self._build(whole=True))
        self.target = self.write_artifact(folder / self.name)

    @abstractmethod
    def sample(self, count: int, seed: int, *, jpeg: bool = False) -> Rows:
        """Rows that differ from seed to seed."""

    @abstractmethod
    def _build(self, *, whole: bool, seed: int = 0) -> bytes:
        """The network as ONNX; `whole` with what Modelyard's features do inside."""

    @abstractmethod
    def _transform(self, rows: Rows) -> dict[str, NDArray[Any]]:
        """Rows to what the core takes, by Modelyard's features."""

    @abstractmethod
    def _golden(self, rows: Rows) -> list[dict[str, Any]]:
        """Rows as `golden.json` has them."""

    @property
    @abstractmethod
    def _features(self) -> TableFeatures | ImageFeatures: ...

    @property
    @abstractmethod
    def _inputs(self) -> tuple[Input, ...]: ...

    def expect(self, rows: Rows) -> Matrix:
        """The probabilities that onnxruntime computes without any server."""
        (computed,) = self._session.run(None, self._transform(rows))
        return np.asarray(computed)

    def write_artifact(self, folder: Path, seed: int = 0) -> Target:
        """Write the folder as training leaves it; another seed is another model of the same shape."""
        folder.mkdir(parents=True)
        core = self._build(whole=False, seed=seed)
        signature = Signature(
            task="multiclass classification",
            inputs=self._inputs,
            output=Output(kind="label", name="class", labels=self.labels),
        )
        (folder / artifact.CORE_ONNX).write_bytes(core)
        write_json(folder / artifact.SIGNATURE, signature.to_json())
        write_json(folder / artifact.FEATURES, self._features.to_json())
        write_json(folder / artifact.DECODER, ClassDecoder(self.labels).to_json())
        golden = self.sample(GOLDEN_ROWS, seed=99, jpeg=self.name == "photos")
        (computed,) = open_session(core).run(None, self._transform(golden))
        predictions = ClassDecoder(self.labels).decode({networks.OUTPUT: computed})
        write_json(folder / artifact.GOLDEN, {"rows": self._golden(golden), "predictions": predictions})
        return Target(version=1, artifact=str(folder), sha256=artifact.seal(folder))

    @cached_property
    def _session(self) -> ort.InferenceSession:
        return open_session((self.folder / self.name / artifact.CORE_ONNX).read_bytes())


class TableModel(Model):
    """14 numbers, a network 14-64-32-3."""

    name = "table"
    title = "table of 14 columns, network 14-64-32-3"
    labels = ("low", "middle", "high")
    shape = sent_shape = (len(COLUMNS),)

    def sample(self, count: int, seed: int, *, jpeg: bool = False) -> Rows:
        return Rows(np.random.default_rng(seed).normal(10.0, 4.0, size=(count, len(COLUMNS))).round(3))

    def _build(self, *, whole: bool, seed: int = 0) -> bytes:
        if not whole:
            return networks.build_table(TABLE_SIZES, seed)
        return networks.build_whole_table(TABLE_SIZES, self._features.centre, self._features.scale, seed)

    def _transform(self, rows: Rows) -> dict[str, NDArray[Any]]:
        return dict(self._features.transform_columns(dict(zip(COLUMNS, rows.matrix.T.tolist(), strict=True))))

    def _golden(self, rows: Rows) -> list[dict[str, Any]]:
        return name_columns(rows)

    @cached_property
    def _features(self) -> TableFeatures:
        columns = zip(COLUMNS, self.sample(500, seed=98).matrix.T, strict=True)
        texts = {name: np.array([str(value) for value in column], dtype=object) for name, column in columns}
        return TableFeatures.fit(texts, dict.fromkeys(COLUMNS, "number"))

    @property
    def _inputs(self) -> tuple[Input, ...]:
        return tuple(Input(name=name, kind="number", optional=False, example=10.0) for name in COLUMNS)


class PixelModel(Model):
    """Pictures of one size."""

    filters: tuple[int, ...] = ()
    sizes: tuple[int, ...]

    def sample(self, count: int, seed: int, *, jpeg: bool = False) -> Rows:
        """Soft shapes, so that their JPEGs are of the size that photographs have."""
        random = np.random.default_rng(seed)
        height, width, channels = self.shape
        jpegs, pictures = [], []
        for _ in range(count):
            small = random.integers(0, 256, size=(8, 8, 3), dtype=np.uint8)
            picture = Image.fromarray(small).resize((width, height), Image.Resampling.BICUBIC)
            if channels == 1:
                picture = picture.convert("L")
            if jpeg:
                buffer = io.BytesIO()
                picture.save(buffer, "JPEG", quality=90)
                jpegs.append(buffer.getvalue())
                picture = Image.open(buffer)
            pictures.append(np.asarray(picture, dtype=np.int64).reshape(-1))
        return Rows(np.stack(pictures), jpegs)

    def _build(self, *, whole: bool, seed: int = 0) -> bytes:
        flat = whole and self.sent_shape != self.shape
        return networks.build_pixels(self.shape, self.filters, self.sizes, seed, flat=flat)

    def _transform(self, rows: Rows) -> dict[str, NDArray[Any]]:
        return {"image": rows.matrix.reshape(-1, *self.shape).astype(np.float32)}

    def _golden(self, rows: Rows) -> list[dict[str, Any]]:
        return [{"image": {"b64": encode_png(line.reshape(self.shape))}} for line in rows.matrix]

    @property
    def _features(self) -> ImageFeatures:
        return ImageFeatures(*self.shape)

    @property
    def _inputs(self) -> tuple[Input, ...]:
        height, width, channels = self.shape
        return (Input(name="image", kind="image", optional=False, height=height, width=width, channels=channels),)


class DigitModel(PixelModel):
    """28 x 28 grey pixels, a network 784-64-64-10."""

    name = "digits"
    title = "28 x 28 grey pixels as JSON numbers, network 784-64-64-10"
    labels = tuple("0123456789")
    shape = (28, 28, 1)
    sent_shape = (784,)
    sizes = (64, 64, 10)


class PhotoModel(PixelModel):
    """64 x 64 coloured pixels, three convolutions."""

    name = "photos"
    title = "64 x 64 x 3 pixels, three convolutions and two dense layers"
    labels = ("cat", "dog", "bird", "fish", "horse", "car", "ship", "plane", "tree", "house")
    shape = sent_shape = (64, 64, 3)
    filters = (16, 32, 32)
    sizes = (64, 10)


MODELS: dict[str, type[Model]] = {kind.name: kind for kind in (TableModel, DigitModel, PhotoModel)}


def name_columns(rows: Rows) -> list[dict[str, Any]]:
    """The rows of the table as objects of column name to value."""
    return [dict(zip(COLUMNS, line, strict=True)) for line in rows.matrix.tolist()]


def open_session(model: bytes) -> ort.InferenceSession:
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    return ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def encode_png(pixels: Matrix) -> str:
    buffer = io.BytesIO()
    Image.fromarray(pixels.astype(np.uint8).squeeze()).save(buffer, "PNG")
    return base64.b64encode(buffer.getvalue()).decode()
