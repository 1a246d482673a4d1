"""The words of other languages: kept as text (`locale/*/LC_MESSAGES/django.po`), compiled at the start."""

import os
from pathlib import Path

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

from modelyard.environment import ROOT

CATALOGUES = ROOT / "locale"


def compile_translations(folder: Path = CATALOGUES) -> list[Path]:
    """Compile every catalogue that is newer than what was made of it; return the files that were written."""
    sources = sorted(folder.glob("*/LC_MESSAGES/*.po"))
    return [_compile(source) for source in sources if _is_newer(source, source.with_suffix(".mo"))]


def _is_newer(source: Path, made: Path) -> bool:
    return not made.exists() or made.stat().st_mtime < source.stat().st_mtime


def _compile(source: Path) -> Path:
    """Write beside and move into place, so that processes that start meanwhile read a whole file or none."""
    with source.open("rb") as file:
        catalogue = read_po(file, locale=source.parts[-3], domain=source.stem)
    made = source.with_suffix(".mo")
    draft = made.with_name(f"{made.name}.{os.getpid()}.draft")
    with draft.open("wb") as file:
        write_mo(file, catalogue)
    draft.replace(made)
    return made
