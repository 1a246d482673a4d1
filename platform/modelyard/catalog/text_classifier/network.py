"""Readers of words in their order: convolutions of several widths, or a small transformer encoder.

The convolution after Kim, "Convolutional neural networks for sentence classification" (EMNLP 2014); the encoder after
Vaswani and others, "Attention is all you need" (2017), with layers normalised first (Xiong and others, 2020).
"""

from collections.abc import Mapping
from typing import Any

from keras import layers, ops

from modelyard.catalog.building import Network, Problem
from modelyard.catalog.text_building import Reader, build_text_network

WINDOWS = (2, 3, 4)
HEADS = 4
LOWEST = -1e4


def build(problem: Problem, hyperparameters: Mapping[str, Any]) -> Network:
    readers = {"convolution": _make_convolution, "transformer": _make_transformer}
    read = readers[hyperparameters["reader"]](problem.id_sizes["token_ids"], hyperparameters)
    return build_text_network(problem, hyperparameters, read)


def _embed(tokens: Any, size: int, hyperparameters: Mapping[str, Any], seed: int) -> Any:
    """Vectors of the tokens; while training, some words are dropped altogether."""
    embedded = layers.Embedding(size, hyperparameters["embedding"])(tokens)
    return layers.Dropout(hyperparameters["word_dropout"], noise_shape=(None, tokens.shape[1], 1), seed=seed)(embedded)


def _make_convolution(size: int, hyperparameters: Mapping[str, Any]) -> Reader:
    def read(tokens: Any, present: Any, seed: int) -> Any:
        signal = _embed(tokens, size, hyperparameters, seed) * present
        found = []
        for window in WINDOWS:
            filtered = layers.Conv1D(hyperparameters["width"], window, padding="same", activation="relu")(signal)
            found.append(layers.GlobalMaxPooling1D()(filtered * present))
        return layers.Concatenate()(found)

    return read


def _make_transformer(size: int, hyperparameters: Mapping[str, Any]) -> Reader:
    width = hyperparameters["embedding"]

    def read(tokens: Any, present: Any, seed: int) -> Any:
        places = ops.arange(tokens.shape[1])
        signal = _embed(tokens, size, hyperparameters, seed)
        signal = signal + layers.Embedding(tokens.shape[1], width)(places)
        allowed = (1.0 - ops.transpose(present, (0, 2, 1))) * LOWEST
        for block in range(hyperparameters["blocks"]):
            signal = _attend(signal, allowed, width, hyperparameters["dropout"] / 2, seed + block)
        signal = layers.LayerNormalization()(signal) * present
        return ops.sum(signal, axis=1) / ops.maximum(ops.sum(present, axis=1), 1.0)

    return read


def _attend(signal: Any, allowed: Any, width: int, dropout: float, seed: int) -> Any:
    """One block. The mask is added to the scores, which every exported form can do."""
    normal = layers.LayerNormalization()(signal)
    size = max(1, width // HEADS)
    query, key, value = (layers.Dense(HEADS * size)(normal) for _ in range(3))
    tokens = signal.shape[1]
    query, key, value = (
        ops.transpose(ops.reshape(part, (-1, tokens, HEADS, size)), (0, 2, 1, 3)) for part in (query, key, value)
    )
    scores = ops.matmul(query, ops.transpose(key, (0, 1, 3, 2))) / size**0.5 + allowed[:, None]
    mixed = ops.transpose(ops.matmul(ops.softmax(scores, axis=-1), value), (0, 2, 1, 3))
    mixed = layers.Dense(width)(ops.reshape(mixed, (-1, tokens, HEADS * size)))
    signal = signal + layers.Dropout(dropout, seed=seed)(mixed)
    normal = layers.LayerNormalization()(signal)
    wider = layers.Dense(2 * width, activation="silu")(normal)
    return signal + layers.Dropout(dropout, seed=seed)(layers.Dense(width)(wider))
