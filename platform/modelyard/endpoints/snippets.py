"""Code to take away: calls of an endpoint that work when pasted, whatever its columns are called.

Names and values of columns are strangers' words. They pass through JSON, and from there through the quoting of the
language that the snippet is in; nothing is put between quotes by hand.
"""

import json
import shlex
from dataclasses import dataclass
from typing import Any

from modelyard.contracts.examples import example_row
from modelyard.contracts.signature import Input, Signature

KEY = "MODELYARD_KEY"
PHOTO = "photo.jpg"


@dataclass(frozen=True, kw_only=True)
class Snippet:
    """`id` is unique in the page."""

    id: str
    title: str
    code: str


def snippets_of(url: str, signature: Signature) -> list[Snippet]:
    """A call in each language, with the example of the training data or with a photo."""
    image = next((item for item in signature.inputs if item.kind == "image"), None)
    if image is not None:
        bodies = [
            _curl_image(url, image),
            _requests_image(url, image),
            _urllib_image(url, image),
            _fetch_image(url, image),
        ]
    else:
        row = example_row(signature)
        bodies = [_curl(url, row), _requests(url, row), _urllib(url, row), _fetch(url, row)]
    titles = (("curl", "curl"), ("requests", "Python"), ("urllib", "urllib"), ("fetch", "JavaScript"))
    return [Snippet(id=name, title=title, code=code) for (name, title), code in zip(titles, bodies, strict=True)]


def _curl(url: str, row: dict[str, Any]) -> str:
    body = json.dumps({"instances": [row]}, ensure_ascii=False)
    return _curl_call(url, f"-d {shlex.quote(body)}")


def _curl_image(url: str, image: Input) -> str:
    """`printf` writes the name of the input by itself, as an argument; only %s is in its format."""
    name = shlex.quote(json.dumps(image.name, ensure_ascii=False))
    photo = f"\"$(base64 < {PHOTO} | tr -d '\\n')\""
    body = f"""printf '{{"instances": [{{%s: {{"b64": "%s"}}}}]}}' {name} {photo}"""
    return f"{body} |\n{_curl_call(url, '-d @-')}"


def _curl_call(url: str, data: str) -> str:
    lines = [
        f"curl {shlex.quote(url)}",
        f'-H "Authorization: Bearer ${KEY}"',
        '-H "Content-Type: application/json"',
        data,
    ]
    return " \\\n  ".join(lines)


def _requests(url: str, row: dict[str, Any]) -> str:
    return f"""import os

import requests

{_requests_call(url, python_literal({"instances": [row]}, 1))}"""


def _requests_image(url: str, image: Input) -> str:
    return f"""import base64
import os

import requests

with open("{PHOTO}", "rb") as file:
    photo = base64.b64encode(file.read()).decode()

{_requests_call(url, _python_image_body(image))}"""


def _requests_call(url: str, body: str) -> str:
    return f"""response = requests.post(
    {url!r},
    headers={{"Authorization": "Bearer " + os.environ["{KEY}"]}},
    json={body},
    timeout=30,
)
response.raise_for_status()
print(response.json()["predictions"])"""


def _urllib(url: str, row: dict[str, Any]) -> str:
    return f"""import json
import os
import urllib.request

body = {python_literal({"instances": [row]}, 0)}
{_urllib_call(url)}"""


def _urllib_image(url: str, image: Input) -> str:
    return f"""import base64
import json
import os
import urllib.request

with open("{PHOTO}", "rb") as file:
    photo = base64.b64encode(file.read()).decode()

body = {_python_image_body(image)}
{_urllib_call(url)}"""


def _urllib_call(url: str) -> str:
    return f"""request = urllib.request.Request(
    {url!r},
    data=json.dumps(body).encode(),
    headers={{
        "Authorization": "Bearer " + os.environ["{KEY}"],
        "Content-Type": "application/json",
    }},
)
with urllib.request.urlopen(request, timeout=30) as response:
    print(json.load(response)["predictions"])"""


def _python_image_body(image: Input) -> str:
    return f"""{{"instances": [{{{image.name!r}: {{"b64": photo}}}}]}}"""


def _fetch(url: str, row: dict[str, Any]) -> str:
    return f"""// predict.mjs
{_fetch_call(url, _script_literal({"instances": [row]}))}"""


def _fetch_image(url: str, image: Input) -> str:
    body = f"""{{ instances: [{{ [{_script_literal(image.name)}]: {{ b64: photo }} }}] }}"""
    return f"""// predict.mjs
import {{ readFile }} from "node:fs/promises";

const photo = await readFile("{PHOTO}", "base64");
{_fetch_call(url, body)}"""


def _fetch_call(url: str, body: str) -> str:
    return f"""const response = await fetch({_script_literal(url)}, {{
  method: "POST",
  headers: {{
    Authorization: `Bearer ${{process.env.{KEY}}}`,
    "Content-Type": "application/json",
  }},
  body: JSON.stringify({body}),
}});
if (!response.ok) throw new Error(await response.text());
console.log(JSON.stringify((await response.json()).predictions));"""


def python_literal(value: Any, depth: int) -> str:
    """JSON-like data as Python writes it, `depth` levels indented."""
    outer, inner = "    " * depth, "    " * (depth + 1)
    if isinstance(value, dict):
        lines = [f"{inner}{key!r}: {python_literal(content, depth + 1)}," for key, content in value.items()]
        return "\n".join(["{", *lines, f"{outer}}}"]) if lines else "{}"
    if isinstance(value, list):
        lines = [f"{inner}{python_literal(content, depth + 1)}," for content in value]
        return "\n".join(["[", *lines, f"{outer}]"]) if lines else "[]"
    return repr(value)


def _script_literal(value: Any) -> str:
    """JSON is JavaScript; `__proto__` alone means something else there when it is written as a plain name."""
    text = json.dumps(value, indent=2, ensure_ascii=False).replace("\n", "\n  ")
    return text.replace('"__proto__":', '["__proto__"]:')
