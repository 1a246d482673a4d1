"""Pre-trained networks: loaded without running anything of theirs, brought to a size, and cut in two.

Not only the last features are used but those of every stage, pooled: what a network learned for photos of things lies
in its last stage, edges and shapes in earlier ones (Evci and others, Head2Toe, 2022).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import keras
from keras import layers

from modelyard.contracts.artifact import digest_of
from modelyard.contracts.sentences import sentence as _
from modelyard.contracts.weights import CHANNELS, BadWeights, Weights, describe_weights
from workers.training.failures import TrainingFailure

MOST_FEATURES = 4096
TUNED_BELOW = 16
"""The part that is tuned begins where images are this many times smaller than they came in."""
Tensor = Any


@dataclass(frozen=True, kw_only=True)
class Backbone:
    """Three networks that share their layers.

    `whole` takes `image`, float32 0 to 255, shape (rows, size, size, 3), and gives the features, (rows, n). `stem`
    takes the same and gives {"cut": an inner array, "early": the features up to there}; `tail` takes the inner array
    and gives the other features. Both are None where the network cannot be cut.
    """

    whole: keras.Model
    stem: keras.Model | None
    tail: keras.Model | None


def load_network(path: Path, wanted: Weights) -> keras.Model:
    """Raises `TrainingFailure` where the file is not the one of the plan or cannot be loaded safely."""
    try:
        if digest_of(path) != wanted.sha256:
            raise BadWeights(f"{wanted.name} is not the file that the run was planned with")
        describe_weights(path)
        return keras.saving.load_model(path, compile=False, safe_mode=True)
    except BadWeights as fault:
        reason = fault.message
    except (OSError, ValueError, TypeError, KeyError, AttributeError, ImportError) as fault:
        reason = f"{type(fault).__name__}: {str(fault)[:200]}"
    raise TrainingFailure(
        "weights",
        _("the weights {name} cannot be used: {reason}", name=wanted.name, reason=reason),
        _("Ask the operator to check the file of weights, or choose another one."),
    )


def make_backbone(network: keras.Model, size: int) -> Backbone:
    """Raises `TrainingFailure` for a network that cannot be brought to this size."""
    image = keras.Input((size, size, CHANNELS), name="image")
    try:
        model = keras.models.clone_model(network, input_tensors=image)
        model.set_weights(network.get_weights())
        features, last = _find_features(model)
    except (ValueError, TypeError) as fault:
        raise TrainingFailure(
            "weights",
            _(
                "the pre-trained network cannot take images of {size} pixels: {fault}",
                size=size,
                fault=str(fault)[:200],
            ),
            _("Leave the image size empty: then it is the one that the network was trained with."),
        ) from fault
    levels = _choose_levels(model, last, features.shape[-1])
    pooled = [layers.GlobalAveragePooling2D(name=f"pooled_{index}")(level) for index, level in enumerate(levels)]
    whole = keras.Model(image, _join([*pooled, features]), name="backbone")
    parts = _cut(image, levels, pooled, features, size)
    return Backbone(whole=whole, stem=parts[0], tail=parts[1]) if parts else Backbone(whole=whole, stem=None, tail=None)


def _cut(
    image: Tensor, levels: Sequence[Tensor], pooled: Sequence[Tensor], features: Tensor, size: int
) -> tuple[keras.Model, keras.Model] | None:
    """The network before and after the first level of small arrays, or the last level that has weights behind it."""
    small = [at for at, level in enumerate(levels) if level.shape[1] * TUNED_BELOW <= size + TUNED_BELOW]
    for place in range(small[0] if small else len(levels) - 1, -1, -1):
        tail = keras.Model(levels[place], _join([*pooled[place + 1 :], features]), name="tail")
        if tail.trainable_variables:
            early = _join(pooled[: place + 1])
            return keras.Model(image, {"cut": levels[place], "early": early}, name="stem"), tail
    return None


def _find_features(model: keras.Model) -> tuple[Tensor, str]:
    """What the network says of an image before it names a class, shape (rows, n), and the layer that says it."""
    output = model.outputs[0]
    if len(model.outputs) > 1 or len(output.shape) not in (2, 4):
        shapes = [tuple(tensor.shape) for tensor in model.outputs]
        raise ValueError(f"its output must be one array of features or classes, got {shapes}")
    if len(output.shape) == 4:
        return layers.GlobalAveragePooling2D(name="pooled")(output), model.layers[-1].name
    for layer in reversed(model.layers):
        if isinstance(layer, (layers.GlobalAveragePooling2D, layers.GlobalMaxPooling2D)):
            tensor = layer.output
            return (tensor if len(tensor.shape) == 2 else layers.Flatten(name="flat")(tensor)), layer.name
    final = model.layers[-1]
    return (final.input, model.layers[-2].name) if isinstance(final, layers.Dense) else (output, final.name)


def _choose_levels(model: keras.Model, last: str, taken: int) -> list[Tensor]:
    """The ends of the stages before the layer `last`: places that all paths lead through, where branches end or begin
    or, in a network without branches, before images become smaller. Of many, the last ones."""
    names = [layer.name for layer in model.layers]
    cuts = _find_cuts(model.get_config()["layers"], names)
    flat = [at for at in cuts if at < names.index(last) and len(model.layers[at].output.shape) == 4]
    pairs = list(pairwise(flat))
    merging = (layers.Add, layers.Concatenate)
    ends = [at for at, after in pairs if after != at + 1 or isinstance(model.layers[at], merging)]
    if not ends:
        ends = [at for at, after in pairs if _side(model, after) < _side(model, at)]
    chosen: list[Tensor] = []
    for at in reversed(ends):
        tensor = model.layers[at].output
        taken += tensor.shape[-1]
        if taken > MOST_FEATURES:
            break
        chosen.insert(0, tensor)
    return chosen


def _side(model: keras.Model, layer: int) -> int:
    return int(model.layers[layer].output.shape[1])


def _find_cuts(configs: Sequence[Mapping[str, Any]], names: Sequence[str]) -> list[int]:
    """The numbers of the layers whose output is all that later layers know of earlier ones."""
    place = {name: at for at, name in enumerate(names)}
    used_until = [-1] * len(names)
    for config in configs:
        if len(config["inbound_nodes"]) > 1:
            return []
        for source in _sources(config["inbound_nodes"]):
            used_until[place[source]] = max(used_until[place[source]], place[config["name"]])
    open_until, cuts = -1, []
    for at, until in enumerate(used_until):
        if open_until <= at and until > at:
            cuts.append(at)
        open_until = max(open_until, until)
    return cuts


def _sources(value: Any) -> Iterator[str]:
    """The names of the layers whose outputs a layer takes (`keras_history` in a configuration)."""
    if isinstance(value, Mapping):
        if "keras_history" in value:
            yield value["keras_history"][0]
        else:
            for item in value.values():
                yield from _sources(item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _sources(item)


def _join(tensors: Sequence[Tensor]) -> Tensor:
    return layers.Concatenate()(tensors) if len(tensors) > 1 else tensors[0]
