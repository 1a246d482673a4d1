"""A small text encoder that stands for a pre-trained one, in the files an operator would provide."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modelyard.contracts.architectures import list_arrays, read_architecture
from modelyard.contracts.weights import Weights
from modelyard.features.wordpiece import MARKS, Reading, WordPieces
from tests.training.texts import make_texts

LENGTH_BYTES = 8
POSITIONS = 48
CONFIG = {
    "model_type": "bert",
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 48,
    "max_position_embeddings": POSITIONS,
    "type_vocab_size": 2,
}


def write_arrays(path: Path, arrays: Mapping[str, NDArray[Any]]) -> None:
    """A safetensors file of single-precision numbers."""
    header, offset = {}, 0
    for name, array in arrays.items():
        header[name] = {"dtype": "F32", "shape": list(array.shape), "data_offsets": [offset, offset + 4 * array.size]}
        offset += 4 * array.size
    text = json.dumps({"__metadata__": {"format": "pt"}, **header}).encode()
    numbers = b"".join(array.astype("<f4").tobytes() for array in arrays.values())
    path.write_bytes(len(text).to_bytes(LENGTH_BYTES, "little") + text + numbers)


def list_pieces(texts: list[str]) -> list[str]:
    """Every word of the texts, and every letter as the first or a later piece."""
    marked = WordPieces(MARKS, Reading())
    words = sorted({word for text in texts for word in marked.split(text)})
    letters = sorted({letter for word in words for letter in word} | set("abcdefghijklmnopqrstuvwxyz"))
    return list(dict.fromkeys([*MARKS, *letters, *(f"##{letter}" for letter in letters), *words]))


def write_encoder(folder: Path, **changes: Any) -> Weights:
    """Weights at random: what is read is told apart by its words, and by more than that in no useful way."""
    from modelyard.contracts.encoders import describe_encoder

    pieces = list_pieces([text for text in make_texts()["text"] if text])
    config = {**CONFIG, "vocab_size": len(pieces), **changes}
    random = np.random.default_rng(0)
    arrays = {}
    for wanted in list_arrays(read_architecture(config)):
        noise = random.normal(0, 0.1, wanted.shape)
        arrays[wanted.stored] = noise + 1.0 if "LayerNorm.weight" in wanted.stored else noise
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "vocab.txt").write_text("".join(f"{piece}\n" for piece in pieces), encoding="utf-8")
    write_arrays(folder / "model.safetensors", arrays)
    return describe_encoder(folder).weights
