"""What people are told of exceptions."""

from collections.abc import Callable

import numpy as np
import pytest
import tensorflow as tf

from modelyard.contracts.sentences import sentence
from modelyard.errors import NotFound
from workers.training.failures import TrainingFailure, explain

TOO_MANY = 2**50


def fail_on_device() -> None:
    raise tf.errors.InternalError(None, None, "Dst tensor is not initialized.")


@pytest.mark.parametrize(
    "act",
    [lambda: np.ones(TOO_MANY), lambda: tf.zeros([TOO_MANY]), fail_on_device],
    ids=["numpy", "tensorflow", "device"],
)
def test_too_little_memory_is_recognised(act: Callable[[], object]) -> None:
    with pytest.raises(Exception, match=r".") as caught:
        act()
    assert explain(caught.value).code == "out_of_memory"


def test_other_faults_are_not_taken_for_too_little_memory() -> None:
    assert explain(tf.errors.InternalError(None, None, "Graph execution error")).code == "internal"
    assert explain(ValueError("the file is out of memory")).code == "internal"


def test_what_was_already_put_into_words_is_kept() -> None:
    failure = TrainingFailure("one_class", sentence("every row is alike"), sentence("Add others."))
    assert explain(failure) is failure
    assert explain(NotFound("there is no such template")).message == "there is no such template"
