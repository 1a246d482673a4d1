"""A small network that stands for a pre-trained one, saved as an operator would."""

from pathlib import Path
from typing import Any

from modelyard.contracts.weights import Weights, describe_weights

SIZE = 32


def write_backbone(path: Path, size: int | None = SIZE, *, channels: int = 3, head: str = "classes") -> Weights:
    """Two stages, each with a residual branch; `head` "none" leaves the pooling to whoever uses it."""
    import keras
    from keras import layers

    keras.utils.set_random_seed(1)
    image = keras.Input((size, size, channels), name="photo")
    signal: Any = layers.Rescaling(1 / 127.5, offset=-1.0)(image)
    for filters in (8, 16):
        signal = layers.Conv2D(
            filters, 3, strides=4 if filters == 8 else 2, padding="same", activation="relu", name=f"down_{filters}"
        )(signal)
        branch = layers.BatchNormalization()(layers.Conv2D(filters, 3, padding="same")(signal))
        signal = layers.ReLU()(layers.Add()([signal, branch]))
    if head == "classes":
        signal = layers.Dense(5, activation="softmax")(layers.GlobalAveragePooling2D(name="features")(signal))
    model = keras.Model(image, signal)
    model.compile("adam", "categorical_crossentropy")
    path.parent.mkdir(parents=True, exist_ok=True)
    model.save(path)
    return describe_weights(path).weights if channels == 3 else Weights(name=path.stem, sha256="", size=0)
