"""Weights of a text encoder: a network of the BERT family, pre-trained elsewhere, in a folder from the operator.

The folder is what Hugging Face keeps of such a network, of which these files are looked at:

    config.json             what the network is made of
    model.safetensors       its weights
    vocab.txt               its word pieces, one a line; else those in tokenizer.json
    tokenizer_config.json   whether texts are read in lower case; may be absent

None of them can run code. What is read here are shapes and vocabulary alone, without TensorFlow.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from modelyard.contracts.architectures import Architecture, list_arrays, read_architecture
from modelyard.contracts.artifact import digest_of
from modelyard.contracts.safetensors import FLOATS, Stored, read_header
from modelyard.contracts.weights import BadWeights, Weights
from modelyard.features.wordpiece import MARKS, Reading, WordPieces

CONFIG, NUMBERS, VOCABULARY = "config.json", "model.safetensors", "vocab.txt"
TOKENIZER, TOKENIZER_CONFIG = "tokenizer.json", "tokenizer_config.json"
FILES = (CONFIG, NUMBERS, VOCABULARY, TOKENIZER, TOKENIZER_CONFIG)
"""All that is looked at, and handed over to training."""
LARGEST_TEXT = 50 * 1024**2
LARGEST_WEIGHTS = 1_600_000_000
"""Bytes in single precision: an ONNX file holds no more than 2 GiB."""


@dataclass(frozen=True, kw_only=True)
class EncoderFolder:
    """An encoder as far as its files tell. `arrays` says where what the network needs lies, by our names for it."""

    weights: Weights
    bytes: int
    architecture: Architecture
    pieces: WordPieces
    arrays: Mapping[str, Stored]


def describe_encoder(folder: Path) -> EncoderFolder:
    """Raises `BadWeights`, which says what is wrong and how to mend it."""
    try:
        architecture = read_architecture(_read_json(folder / CONFIG))
        pieces = _read_pieces(folder)
        arrays = _find_arrays(folder / NUMBERS, architecture)
    except OSError as fault:
        raise BadWeights(f"{folder.name}: {fault.filename or folder} cannot be read: {fault.strerror}") from fault
    except ValueError as fault:
        raise BadWeights(f"{folder.name}: {fault}") from fault
    if len(pieces.pieces) > architecture.vocabulary:
        raise BadWeights(
            f"{folder.name}: the vocabulary has {len(pieces.pieces):,} pieces, the network knows "
            f"{architecture.vocabulary:,}; they are of different networks"
        )
    if architecture.bytes > LARGEST_WEIGHTS:
        raise BadWeights(
            f"{folder.name}: the network takes {architecture.bytes:,} bytes; {LARGEST_WEIGHTS:,} are the most"
        )
    used = [folder / name for name in FILES if (folder / name).is_file()]
    return EncoderFolder(
        weights=Weights(name=folder.name, sha256=digest_encoder(folder), size=architecture.positions, kind="texts"),
        bytes=sum(path.stat().st_size for path in used),
        architecture=architecture,
        pieces=pieces,
        arrays=arrays,
    )


def digest_encoder(folder: Path) -> str:
    """One SHA-256 for the files that are looked at: of the lines `sha256sum` prints of those that there are."""
    lines = [f"{digest_of(folder / name)}  {name}\n" for name in FILES if (folder / name).is_file()]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def _read_json(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(_read_text(path))
    except RecursionError as fault:
        raise ValueError(f"{path.name} is no JSON") from fault
    except json.JSONDecodeError as fault:
        raise ValueError(f"{path.name} is no JSON: {fault}") from fault
    if not isinstance(value, dict):
        raise ValueError(f"{path.name} must hold an object, got {type(value).__name__}")
    return value


def _read_text(path: Path) -> str:
    if path.stat().st_size > LARGEST_TEXT:
        raise ValueError(f"{path.name} is larger than {LARGEST_TEXT:,} bytes")
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as fault:
        raise ValueError(f"{path.name} is not in UTF-8") from fault


def _read_pieces(folder: Path) -> WordPieces:
    settings = _read_json(folder / TOKENIZER_CONFIG) if (folder / TOKENIZER_CONFIG).is_file() else {}
    if (folder / VOCABULARY).is_file():
        pieces = [line.rstrip("\r") for line in _read_text(folder / VOCABULARY).split("\n")]
        while pieces and not pieces[-1]:
            pieces.pop()
    elif (folder / TOKENIZER).is_file():
        described = _read_json(folder / TOKENIZER)
        pieces = _read_tokenizer(described)
        normalizer = described.get("normalizer")
        if isinstance(normalizer, dict) and normalizer.get("type") == "BertNormalizer":
            settings = {
                "do_lower_case": normalizer.get("lowercase"),
                "strip_accents": normalizer.get("strip_accents"),
                "tokenize_chinese_chars": normalizer.get("handle_chinese_chars"),
            }
    else:
        raise ValueError(
            f"it has neither {VOCABULARY} nor {TOKENIZER}; networks that read by other means than word pieces, such as "
            "RoBERTa, XLM-R and ALBERT, cannot be used"
        )
    return WordPieces(pieces, _read_reading(settings, pieces))


def _read_tokenizer(described: Mapping[str, Any]) -> list[str]:
    """The pieces in the order of their numbers."""
    model = described.get("model")
    if not isinstance(model, dict) or model.get("type") != "WordPiece" or not isinstance(model.get("vocab"), dict):
        raise ValueError(f'{TOKENIZER} holds no word pieces ("type": "WordPiece"); take a network of BERT\'s family')
    numbers = {number: piece for piece, number in model["vocab"].items()}
    if set(numbers) != set(range(len(model["vocab"]))):
        raise ValueError(f"{TOKENIZER} does not number its word pieces from 0 on without a gap")
    return [numbers[number] for number in range(len(numbers))]


def _read_reading(settings: Mapping[str, Any], pieces: list[str]) -> Reading:
    """Where nothing is said, a vocabulary with capital letters is one that tells them apart."""
    lowercase = settings.get("do_lower_case")
    if not isinstance(lowercase, bool):
        lowercase = not any("A" <= letter <= "Z" for piece in pieces if piece not in MARKS for letter in piece[:1])
    strip = settings.get("strip_accents")
    chinese = settings.get("tokenize_chinese_chars")
    return Reading(
        lowercase=lowercase,
        strip_accents=strip if isinstance(strip, bool) else lowercase,
        split_chinese=chinese if isinstance(chinese, bool) else True,
    )


def _find_arrays(path: Path, architecture: Architecture) -> dict[str, Stored]:
    """Raises `ValueError` for the first array that is missing or has another shape than `config.json` says."""
    if not path.is_file():
        raise ValueError(
            f"it has no {NUMBERS}; files of PyTorch (.bin, .pt) can run code and are not read: save the network with "
            "model.save_pretrained(folder, safe_serialization=True)"
        )
    header = read_header(path)
    found = {}
    for wanted in list_arrays(architecture):
        stored = next((header[name] for name in _spell(wanted.stored, architecture) if name in header), None)
        if stored is None:
            raise ValueError(f"{NUMBERS} holds no {wanted.stored}, which a network of type {architecture.family} has")
        if stored.shape != wanted.shape:
            raise ValueError(
                f"{NUMBERS} holds {wanted.stored} of the shape {list(stored.shape)}, {CONFIG} says {list(wanted.shape)}"
            )
        if stored.dtype not in FLOATS:
            raise ValueError(f"{NUMBERS} holds {wanted.stored} as {stored.dtype}; it must be of F32, F16 or BF16")
        found[wanted.name] = stored
    return found


def _spell(name: str, architecture: Architecture) -> Iterator[str]:
    """An array may be led by the name of the network, and those of a normalisation be called as TensorFlow did."""
    former = name.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta")
    for spelling in dict.fromkeys((name, former)):
        yield spelling
        yield f"{architecture.family}.{spelling}"
