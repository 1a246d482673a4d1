"""Text encoders in built-in Keras layers: rebuilt from an operator's files, and cut in two.

After Devlin and others, BERT (2019). A row may hold padding anywhere: what is there is neither read nor counted as a
place, so that the columns of a table may have blocks of their own.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import layers, ops

from modelyard.contracts.architectures import PARTS, Architecture
from modelyard.contracts.encoders import NUMBERS, EncoderFolder, describe_encoder
from modelyard.contracts.safetensors import read_floats
from modelyard.contracts.sentences import sentence as _
from modelyard.contracts.weights import BadWeights, Weights
from workers.training.failures import TrainingFailure
from workers.training.transfer.backbones import Backbone

LOWEST = -1e4
"""Added to the scores of padding: as good as minus infinity, and known to every exported form."""
MOST_FEATURES = 4096
NORMS = ("embeddings_norm", "mixed_norm", "outer_norm")
Tensor = Any


def load_encoder(folder: Path, wanted: Weights) -> EncoderFolder:
    """Raises `TrainingFailure` where the folder is not the one of the plan or cannot be used."""
    try:
        found = describe_encoder(folder)
        if found.weights.sha256 != wanted.sha256:
            raise BadWeights("they are not those that the run was planned with")
        return found
    except BadWeights as fault:
        raise TrainingFailure(
            "weights",
            _("the weights {name} cannot be used: {reason}", name=wanted.name, reason=fault.message),
            _("Ask the operator to check the weights, or choose other ones."),
        ) from fault


class Encoder:
    """The layers of an encoder, for rows of word pieces in `columns` blocks of equal width."""

    def __init__(self, folder: Path, found: EncoderFolder, *, columns: int) -> None:
        self.architecture = found.architecture
        self._padding = found.pieces.padding
        self._columns = columns
        self._layers = _make_layers(self.architecture)
        self._read_weights(folder, found)

    def _read_weights(self, folder: Path, found: EncoderFolder) -> None:
        for name, layer in self._layers.items():
            parts = [part for part in ("weight", "bias") if f"{name}.{part}" in found.arrays]
            arrays = [read_floats(folder / NUMBERS, found.arrays[f"{name}.{part}"]) for part in parts]
            if isinstance(layer, layers.Dense):  # stored with its outputs first
                arrays[0] = arrays[0].T
            inputs = (None, None) if isinstance(layer, layers.Embedding) else (None, None, len(arrays[0]))
            layer.build(inputs)
            layer.set_weights(arrays)

    def order(self, tuned: int, pools: Sequence[str]) -> list[str]:
        """The pools in the order of their features: those that lie before the cut come first."""
        return sorted(pools, key=lambda pool: _level_of(pool) >= self._cut_at(tuned))

    def count_early(self, tuned: int, pools: Sequence[str]) -> int:
        """How many of the pools lie before the cut."""
        return sum(_level_of(pool) < self._cut_at(tuned) for pool in pools)

    def _cut_at(self, tuned: int) -> int:
        return max(0, self.architecture.layers - tuned)

    def cut(self, width: int, tuned: int, pools: Sequence[str]) -> Backbone:
        """The networks from `width` word pieces to the features that `pools` name: see `choose_pools`.

        `whole` and `stem` take `token_ids`. At the cut, before the last `tuned` blocks, padding is zeros, by which the
        tail knows it.
        """
        before = self._cut_at(tuned)
        ids = keras.Input((width,), dtype="int32", name="token_ids")
        present = ops.cast(ops.not_equal(ids, self._padding), "float32")[:, :, None]
        levels = [self._embed(ids, present)]
        for block in range(self.architecture.layers):
            levels.append(self._read_on(levels[-1], present, block))
        cut = ops.multiply(levels[before], present)
        inner = keras.Input(cut.shape[1:], name="inner")
        inner_present = ops.cast(ops.any(ops.not_equal(inner, 0.0), axis=-1, keepdims=True), "float32")
        later = [inner]
        for block in range(before, self.architecture.layers):
            later.append(self._read_on(later[-1], inner_present, block))
        ordered = self.order(tuned, pools)
        early, late = ordered[: self.count_early(tuned, pools)], ordered[self.count_early(tuned, pools) :]
        whole = [_pool(pool, levels[_level_of(pool)], present) for pool in ordered]
        first = [_pool(pool, levels[_level_of(pool)], present) for pool in early]
        last = [_pool(pool, later[_level_of(pool) - before], inner_present) for pool in late]
        nothing = ops.zeros_like(present[:, 0, :0])
        return Backbone(
            whole=keras.Model(ids, _join(whole), name="encoder"),
            stem=keras.Model(ids, {"cut": cut, "early": _join(first) if first else nothing}, name="stem"),
            tail=keras.Model(inner, _join(last), name="tail"),
        )

    def _embed(self, ids: Tensor, present: Tensor) -> Tensor:
        """The sum of what piece, place and part stand for; every column but the first is the second part."""
        counted = ops.maximum(ops.cumsum(ops.cast(present[:, :, 0], "int32"), axis=1) - 1, 0)
        places = ops.minimum(counted, self.architecture.positions - 1)
        signal = self._layers["pieces"](ids) + self._layers["positions"](places)
        if "segments" in self._layers:
            block = ids.shape[1] // self._columns
            last = min(1, self.architecture.segments - 1)
            parts = [0] * block + [last] * (ids.shape[1] - block)
            signal = signal + self._layers["segments"](ops.zeros_like(ids) + np.array(parts, dtype=np.int32))
        signal = self._layers["embeddings_norm"](signal)
        return self._layers["projection"](signal) if "projection" in self._layers else signal

    def _read_on(self, signal: Tensor, present: Tensor, block: int) -> Tensor:
        """One block: every place looks at all others that are present, then thinks by itself."""
        layer = {part: self._layers[f"block_{block}.{part}"] for part in PARTS}
        heads, tokens = self.architecture.heads, signal.shape[1]
        size = self.architecture.width // heads
        query, key, value = (
            ops.transpose(ops.reshape(layer[part](signal), (-1, tokens, heads, size)), (0, 2, 1, 3))
            for part in ("query", "key", "value")
        )
        absent = (1.0 - ops.transpose(present, (0, 2, 1)))[:, None] * LOWEST
        scores = ops.matmul(query, ops.transpose(key, (0, 1, 3, 2))) / size**0.5 + absent
        mixed = ops.transpose(ops.matmul(ops.softmax(scores, axis=-1), value), (0, 2, 1, 3))
        mixed = layer["mixed"](ops.reshape(mixed, (-1, tokens, heads * size)))
        signal = layer["mixed_norm"](signal + mixed)
        return layer["outer_norm"](signal + layer["outer"](self._activate(layer["inner"](signal))))

    def _activate(self, signal: Tensor) -> Tensor:
        match self.architecture.activation:
            case "relu":
                return ops.relu(signal)
            case "silu":
                return ops.silu(signal)
            case "gelu_tanh":
                return ops.gelu(signal, approximate=True)
            case "gelu":  # written out: TensorFlow's own takes `erfc`, which ONNX lacks
                return 0.5 * signal * (1.0 + ops.erf(signal / 2**0.5))


def _make_layers(architecture: Architecture) -> Mapping[str, keras.Layer]:
    """By the names that `list_arrays` gives their weights."""
    width, epsilon = architecture.width, architecture.epsilon

    def norm(name: str) -> keras.Layer:
        return layers.LayerNormalization(epsilon=epsilon, name=name.replace(".", "_"))

    def table(name: str, rows: int) -> keras.Layer:
        return layers.Embedding(rows, architecture.embedded, name=name)

    made: dict[str, keras.Layer] = {
        "pieces": table("pieces", architecture.vocabulary),
        "positions": table("positions", architecture.positions),
        "embeddings_norm": norm("embeddings_norm"),
    }
    if architecture.segments:
        made["segments"] = table("segments", architecture.segments)
    if architecture.embedded != width:
        made["projection"] = layers.Dense(width, name="projection")
    for block in range(architecture.layers):
        for part in PARTS:
            name = f"block_{block}.{part}"
            units = architecture.inner if part == "inner" else width
            made[name] = norm(name) if part in NORMS else layers.Dense(units, name=name.replace(".", "_"))
    return made


def choose_pools(architecture: Architecture) -> dict[str, tuple[str, ...]]:
    """What can be made of all that a network says of a text, by names: "mean 6" is the mean over the places after block
    6, "first 6" what stands at the mark of beginning.

    Which is best depends on how a network was trained: those for sentences mean the mean, others the first place, and
    words themselves are to be found in earlier blocks.
    """
    last = architecture.layers
    room = max(1, MOST_FEATURES // architecture.width)
    step = -(-(last + 1) // room)
    several = tuple(f"mean {level}" for level in sorted(range(last, -1, -step)))
    return {"mean": (f"mean {last}",), "first": (f"first {last}",), "levels": several}


def _level_of(pool: str) -> int:
    return int(pool.split()[1])


def _pool(pool: str, level: Tensor, present: Tensor) -> Tensor:
    if pool.startswith("first"):
        return level[:, 0]
    return ops.sum(level * present, axis=1) / ops.maximum(ops.sum(present, axis=1), 1.0)


def _join(tensors: Sequence[Tensor]) -> Tensor:
    return ops.concatenate(tensors, axis=1) if len(tensors) > 1 else tensors[0]
