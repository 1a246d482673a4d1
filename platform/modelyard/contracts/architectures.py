"""What a text encoder of the BERT family is made of, and how its arrays are called where they are stored.

BERT (Devlin and others, 2019; MiniLM, TinyBERT, MacBERT, BGE, GTE and E5 are of the same make), DistilBERT (Sanh and
others, 2019) and ELECTRA (Clark and others, 2020).
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

Family = Literal["bert", "distilbert", "electra"]
Activation = Literal["gelu", "gelu_tanh", "relu", "silu"]
ACTIVATIONS: Mapping[str, Activation] = {
    "gelu": "gelu",
    "gelu_python": "gelu",
    "gelu_new": "gelu_tanh",
    "gelu_fast": "gelu_tanh",
    "gelu_pytorch_tanh": "gelu_tanh",
    "relu": "relu",
    "silu": "silu",
    "swish": "silu",
}
MOST_LAYERS, MOST_WIDTH, MOST_PIECES, MOST_POSITIONS = 48, 4096, 1_000_000, 100_000
FEWEST_POSITIONS = 16
PARTS = ("query", "key", "value", "mixed", "mixed_norm", "inner", "outer", "outer_norm")
"""The layers of a block."""
_OF_BERT = {
    "query": "attention.self.query",
    "key": "attention.self.key",
    "value": "attention.self.value",
    "mixed": "attention.output.dense",
    "mixed_norm": "attention.output.LayerNorm",
    "inner": "intermediate.dense",
    "outer": "output.dense",
    "outer_norm": "output.LayerNorm",
}
_OF_DISTILBERT = {
    "query": "attention.q_lin",
    "key": "attention.k_lin",
    "value": "attention.v_lin",
    "mixed": "attention.out_lin",
    "mixed_norm": "sa_layer_norm",
    "inner": "ffn.lin1",
    "outer": "ffn.lin2",
    "outer_norm": "output_layer_norm",
}


@dataclass(frozen=True, kw_only=True)
class Architecture:
    """Sizes. `embedded` is the width of the embeddings, `width` that of the blocks, `inner` that within them;
    `segments` is 0 where a network does not tell parts of its input from one another."""

    family: Family
    vocabulary: int
    positions: int
    segments: int
    embedded: int
    width: int
    layers: int
    heads: int
    inner: int
    activation: Activation
    epsilon: float

    @property
    def parameters(self) -> int:
        return sum(math.prod(array.shape) for array in list_arrays(self))

    @property
    def bytes(self) -> int:
        """In single precision."""
        return 4 * self.parameters


@dataclass(frozen=True, kw_only=True)
class WantedArray:
    """`name` is ours: the layer and "weight" or "bias"; `stored` the one in the file, without the network's name."""

    name: str
    stored: str
    shape: tuple[int, ...]


def read_architecture(config: Mapping[str, Any]) -> Architecture:
    """Read `config.json` of the `transformers` library. Raises `ValueError` for a network that cannot be used."""
    family = config.get("model_type")
    if family not in ("bert", "distilbert", "electra"):
        raise ValueError(f"config.json names a network of type {family!r:.40}; it must be bert, distilbert or electra")
    if config.get("position_embedding_type", "absolute") != "absolute" or config.get("sinusoidal_pos_embds"):
        raise ValueError("config.json asks for positions of another kind than learned, absolute ones")
    if config.get("is_decoder"):
        raise ValueError("config.json describes a decoder, which reads no text as a whole; an encoder is wanted")
    distil = family == "distilbert"
    activation = config.get("activation" if distil else "hidden_act", "gelu")
    if activation not in ACTIVATIONS:
        raise ValueError(f"config.json asks for the activation {activation!r:.40}; known are {', '.join(ACTIVATIONS)}")
    width = _read_size(config, "dim" if distil else "hidden_size", MOST_WIDTH)
    heads = _read_size(config, "n_heads" if distil else "num_attention_heads", width)
    if width % heads:
        raise ValueError(f"config.json asks for {heads} heads over {width} numbers, which do not divide evenly")
    positions = _read_size(config, "max_position_embeddings", MOST_POSITIONS)
    if positions < FEWEST_POSITIONS:
        raise ValueError(f"the network reads {positions} word pieces at most; {FEWEST_POSITIONS} are the fewest")
    return Architecture(
        family=family,
        vocabulary=_read_size(config, "vocab_size", MOST_PIECES),
        positions=positions,
        segments=0 if distil else _read_size(config, "type_vocab_size", MOST_PIECES, 2),
        embedded=_read_size(config, "embedding_size", MOST_WIDTH, width) if family == "electra" else width,
        width=width,
        layers=_read_size(config, "n_layers" if distil else "num_hidden_layers", MOST_LAYERS),
        heads=heads,
        inner=_read_size(config, "hidden_dim" if distil else "intermediate_size", 4 * MOST_WIDTH),
        activation=ACTIVATIONS[activation],
        epsilon=_read_epsilon(config),
    )


def _read_size(config: Mapping[str, Any], name: str, most: int, default: int | None = None) -> int:
    value = config.get(name, default)
    if type(value) is not int or not 1 <= value <= most:
        raise ValueError(f"{name} in config.json must be a whole number from 1 to {most:,}, got {value!r:.40}")
    return value


def _read_epsilon(config: Mapping[str, Any]) -> float:
    value = config.get("layer_norm_eps", 1e-12)
    if not isinstance(value, float) or not 0 < value < 1:
        raise ValueError(f"layer_norm_eps in config.json must be a small number, got {value!r:.40}")
    return value


def list_arrays(architecture: Architecture) -> Iterator[WantedArray]:
    """All that the network needs; pairs of weight and bias, a matrix with its outputs first."""
    embedded, width, inner = architecture.embedded, architecture.width, architecture.inner
    tables = {
        "pieces": ("word_embeddings", architecture.vocabulary),
        "positions": ("position_embeddings", architecture.positions),
        "segments": ("token_type_embeddings", architecture.segments),
    }
    for name, (stored, rows) in tables.items():
        if rows:
            yield WantedArray(name=f"{name}.weight", stored=f"embeddings.{stored}.weight", shape=(rows, embedded))
    yield from _pair("embeddings_norm", "embeddings.LayerNorm", (embedded,))
    if embedded != width:
        yield from _pair("projection", "embeddings_project", (width, embedded))
    distil = architecture.family == "distilbert"
    names, folder = (_OF_DISTILBERT, "transformer") if distil else (_OF_BERT, "encoder")
    shapes = {"inner": (inner, width), "outer": (width, inner), "mixed_norm": (width,), "outer_norm": (width,)}
    for block in range(architecture.layers):
        for part in PARTS:
            stored = f"{folder}.layer.{block}.{names[part]}"
            yield from _pair(f"block_{block}.{part}", stored, shapes.get(part, (width, width)))


def _pair(name: str, stored: str, shape: tuple[int, ...]) -> Iterator[WantedArray]:
    yield WantedArray(name=f"{name}.weight", stored=f"{stored}.weight", shape=shape)
    yield WantedArray(name=f"{name}.bias", stored=f"{stored}.bias", shape=shape[:1])
