"""Where an endpoint is called, by protocol."""

from django.conf import settings

from modelyard.endpoints.models import Endpoint


def predict_url(endpoint: Endpoint) -> str:
    """The address of the `:predict` call."""
    return f"{settings.ENVIRONMENT.predict_url}/v1/models/{endpoint.name}:predict"


def protocols_of(endpoint: Endpoint) -> dict[str, dict[str, str]]:
    """Every protocol that the predictor speaks, with the addresses of its calls for this endpoint."""
    model = f"{settings.ENVIRONMENT.predict_url}/v1/models/{endpoint.name}"
    return {"tensorflow-serving": {"predict": f"{model}:predict", "status": model, "metadata": f"{model}/metadata"}}
