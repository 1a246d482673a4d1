"""How fast the predictor answers, beside peers and beside what its HTTP stack can do at all.

    python -m bench.serving [--rounds 3] [--seconds 4] [--servers modelyard,fastapi,constant]

Every server gets the same model and the same bodies, is pinned to core 0 and is loaded by `wrk` on core 1; rounds are
interleaved, medians are printed. Before it is loaded, every server's answers are compared with onnxruntime's own.
"""
