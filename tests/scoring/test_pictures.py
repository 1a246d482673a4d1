"""A zip of images is answered file by file; what is no image says so."""

import gzip
import io
import zipfile

import pytest

from tests.scoring.conftest import Desk, DeskFor
from tests.serving import artifacts
from workers.ingesting.findings import Rejected


def zipped(**files: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in files.items():
            archive.writestr(name.replace("__", "/").replace("_", "."), content)
    return buffer.getvalue()


def test_every_file_is_a_row(desk_for: DeskFor) -> None:
    desk = desk_for(artifacts.write_image_classifier)
    content = zipped(a_png=artifacts.draw_image(230), b__c_png=artifacts.draw_image(10), notes_txt=b"no image")
    answered = desk.answer(content)
    rows = answered.cells()
    assert [row["file"] for row in rows] == ["a.png", "b/c.png", "notes.txt"]
    assert [row["predicted_label"] for row in rows] == ["light", "dark", ""]
    assert "image" in rows[2]["prediction_error"]
    assert answered.survey.came == "zip"


def test_a_model_of_tables_takes_no_zip(desk: Desk) -> None:
    with pytest.raises(Rejected) as caught:
        desk.answer(zipped(a_csv=b"age,city\n41,Wien\n"))
    assert caught.value.problem.code == "not_a_table"


def test_a_gzipped_table_is_a_table(desk: Desk) -> None:
    answered = desk.answer(gzip.compress(b"age,city\n41,Wien\n"))
    assert answered.tally.rows == 1
    assert answered.survey.format == "csv"


def test_a_gzip_bomb_is_refused(desk: Desk) -> None:
    with pytest.raises(Rejected) as caught:
        desk.answer(gzip.compress(b"age,city\n" + b"41,Wien\n" * 10_000_000))
    assert caught.value.problem.code == "bomb"
