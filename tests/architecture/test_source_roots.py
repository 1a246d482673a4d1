"""`platform/` is a source root: were it a package, it would shadow Python's own module."""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_platform_is_no_package() -> None:
    assert not (ROOT / "platform" / "__init__.py").exists()


def test_pythons_own_platform_module_is_found_from_the_root() -> None:
    code = "import platform, uuid; print(platform.__file__)"
    found = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert str(ROOT) not in found.stdout


def test_no_file_is_longer_than_400_lines() -> None:
    files = [path for folder in ("platform", "workers") for path in (ROOT / folder).rglob("*.py")]
    long = {
        str(path.relative_to(ROOT)): len(path.read_text().splitlines())
        for path in files
        if "migrations" not in path.parts
    }
    assert {name: lines for name, lines in long.items() if lines > 400} == {}


def test_child_processes_and_contracts_load_without_django_and_tensorflow() -> None:
    code = """
import sys
import modelyard.catalog, modelyard.features
modelyard.catalog.list_templates()
import modelyard.contracts.plan, modelyard.contracts.progress, modelyard.contracts.route
import workers.serving.__main__
unwanted = {"django", "rest_framework", "celery", "channels", "tensorflow", "keras"}
print(sorted({name.split(".")[0] for name in sys.modules} & unwanted))
"""
    path = f"{ROOT / 'platform'}:{ROOT}"
    found = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True, env={"PYTHONPATH": path}
    )
    assert found.stdout.strip() == "[]"


def test_nothing_speaks_of_where_it_was_made() -> None:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    pattern = re.compile("(/" + "work/(main|shared)|/" + "tmp/bash_jobs|[.]" + "library/)")
    guilty = []
    for name in listed:
        path = ROOT / name
        if path.suffix in {".py", ".md", ".html", ".js", ".css", ".yml", ".toml", ".txt", ""} and path.is_file():
            guilty += [name] if pattern.search(path.read_text(encoding="utf-8", errors="ignore")) else []
    assert guilty == []
