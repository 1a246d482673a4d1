"""Products of matrices with fewer bits, where a processor or GPU has units for them.

After Micikevicius and others, "Mixed precision training" (ICLR 2018, arXiv 1710.03740): variables and sums stay
float32, only what goes into a product is rounded. Norms, activations by themselves and the last layer stay float32 too:
they take little time on a GPU, and on a processor they are slower in bfloat16 than in float32.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from keras import Model, layers

PRODUCTS = (
    layers.Dense,
    layers.EinsumDense,
    layers.Conv1D,
    layers.Conv2D,
    layers.DepthwiseConv2D,
    layers.SeparableConv2D,
)


def mix_layers(found: Sequence[Any]) -> Callable[[str], AbstractContextManager[None]]:
    """Return what `Network.mix` has to be for a network of these layers, those inside of models included."""
    products = [layer for layer in _flatten(found) if isinstance(layer, PRODUCTS)]

    @contextmanager
    def mix(precision: str) -> Iterator[None]:
        former = [layer.dtype_policy for layer in products]
        for layer in products:
            layer.dtype_policy = precision
        try:
            yield
        finally:
            for layer, policy in zip(products, former, strict=True):
                layer.dtype_policy = policy

    return mix


def _flatten(found: Sequence[Any]) -> Iterator[Any]:
    for layer in found:
        if isinstance(layer, Model):
            yield from _flatten(layer.layers)
        else:
            yield layer
