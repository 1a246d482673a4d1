"""How fast the predictor answers, beside its peers and beside what its HTTP stack can do at all.

    python -m bench.serving                     # everything, about a quarter of an hour
    python -m bench.serving --quick             # few peers, short rounds: about two minutes
    python -m bench.serving --models table --servers modelyard,mosec --add
    python -m bench.serving --write docs/performance.md

The path needs `platform` too: PYTHONPATH=platform:.

Every server gets the same model and the same rows in its own protocol, one process, pinned to core 0; `wrk` loads it
from core 1. Before and after, its answers are compared with onnxruntime's own. docs/performance.md says more.

    networks, models   the three networks, as Modelyard's artifacts and as plain ONNX for the peers; rows and answers
    wire               rows to requests and answers to probabilities, for each protocol
    peers/             one folder a peer: its pinned requirements and its server, as its documentation has it
    contestants        what takes part: how each is started and which wire forms it takes
    environments       a virtual environment for each peer, made once
    installation       Modelyard's predictor as it really runs: a Redis with a key, limits and routes
    processes          start, check, freeze, thaw and end a server; its memory and processor time
    load, machine      `wrk`; what else the machine was busy with
    rounds             the interleaved rounds
    robustness         bad input, bad neighbours, a body of 50 MB
    equivalence        100,000 calls at random concurrency against the same calls made alone
    extras             one more model, two processes, the bare runtime
    results, aims, report   figures as JSON, held against the aims, as Markdown
"""
