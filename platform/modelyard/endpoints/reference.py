"""The reference of an endpoint: its OpenAPI document as a page shows it, with calls that can be copied."""

import json
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from modelyard.endpoints.reference_words import kind_of, reason_of, title_of
from modelyard.endpoints.snippets import KEY, PHOTO, Snippet

METHODS = ("get", "post")


@dataclass(frozen=True, kw_only=True)
class Column:
    """One input. `examples` are written as JSON writes them, but for texts."""

    name: str
    kind: str
    required: bool
    examples: str


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """An answer that a call may get."""

    status: str
    meaning: str
    kinds: str


@dataclass(frozen=True, kw_only=True)
class Operation:
    """One call: how it is sent, what comes back."""

    id: str
    method: str
    path: str
    title: str
    snippets: list[Snippet]
    headers: list[str]
    outcomes: list[Outcome]


@dataclass(frozen=True, kw_only=True)
class Reference:
    """`groups` are the operations by protocol."""

    version: str
    columns: list[Column]
    groups: dict[str, list[Operation]]


def reference_of(document: Mapping[str, Any], base: str) -> Reference:
    """Read an endpoint's document; calls go to the predictor at `base`."""
    groups: dict[str, list[Operation]] = {}
    for path, calls in document["paths"].items():
        for method in METHODS:
            if method in calls:
                operation = _read_operation(document, base, path, method, calls[method])
                groups.setdefault(calls[method]["tags"][0], []).append(operation)
    return Reference(version=document["info"]["version"], columns=list(_columns(document)), groups=groups)


def _columns(document: Mapping[str, Any]) -> Iterator[Column]:
    row = document["components"]["schemas"]["Row"]
    for name, schema in row["properties"].items():
        examples = [
            value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
            for value in schema.get("examples", ())
        ]
        yield Column(name=name, kind=kind_of(schema), required=name in row["required"], examples=", ".join(examples))


def _read_operation(
    document: Mapping[str, Any], base: str, path: str, method: str, call: Mapping[str, Any]
) -> Operation:
    given = [_resolve(document, parameter) for parameter in call.get("parameters", ())]
    needed = [f"{one['name']}: {one['example']}" for one in given if one.get("required")]
    bodies = call.get("requestBody", {}).get("content", {})
    curl = _start_curl(f"{base}{path}", needed)
    lines = [(title, curl + body) for media_type, media in bodies.items() for title, body in _bodies(media_type, media)]
    name = str(call["operationId"])
    return Operation(
        id=name,
        method=method.upper(),
        path=path,
        title=title_of(name, str(call["summary"])),
        snippets=[
            Snippet(id=f"{name}-{place}", title=title, code=" \\\n  ".join(code))
            for place, (title, code) in enumerate(lines or [("curl", curl)])
        ],
        headers=[one["name"] for one in given],
        outcomes=list(_outcomes(document, call)),
    )


def _start_curl(url: str, headers: list[str]) -> list[str]:
    told = [f"-H {shlex.quote(header)}" for header in headers]
    return [f"curl {shlex.quote(url)}", f'-H "Authorization: Bearer ${KEY}"', *told]


def _bodies(media_type: str, media: Mapping[str, Any]) -> Iterator[tuple[str, list[str]]]:
    """What curl is told of each body that a media type has an example of, and of a picture."""
    told = f"-H {shlex.quote(f'Content-Type: {media_type}')}"
    examples = [(name, example["value"]) for name, example in media.get("examples", {}).items()]
    if "example" in media:
        examples.append(("", media["example"]))
    for name, value in examples:
        title = f"{media_type}: {name}" if name else media_type
        body = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        yield title, [told, f"--data-binary {shlex.quote(body)}"]
    if media_type.startswith("image/"):
        yield media_type, [told, f"--data-binary @{PHOTO}"]
    elif media_type.startswith("multipart/"):
        yield media_type, [f"-F image=@{PHOTO}"]


def _outcomes(document: Mapping[str, Any], call: Mapping[str, Any]) -> Iterator[Outcome]:
    for status, response in call["responses"].items():
        found = _resolve(document, response)
        kinds = ", ".join(found.get("content", ()))
        yield Outcome(status=status, meaning=reason_of(status, str(found["description"])), kinds=kinds)


def _resolve(document: Mapping[str, Any], value: Mapping[str, Any]) -> Mapping[str, Any]:
    """Follow a reference within the document."""
    reference = value.get("$ref")
    if reference is None:
        return value
    found: Any = document
    for part in str(reference).removeprefix("#/").split("/"):
        found = found[part]
    return dict(found)
