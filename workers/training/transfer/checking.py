"""Loads weights as training would, and asks them: `python -m workers.training.transfer.checking FILE_OR_FOLDER`.

Prints {"features" or "pieces", "tunable", "milliseconds"} or {"fault"} as a line of JSON.
"""

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ASKED = 5
USUAL_PIECES = 128


def check(path: Path) -> dict[str, Any]:
    """Raises `BadWeights` or `TrainingFailure` for what training would refuse."""
    return _check_encoder(path) if path.is_dir() else _check_network(path)


def _check_encoder(path: Path) -> dict[str, Any]:
    import numpy as np
    import tensorflow as tf

    from modelyard.contracts.encoders import describe_encoder
    from workers.training.transfer.encoders import Encoder, choose_pools

    found = describe_encoder(path)
    width = min(USUAL_PIECES, found.architecture.positions)
    pools = choose_pools(found.architecture)
    every = sorted({pool for group in pools.values() for pool in group})
    whole = Encoder(path, found, columns=1).cut(width, 0, every).whole
    ask = tf.function(lambda ids: whole(ids, training=False))
    ids = np.random.default_rng(0).integers(0, len(found.pieces.pieces), (1, width), dtype=np.int32)
    ids[0, 0], ids[0, -1] = found.pieces.begin, found.pieces.end
    if not np.isfinite(ask(ids).numpy()).all():
        return {"fault": "the network answers word pieces with numbers that are not finite"}
    return {"pieces": width, "tunable": True, "milliseconds": _time(lambda: ask(ids).numpy())}


def _check_network(path: Path) -> dict[str, Any]:
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
    return {
        "features": int(backbone.whole.output.shape[-1]),
        "tunable": backbone.tail is not None,
        "milliseconds": _time(lambda: ask(noise).numpy()),
    }


def _time(ask: Callable[[], object]) -> float:
    """Milliseconds that an answer takes, on average."""
    began = time.perf_counter()
    for _round in range(ASKED):
        ask()
    return 1000 * (time.perf_counter() - began) / ASKED


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
