"""Open Inference Protocol, version 2 (KServe, Triton, MLServer), with Triton's extensions: binary tensors, compressed
bodies, classification, configuration, statistics, repository index.

`datatypes`, `tensors`, `outputs`, `describing`, `statistics` and `repository` know nothing of HTTP: gRPC shares them.
"""

from workers.serving.protocols.open_inference.routes import OpenInference

__all__ = ["OpenInference"]
