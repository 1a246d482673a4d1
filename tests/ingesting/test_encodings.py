"""Text in whatever encoding people's programs write."""

from pathlib import Path

import pytest

from tests.ingesting.samples import ingest, table

WESTERN = ["Zürich", "Málaga", "Besançon"]
CHINESE = ["北京", "上海", "广州"]
TAIWANESE = ["臺北", "高雄", "臺中"]


@pytest.mark.parametrize(
    ("encoding", "cities", "header"),
    [
        ("utf-8", CHINESE, "城市"),
        ("utf-8-sig", WESTERN, "ville"),
        ("utf-16", CHINESE, "城市"),
        ("utf-16-le", WESTERN, "ville"),
        ("utf-16-be", WESTERN, "ville"),
        ("gbk", CHINESE, "城市"),
        ("gb18030", [*CHINESE, "㐂𠮷"], "城市"),
        ("big5", TAIWANESE, "城市"),
        ("latin-1", WESTERN, "cité"),
        ("cp1252", [*WESTERN, "€urope"], "cité"),
    ],
)
def test_an_encoding_is_found_and_every_letter_is_kept(
    tmp_path: Path, encoding: str, cities: list[str], header: str
) -> None:
    outcome = ingest(tmp_path, table(48, **{header: cities}).encode(encoding))
    assert next(iter(outcome.kinds)) == header
    assert outcome.cells(header)[: len(cities)] == cities


def test_a_guess_is_told(tmp_path: Path) -> None:
    outcome = ingest(tmp_path, table(40, ville=WESTERN).encode("latin-1"))
    assert "Windows-1252" in outcome.warning("encoding_guessed").message


def test_cyrillic_is_not_taken_for_western(tmp_path: Path) -> None:
    cities = ["Москва", "Санкт-Петербург", "Казань"]
    outcome = ingest(tmp_path, table(60, город=cities).encode("cp1251"))
    assert set(outcome.cells("город")) == set(cities)


def test_two_encodings_in_one_file_are_refused_with_the_line(tmp_path: Path) -> None:
    half = table(30, ville=["Zürich", "Genève"])
    problem = ingest(tmp_path, half.encode() + half.split("\n", 1)[1].encode("latin-1")).problem
    assert problem.code == "encoding"
    assert "line 32" in problem.message
    assert problem.row == 31


@pytest.mark.parametrize("content", [bytes(range(256)) * 40, b"MZ\x90\x00" + bytes(500), b"\x7fELF" + bytes(100)])
def test_binary_files_are_refused(tmp_path: Path, content: bytes) -> None:
    assert ingest(tmp_path, content).problem.code == "not_a_table"
