"""boto3's client for SageMaker endpoints. All that is not usual is the address; the API key is the access key id."""

import base64
import io
import json
import sys

import boto3
import numpy as np
from botocore.exceptions import ClientError

given = json.load(sys.stdin)


def connect(key):
    return boto3.client(
        "sagemaker-runtime",
        endpoint_url=given["url"],
        region_name="us-east-1",
        aws_access_key_id=key,
        aws_secret_access_key="not used",
    )


def read(answer):
    body = answer["Body"].read()
    return {
        "type": answer["ContentType"],
        "variant": answer["InvokedProductionVariant"],
        "attributes": answer.get("CustomAttributes"),
        "body": body.decode() if not answer["ContentType"].startswith("application/x-npy") else None,
        "array": np.load(io.BytesIO(body)).tolist() if answer["ContentType"].startswith("application/x-npy") else None,
    }


def refused(client, **options):
    try:
        client.invoke_endpoint(**options)
    except ClientError as fault:
        caught = [
            name
            for name in ("ModelError", "ValidationError", "ServiceUnavailable", "InternalFailure")
            if isinstance(fault, getattr(client.exceptions, name))
        ]
        return {
            "code": fault.response["Error"]["Code"],
            "message": fault.response["Error"]["Message"],
            "status": fault.response["ResponseMetadata"]["HTTPStatusCode"],
            "original": [fault.response.get("OriginalStatusCode"), fault.response.get("OriginalMessage")],
            "caught": caught,
        }
    return None


client = connect(given["key"])
rows = json.dumps({"instances": given["rows"]})
array = io.BytesIO()
np.save(array, np.array(given["array"]))
print(
    json.dumps(
        {
            "json": read(
                client.invoke_endpoint(
                    EndpointName="people",
                    ContentType="application/json",
                    Body=rows,
                    TargetVariant="1",
                    CustomAttributes="trace=7",
                )
            ),
            "csv": read(
                client.invoke_endpoint(
                    EndpointName="people", ContentType="text/csv", Accept="text/csv", Body=given["csv"]
                )
            ),
            "npy": read(
                client.invoke_endpoint(
                    EndpointName="people",
                    ContentType="application/x-npy",
                    Accept="application/x-npy",
                    Body=array.getvalue(),
                )
            ),
            "image": read(
                client.invoke_endpoint(
                    EndpointName="pictures",
                    ContentType="application/x-image",
                    Body=base64.b64decode(given["image"]),
                )
            ),
            "bad row": refused(
                client, EndpointName="people", ContentType="application/json", Body='{"instances": [{"age": "old"}]}'
            ),
            "bad type": refused(client, EndpointName="people", ContentType="text/html", Body="<p>"),
            "no endpoint": refused(client, EndpointName="nobody", ContentType="application/json", Body=rows),
            "no version": refused(
                client, EndpointName="people", ContentType="application/json", Body=rows, TargetVariant="9"
            ),
            "no key": refused(
                connect("AKIAIOSFODNN7EXAMPLE"), EndpointName="people", ContentType="application/json", Body=rows
            ),
        }
    )
)
