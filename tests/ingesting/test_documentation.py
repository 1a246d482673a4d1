"""`docs/data-formats.md` states the limits that the code keeps, and every code of a refusal or warning."""

import ast
import re
from pathlib import Path

from workers.ingesting import limits

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "data-formats.md").read_text(encoding="utf-8")


def documented() -> dict[str, str]:
    return dict(re.findall(r"^\| `([A-Z_]+)` \| ([^|]+?) \|", PAGE, re.MULTILINE))


def in_words(name: str, value: float) -> str:
    if name.endswith("_BYTES"):
        unit, size = next(pair for pair in (("GiB", limits.GIB), ("MiB", limits.MIB), ("bytes", 1)) if value >= pair[1])
        return f"{value // size} {unit}"
    return f"{value:.0%}".replace("%", " %") if name.endswith("_SHARE") else f"{value:,}"


def test_every_limit_is_documented_with_its_value() -> None:
    values = {name: value for name, value in vars(limits).items() if name.isupper() and name not in ("MIB", "GIB")}
    assert documented() == {name: in_words(name, value) for name, value in values.items()}


def used_codes() -> set[str]:
    codes: set[str] = set()
    for path in (ROOT / "workers" / "ingesting").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
                called = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
                if called in ("Rejected", "warn"):
                    codes.add(str(node.args[0].value))
    return codes


def test_every_code_is_documented() -> None:
    missing = {code for code in used_codes() if f"`{code}`" not in PAGE}
    assert not missing
