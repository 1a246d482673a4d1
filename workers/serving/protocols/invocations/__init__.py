"""MLflow's and SageMaker's `/invocations`: rows in JSON, CSV, JSON lines or NumPy's files, answers as `Accept` asks."""

from workers.serving.protocols.invocations.routes import Invocations

__all__ = ["Invocations"]
