"""Nothing that people can set or call goes undocumented."""

import re
from pathlib import Path

from modelyard.catalog.documenting import describe_catalogue

ROOT = Path(__file__).resolve().parents[2]
VARIABLE = re.compile(r"\b(MODELYARD_[A-Z0-9_]+|DATABASE_URL|REDIS_URL)\b")


def test_every_variable_is_documented_and_every_documented_one_is_read() -> None:
    sources = [path for folder in ("platform", "workers") for path in (ROOT / folder).rglob("*.py")]
    read = {
        name
        for path in sources
        for name in re.findall(r'"(MODELYARD_[A-Z0-9_]+|DATABASE_URL|REDIS_URL)"', path.read_text())
    }
    read -= {"MODELYARD_KEY"}  # the variable of the snippets that people paste
    documented = set(VARIABLE.findall((ROOT / "docs" / "settings.md").read_text()))
    assert read - documented == set(), "not documented in docs/settings.md"
    assert documented - read == set(), "documented, but nothing reads them"


def test_the_page_of_model_templates_is_what_they_declare() -> None:
    written = (ROOT / "docs" / "model-templates.md").read_text(encoding="utf-8")
    assert written == describe_catalogue(), "run manage.py document_model_templates"


def test_every_link_between_documents_leads_somewhere() -> None:
    pages = [*(ROOT / "docs").rglob("*.md"), *ROOT.glob("*.md")]
    broken = []
    for page in pages:
        for target in re.findall(r"\]\((?!https?:|#|mailto:)([^)#]+)", page.read_text()):
            if not (page.parent / target).exists():
                broken.append(f"{page.relative_to(ROOT)} -> {target}")
    assert broken == []
