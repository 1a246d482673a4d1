"""Code to take away for Triton's Python client: one tensor a column, or one of an encoded image."""

from typing import Any
from urllib.parse import urlsplit

from modelyard.contracts.examples import example_row
from modelyard.contracts.signature import Input, Signature
from modelyard.endpoints.snippets import KEY, PHOTO, Snippet


def triton_snippet_of(base: str, name: str, signature: Signature) -> Snippet:
    """A call of the endpoint `name` of the predictor at `base`, with the example of the training data or a photo."""
    image = next((item for item in signature.inputs if item.kind == "image"), None)
    tensors = _photo(image) if image is not None else _columns(example_row(signature))
    parts = urlsplit(base)
    address = repr(parts.netloc + parts.path.rstrip("/")) + (", ssl=True" if parts.scheme == "https" else "")
    code = f"""# pip install "tritonclient[http]"
import os

import numpy as np
import tritonclient.http as triton
from tritonclient.utils import triton_to_np_dtype

{tensors}
inputs = []
for column, (datatype, value) in columns.items():
    tensor = triton.InferInput(column, [1], datatype)
    tensor.set_data_from_numpy(np.array([value], dtype=triton_to_np_dtype(datatype)))
    inputs.append(tensor)
client = triton.InferenceServerClient({address})
headers = {{"Authorization": "Bearer " + os.environ["{KEY}"]}}
result = client.infer({name!r}, inputs, headers=headers)
print(result.as_numpy({signature.output.parts[0].name!r}))"""
    return Snippet(id="triton", title="Triton", code=code)


def _columns(row: dict[str, Any]) -> str:
    lines = [f"    {name!r}: {_tensor(value)!r}," for name, value in row.items()]
    return "\n".join(["columns = {", *lines, "}"])


def _tensor(value: Any) -> tuple[str, Any]:
    """The datatype that can say a value, and the value."""
    if isinstance(value, bool):
        return "BOOL", value
    if isinstance(value, (int, float)):
        return "FP64", value
    return "BYTES", "" if value is None else str(value)


def _photo(image: Input) -> str:
    return f"""with open("{PHOTO}", "rb") as file:
    columns = {{{image.name!r}: ("BYTES", file.read())}}"""
