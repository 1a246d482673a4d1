"""The table of what was proved names tests that exist, and every test with an original client stands in it."""

import ast
import re

from tests.serving.conftest import ROOT

PAGE = ROOT / "docs" / "prediction-protocols.md"
NAMED = re.compile(r"`(tests/[\w/]+\.py)::(test_\w+)`")


def names_in(path: str) -> set[str]:
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    functions = (node for node in ast.walk(tree) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)))
    return {function.name for function in functions if function.name.startswith("test_")}


def test_every_test_that_the_table_names_exists() -> None:
    named = NAMED.findall(PAGE.read_text(encoding="utf-8"))
    assert named
    assert [(path, test) for path, test in named if test not in names_in(path)] == []


def test_every_test_that_runs_an_original_client_is_in_the_table() -> None:
    named = set(NAMED.findall(PAGE.read_text(encoding="utf-8")))
    for file in (ROOT / "tests" / "clients").glob("test_*.py"):
        if "run_script" in file.read_text(encoding="utf-8") and file.name != "test_matrix.py":
            path = f"tests/clients/{file.name}"
            assert {(path, test) for test in names_in(path)} <= named, f"{path} has a test that the table lacks"
