"""The addresses that people are told of each protocol."""

from dataclasses import replace
from typing import Any

from django.conf import settings as configured

from modelyard.endpoints.addresses import protocols_of
from modelyard.endpoints.models import Endpoint


def test_the_open_inference_protocol_is_told_for_http_and_grpc(endpoint: Endpoint, settings: Any) -> None:
    settings.ENVIRONMENT = replace(
        configured.ENVIRONMENT, predict_url="https://example.org", predict_grpc_address="example.org:8002"
    )
    told = protocols_of(endpoint)
    model = f"https://example.org/v2/models/{endpoint.name}"
    assert told["open-inference"] == {"infer": f"{model}/infer", "metadata": model, "ready": f"{model}/ready"}
    assert told["open-inference-grpc"] == {"address": "example.org:8002", "model_name": endpoint.name}


def test_grpc_is_not_told_where_it_is_off(endpoint: Endpoint, settings: Any) -> None:
    settings.ENVIRONMENT = replace(configured.ENVIRONMENT, predict_grpc_address="")
    assert "open-inference-grpc" not in protocols_of(endpoint)
