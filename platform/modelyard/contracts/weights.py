"""Weights: a network for images, pre-trained elsewhere, that an operator provides as a `.keras` file.

A `.keras` file is a zip of `config.json` (what the network is made of), `metadata.json` and `model.weights.h5`. What is
read here is the configuration alone, so that web and commands can tell what a file is, and refuse what could run code
or read files when it is loaded, without loading TensorFlow.
"""

import json
import re
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, Self

from modelyard.contracts.artifact import digest_of

SUFFIX = ".keras"
LARGEST_CONFIG = 50 * 1024**2
SMALLEST_SIDE, LARGEST_SIDE = 32, 512
USUAL_SIDE = 224
"""For networks that take images of any size."""
CHANNELS = 3
KNOWN_MODULES = re.compile(
    r"keras(\.src)?(\.(layers|models|initializers|regularizers|constraints|dtype_policies|ops)(\.\w+)*)?"
)
REFUSED = frozenset(
    (
        *("Lambda", "TFSMLayer", "TorchModuleWrapper", "JaxLayer", "FlaxLayer", "StringLookup", "IntegerLookup"),
        *("TextVectorization", "Hashing", "function", "__lambda__", "__typespec__"),
    )
)
"""Layers that run code from the file or read other files, and what is no layer at all."""
WeightsKind = Literal["images", "texts"]
WHOLE_NETWORKS = frozenset(("Functional", "Sequential", "Model"))
SCALING = frozenset(("Rescaling", "Normalization"))


class BadWeights(ValueError):
    """A file that cannot be used. `message` says why, for the operator."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


@dataclass(frozen=True, kw_only=True)
class Weights:
    """What a plan says of what its run builds upon: a file for images, a folder for texts (`contracts.encoders`).

    `size` is the side in pixels that a network for images was trained with, and the most word pieces that one for texts
    can read.
    """

    name: str
    sha256: str
    size: int
    kind: WeightsKind = "images"

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        return cls(**value)


@dataclass(frozen=True, kw_only=True)
class WeightsFile:
    """A file of weights, as far as its configuration tells. `layers` are (name, class) in their order.

    `scales_itself` says that one of the first layers brings pixels from 0 to 255 to what the network wants.
    """

    weights: Weights
    bytes: int
    layers: tuple[tuple[str, str], ...]
    any_size: bool
    scales_itself: bool


def describe_weights(path: Path) -> WeightsFile:
    """Raises `BadWeights` for what is no `.keras` file, for custom code, and for a network that takes no images."""
    config = _read_config(path)
    for part in _parts(config):
        _check_part(part)
    layers = list(_list_layers(config))
    side = _read_side(config)
    first = [layer["class_name"] for layer in layers[:6]]
    return WeightsFile(
        weights=Weights(name=path.stem, sha256=digest_of(path), size=side or USUAL_SIDE),
        bytes=path.stat().st_size,
        layers=tuple((layer["config"]["name"], layer["class_name"]) for layer in layers),
        any_size=side is None,
        scales_itself=not SCALING.isdisjoint(first),
    )


def _read_config(path: Path) -> dict[str, Any]:
    try:
        with zipfile.ZipFile(path) as archive:
            if archive.getinfo("config.json").file_size > LARGEST_CONFIG:
                raise BadWeights(f"{path.name}: its config.json is larger than {LARGEST_CONFIG:,} bytes")
            config = json.loads(archive.read("config.json"))
            archive.getinfo("model.weights.h5")
    except OSError as fault:
        raise BadWeights(f"{path.name} cannot be read: {fault.strerror or fault}") from fault
    except (zipfile.BadZipFile, KeyError, ValueError, RecursionError) as fault:
        raise BadWeights(
            f"{path.name} is no file of Keras 3 ({fault}); write it with model.save('{path.stem}.keras')"
        ) from fault
    if not isinstance(config, dict) or config.get("class_name") not in WHOLE_NETWORKS:
        raise BadWeights(
            f"{path.name} holds a network of a class of its own; save keras.Model(net.inputs, net.outputs) instead"
        )
    return {name: value for name, value in config.items() if name != "compile_config"}


def _parts(value: Any) -> Iterator[Mapping[str, Any]]:
    """Everything in a configuration that names a class."""
    waiting = [value]
    while waiting:
        current = waiting.pop()
        if isinstance(current, Mapping):
            if "class_name" in current:
                yield current
            waiting.extend(current.values())
        elif isinstance(current, list):
            waiting.extend(current)


def _check_part(part: Mapping[str, Any]) -> None:
    name, module = str(part["class_name"]), part.get("module")
    if name in REFUSED:
        raise BadWeights(f"the network holds {name!r}, which may run code or read files; build it of plain layers")
    if name.startswith("__"):
        return
    registered = part.get("registered_name")
    custom = registered is not None and registered != name
    if custom or not isinstance(module, str) or not KNOWN_MODULES.fullmatch(module):
        raise BadWeights(
            f"the network holds {registered or name!r}, which is not part of Keras; build it of its layers"
        )


def _list_layers(config: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The layers of a network, those of networks within it included."""
    for layer in config.get("config", {}).get("layers", ()):
        if not isinstance(layer, Mapping) or not isinstance(layer.get("config"), Mapping):
            raise BadWeights("the configuration of the network is damaged; save it again")
        if layer["class_name"] in WHOLE_NETWORKS:
            yield from _list_layers(layer)
        else:
            yield {**layer, "config": {"name": layer.get("name", layer["class_name"]), **layer["config"]}}


def _read_side(config: Mapping[str, Any]) -> int | None:
    """The side of the images that the network takes, None for any."""
    shapes = [
        layer["config"].get("batch_shape") for layer in _list_layers(config) if layer["class_name"] == "InputLayer"
    ]
    if not shapes or not isinstance(shapes[0], list) or len(shapes[0]) != 4:
        raise BadWeights("the network takes no images; its input must have the shape (rows, height, width, 3)")
    _rows, height, width, channels = shapes[0]
    if channels != CHANNELS:
        raise BadWeights(f"the network takes images of {channels} channels; it must take 3: red, green, blue")
    known = [side for side in (height, width) if side is not None]
    if not known:
        return None
    if len(set(known)) > 1 or not SMALLEST_SIDE <= known[0] <= LARGEST_SIDE:
        raise BadWeights(
            f"the network takes images of {height} x {width} pixels; "
            f"it must take squares of {SMALLEST_SIDE} to {LARGEST_SIDE} pixels"
        )
    return int(known[0])
