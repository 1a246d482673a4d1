"""What the source says of crash points: the labels, the places that must have one, and the transactions that commit."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from modelyard.environment import ROOT

SOURCES = [path for folder in ("platform", "workers") for path in sorted((ROOT / folder).rglob("*.py"))]
FLUSHES = ("fsync", "fdatasync", "rename", "replace", "link")


@dataclass(frozen=True)
class Place:
    """A function of the source."""

    path: str
    function: str
    node: ast.AST

    def __str__(self) -> str:
        return f"{self.path}:{self.function}"


def list_labels() -> list[str]:
    """Every label, as often as it stands in the source. A label that is no plain text fails here."""
    labels = []
    for place in _functions():
        for call in _calls(place.node):
            if isinstance(call.func, ast.Name) and call.func.id == "reach":
                (label,) = call.args
                assert isinstance(label, ast.Constant), f"{place}: a label must be written out"
                labels.append(str(label.value))
    return labels


def without_label(wanted: str) -> set[str]:
    """The functions that rename or flush ("files"), or hold a transaction ("commits"), and have no label."""
    found = _touches_files if wanted == "files" else _commits
    return {str(place) for place in _functions() if found(place.node) and not _has_label(place.node)}


def _functions() -> Iterator[Place]:
    for path in SOURCES:
        if "migrations" in path.parts:
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield Place(path.relative_to(ROOT).as_posix(), node.name, node)


def _has_label(node: ast.AST) -> bool:
    return any(isinstance(call.func, ast.Name) and call.func.id == "reach" for call in _calls(node))


def _touches_files(node: ast.AST) -> bool:
    return any(_is_flush(call) for call in _calls(node))


def _is_flush(call: ast.Call) -> bool:
    """`os.fsync(…)` and its like, `path.rename(other)`, `path.replace(other)`, but neither text nor dates."""
    function = call.func
    if not isinstance(function, ast.Attribute) or function.attr not in FLUSHES:
        return False
    if isinstance(function.value, ast.Name) and function.value.id == "os":
        return True
    return function.attr in ("rename", "replace") and len(call.args) == 1 and not call.keywords


def _commits(node: ast.AST) -> bool:
    """Whether a function is decorated with `transaction.atomic`, or opens such a block."""
    assert isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    contexts = [item.context_expr for inner in ast.walk(node) if isinstance(inner, ast.With) for item in inner.items]
    return any("transaction.atomic" in ast.unparse(one) for one in (*node.decorator_list, *contexts))


def _calls(node: ast.AST) -> Iterator[ast.Call]:
    return (inner for inner in ast.walk(node) if isinstance(inner, ast.Call))
