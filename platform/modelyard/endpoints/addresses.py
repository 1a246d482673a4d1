"""Where an endpoint is called, by protocol."""

from typing import Any

from django.conf import settings

from modelyard.endpoints.models import Endpoint


def predictor_url() -> str:
    """The address of the predictor; every protocol begins there."""
    return settings.ENVIRONMENT.predict_url


def predict_url(endpoint: Endpoint) -> str:
    """The address of the `:predict` call."""
    return f"{predictor_url()}/v1/models/{endpoint.name}:predict"


TITLES = {
    "tensorflow-serving": "TensorFlow Serving, KServe",
    "open-inference": "Open Inference Protocol",
    "open-inference-grpc": "Open Inference Protocol, gRPC",
    "mlflow": "MLflow",
    "sagemaker": "SageMaker (boto3)",
}


def protocols_of(endpoint: Endpoint) -> dict[str, dict[str, str]]:
    """Every protocol that the predictor speaks, with the addresses of its calls for this endpoint."""
    base, name = predictor_url(), endpoint.name
    model, invoked = f"{base}/v1/models/{name}", f"{base}/endpoints/{name}"
    opened, grpc = f"{base}/v2/models/{name}", settings.ENVIRONMENT.predict_grpc_address
    return {
        "tensorflow-serving": {"predict": f"{model}:predict", "status": model, "metadata": f"{model}/metadata"},
        "open-inference": {"infer": f"{opened}/infer", "metadata": opened, "ready": f"{opened}/ready"},
        **({"open-inference-grpc": {"address": grpc, "model_name": name}} if grpc else {}),
        "mlflow": {"invocations": f"{invoked}/invocations", "ping": f"{invoked}/ping"},
        "sagemaker": {"endpoint_url": base, "endpoint_name": name},
    }


def titled_protocols_of(endpoint: Endpoint) -> list[dict[str, Any]]:
    """The same for a page."""
    return [{"title": TITLES[name], "calls": calls} for name, calls in protocols_of(endpoint).items()]
