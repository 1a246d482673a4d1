"""Everything is said in every language."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog, Message
from babel.messages.pofile import read_po

from modelyard.translations import CATALOGUES, compile_translations

ROOT = Path(__file__).resolve().parents[2]
SOURCES = sorted(CATALOGUES.glob("*/LC_MESSAGES/django.po"))
PLACE = re.compile(r"%\((\w+)\)[sd]|{(\w+)(?::[^{}]*)?}")


def _read(path: Path) -> Catalog:
    with path.open("rb") as file:
        return read_po(file, locale=path.parts[-3])


def _messages(catalogue: Catalog) -> list[Message]:
    return [message for message in catalogue if message.id]


def _first(text: object) -> str:
    return str(text[0] if isinstance(text, (tuple, list)) else text)


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.parts[-3])
def test_nothing_is_left_untranslated_or_unsure(path: Path) -> None:
    messages = _messages(_read(path))
    assert len(messages) > 300
    assert [_first(message.id) for message in messages if message.fuzzy or not _first(message.string or "")] == []


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.parts[-3])
def test_places_for_values_are_kept(path: Path) -> None:
    wrong = []
    for message in _messages(_read(path)):
        wanted = set(PLACE.findall("".join(message.id) if isinstance(message.id, tuple) else message.id))
        if set(PLACE.findall(_first(message.string))) != wanted:
            wrong.append(_first(message.id))
    assert wrong == []


@pytest.mark.skipif(shutil.which("xgettext") is None, reason="gettext is not installed")
@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.parts[-3])
def test_the_catalogue_holds_every_word_of_the_pages(path: Path, tmp_path: Path) -> None:
    for folder in ("platform", "templates", "workers"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "manage.py", tmp_path)
    (tmp_path / "locale").mkdir()
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "modelyard.settings",
        "MODELYARD_HOME": str(tmp_path / "var"),
    }
    command = [sys.executable, "manage.py", "makemessages", "-l", path.parts[-3], "--no-location", "-v", "0"]
    subprocess.run(command, cwd=tmp_path, env=environment, check=True)
    used = {message.id for message in _messages(_read(tmp_path / path.relative_to(ROOT)))}
    assert used - {message.id for message in _messages(_read(path))} == set()


def test_catalogues_are_compiled_once(tmp_path: Path) -> None:
    source = tmp_path / "zh_Hans" / "LC_MESSAGES" / "django.po"
    source.parent.mkdir(parents=True)
    source.write_text('msgid ""\nmsgstr "Content-Type: text/plain; charset=UTF-8\\n"\n\nmsgid "Home"\nmsgstr "首页"\n')
    assert compile_translations(tmp_path) == [source.with_suffix(".mo")]
    assert compile_translations(tmp_path) == []
