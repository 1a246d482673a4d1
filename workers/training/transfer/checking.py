"""Loads a file of weights as training would, and asks it: `python -m workers.training.transfer.checking FILE`.

Prints {"features", "tunable", "milliseconds"} or {"fault"} as a line of JSON.
"""

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

ASKED = 5


def check(path: Path) -> dict[str, Any]:
    """Raises `TrainingFailure` for a file that training would refuse."""
    import numpy as np
    import tensorflow as tf

    from modelyard.contracts.weights import CHANNELS, describe_weights
    from workers.training.transfer.backbones import load_network, make_backbone

    weights = describe_weights(path).weights
    backbone = make_backbone(load_network(path, weights), weights.size)
    ask = tf.function(lambda images: backbone.whole(images, training=False))
    noise = np.random.default_rng(0).uniform(0, 255, (1, weights.size, weights.size, CHANNELS)).astype(np.float32)
    if not np.isfinite(ask(noise).numpy()).all():
        return {"fault": "the network answers pixels from 0 to 255 with numbers that are not finite"}
    began = time.perf_counter()
    for _round in range(ASKED):
        ask(noise).numpy()
    return {
        "features": int(backbone.whole.output.shape[-1]),
        "tunable": backbone.tail is not None,
        "milliseconds": 1000 * (time.perf_counter() - began) / ASKED,
    }


def main(arguments: list[str]) -> int:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    from modelyard.contracts.weights import BadWeights
    from workers.training.failures import TrainingFailure

    try:
        said = check(Path(arguments[0]))
    except (BadWeights, TrainingFailure) as fault:
        said = {"fault": str(fault)}
    sys.stdout.write(json.dumps(said) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
