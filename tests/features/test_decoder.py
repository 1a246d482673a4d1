"""Outputs of the network to predictions."""

import numpy as np
import pytest

from modelyard.features import load_decoder, load_features
from modelyard.features.decoder import ClassDecoder, ValueDecoder


def test_a_class_is_named_with_its_probabilities() -> None:
    decoder = load_decoder(ClassDecoder(["no", "yes"]).to_json())
    answers = decoder.decode({"probabilities": np.array([[0.25, 0.75], [1.0, 0.0]], np.float32)})
    assert answers[0] == {"label": "yes", "score": 0.75, "probabilities": {"no": 0.25, "yes": 0.75}}
    assert answers[1]["label"] == "no"


def test_a_value_comes_back_in_the_unit_of_the_target() -> None:
    decoder = ValueDecoder(mean=2.0, scale=0.5, transform="log", minimum=0.0, maximum=10.0)
    answers = load_decoder(decoder.to_json()).decode({"value": np.array([[0.0], [1e9], [-1e9]], np.float32)})
    assert answers[0]["value"] == pytest.approx(np.expm1(2.0))
    assert [answer["value"] for answer in answers[1:]] == [10.0, 0.0]


def test_unknown_kinds_are_refused() -> None:
    with pytest.raises(ValueError, match="this release knows table, images"):
        load_features({"kind": "smells"})
    with pytest.raises(ValueError, match="this release knows classes, value"):
        load_decoder({"kind": "smells"})
