"""What the policy and the design system ask of every HTML template and style sheet."""

import re
from pathlib import Path

import pytest
from django.template.loader import get_template
from django.test import RequestFactory

ROOT = Path(__file__).resolve().parents[2]
TEMPLATES = sorted((ROOT / "templates").rglob("*.html"))
COMPONENTS = sorted((ROOT / "templates" / "components").glob("_*.html"))
SHEETS = sorted((ROOT / "static" / "css").rglob("*.css"))
SCRIPTS = sorted((ROOT / "static" / "js").rglob("*.js"))
FORBIDDEN = {
    "an inline style": re.compile(r"\sstyle\s*="),
    "an inline handler": re.compile(r"\son[a-z]+\s*=\s*[\"']"),
    "an inline script": re.compile(r"<script(?![^>]*\bsrc=)(?![^>]*application/json)[^>]*>"),
    "a style element": re.compile(r"<style"),
    "something from elsewhere": re.compile(r"(src|href)=[\"'](https?:)?//"),
}
OUTSIDE = ("tokens.css", "api.css")
FIELDS = {"title": "Title", "words": "Words", "label": "Label", "value": "93%", "fraction": 0.4, "state": "running"}


def _name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("path", TEMPLATES, ids=_name)
def test_a_template_holds_nothing_that_the_policy_refuses(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert [what for what, pattern in FORBIDDEN.items() if pattern.search(text)] == []


@pytest.mark.parametrize("path", TEMPLATES, ids=_name)
def test_a_template_compiles(path: Path) -> None:
    get_template(path.relative_to(ROOT / "templates").as_posix())


@pytest.mark.parametrize("path", COMPONENTS, ids=_name)
def test_a_component_renders_with_what_it_needs_and_without(path: Path, rf: RequestFactory) -> None:
    template = get_template(f"components/{path.name}")
    fields = FIELDS | {"body": "components/_logo.html", "page": None, "limit": 10, "used": 3, "unit": "runs"}
    assert template.render(fields, rf.get("/")) is not None


@pytest.mark.parametrize("path", TEMPLATES, ids=_name)
def test_icons_and_static_files_that_a_template_names_exist(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    sprite = (ROOT / "static" / "img" / "icons.svg").read_text(encoding="utf-8")
    icons = re.findall(r'{% icon "([a-z]+)"', text) + re.findall(r'symbol="([a-z]+)"', text)
    assert [name for name in icons if f'id="{name}"' not in sprite] == []
    named = re.findall(r"{% static ['\"]([^'\"]+)['\"]", text)
    assert [file for file in named if not (ROOT / "static" / file).is_file()] == []


def test_every_class_that_a_template_uses_is_defined() -> None:
    styled = set(re.findall(r"\.(-?[a-z][a-z0-9-]*)", "\n".join(sheet.read_text(encoding="utf-8") for sheet in SHEETS)))
    scripts = "\n".join(script.read_text(encoding="utf-8") for script in SCRIPTS)
    unknown = {}
    for path in TEMPLATES:
        names = {
            name for name in _classes(path.read_text(encoding="utf-8")) if name not in styled and name not in scripts
        }
        if names:
            unknown[_name(path)] = sorted(names)
    assert unknown == {}


def _classes(text: str) -> set[str]:
    """The whole class names in a template; those put together by template code are left out."""
    found = set()
    for value in re.findall(r'class="([^"]*)"', re.sub(r"{%.*?%}", " ", text)):
        found |= {name for name in value.split() if re.fullmatch(r"[a-z][a-z0-9-]*[a-z0-9]", name)}
    return found


@pytest.mark.parametrize("path", SCRIPTS, ids=_name)
def test_a_script_holds_no_words(path: Path) -> None:
    """Sentences belong into the HTML, where translation finds them."""
    code = re.sub(r"//.*|/\*.*?\*/", "", path.read_text(encoding="utf-8"))
    strings = [text for pair in re.findall(r"\"([^\"\n]*)\"|'([^'\n]*)'", code) for text in pair]
    assert [text for text in strings if re.search(r"[A-Z][a-z]+ [a-z]+ [a-z]+", text)] == []


@pytest.mark.parametrize("path", [sheet for sheet in SHEETS if sheet.name not in OUTSIDE], ids=_name)
def test_colours_come_from_the_tokens(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    literal = re.findall(r"#[0-9a-fA-F]{3,8}\b|rgba?\([^)]*\)|hsla?\([^)]*\)", text)
    assert [colour for colour in literal if not (path.name == "print.css" and colour == "#fff")] == []


def test_a_file_stays_short() -> None:
    long = {_name(path): lines for path in (*SHEETS, *SCRIPTS, *TEMPLATES) if (lines := _length(path)) > 520}
    assert long == {}


def _length(path: Path) -> int:
    return len(path.read_text(encoding="utf-8").splitlines())
