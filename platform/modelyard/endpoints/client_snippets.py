"""Code to take away for clients that people already have. Each is run by the tests with the client itself."""

from typing import Any

from modelyard.contracts.examples import example_row
from modelyard.contracts.signature import Input, Signature
from modelyard.endpoints.snippets import KEY, PHOTO, Snippet, python_literal


def client_snippets_of(base: str, name: str, signature: Signature) -> list[Snippet]:
    """A call of the endpoint `name` of the predictor at `base`, with the example of the training data or a photo."""
    image = next((item for item in signature.inputs if item.kind == "image"), None)
    row = {} if image is not None else example_row(signature)
    return [
        Snippet(id="boto3", title="boto3", code=_boto3(base, name, row, image)),
        Snippet(id="mlflow", title="MLflow", code=_mlflow(base, name, row, image)),
    ]


def _boto3(base: str, name: str, row: dict[str, Any], image: Input | None) -> str:
    imports = ["json", "os"]
    opening = "" if image is None else _open_photo("photo = file.read()")
    kind, body = ('"image/jpeg"', "photo")
    if image is None:
        kind, body = '"application/json"', f"json.dumps({python_literal({'instances': [row]}, 1)})"
    return f"""# pip install boto3
{_import(imports)}

import boto3

{opening}client = boto3.client(
    "sagemaker-runtime",
    endpoint_url={base!r},
    region_name="us-east-1",
    aws_access_key_id=os.environ["{KEY}"],
    aws_secret_access_key="not used",
)
response = client.invoke_endpoint(
    EndpointName={name!r},
    ContentType={kind},
    Body={body},
)
print(json.load(response["Body"])["predictions"])"""


def _mlflow(base: str, name: str, row: dict[str, Any], image: Input | None) -> str:
    imports = ["os"] if image is None else ["base64", "os"]
    opening = "" if image is None else _open_photo("photo = base64.b64encode(file.read()).decode()")
    body = python_literal({"dataframe_records": [row]}, 1)
    if image is not None:
        body = f"""{{"dataframe_records": [{{{image.name!r}: {{"b64": photo}}}}]}}"""
    return f"""# pip install mlflow-skinny
{_import(imports)}

from mlflow.deployments import get_deploy_client

os.environ["MLFLOW_TRACKING_TOKEN"] = os.environ["{KEY}"]
{opening}client = get_deploy_client({base!r})
response = client.predict(
    endpoint={name!r},
    inputs={body},
)
print(response["predictions"])"""


def _import(names: list[str]) -> str:
    return "\n".join(f"import {name}" for name in names)


def _open_photo(reading: str) -> str:
    return f"""with open("{PHOTO}", "rb") as file:
    {reading}

"""
