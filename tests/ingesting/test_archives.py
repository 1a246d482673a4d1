"""Zips and gzips of strangers: nothing leaves the folder, nothing unpacks without end."""

import gzip
import io
import stat
import struct
import tarfile
import zipfile
from pathlib import Path

import pytest

from tests.ingesting.samples import class_folders, ingest, picture, table, zipped
from workers.ingesting import limits
from workers.ingesting.archives import open_archive
from workers.ingesting.findings import Findings, Rejected

OUTSIDE = [
    "../../outside.png",
    "cat/../../../outside.png",
    "..\\..\\outside.png",
    "C:\\outside.png",
    "/tmp/outside.png",
]


@pytest.mark.parametrize("name", OUTSIDE)
def test_paths_that_lead_out_of_the_archive_are_skipped_and_named(tmp_path: Path, name: str) -> None:
    before = set(tmp_path.parent.iterdir())
    outcome = ingest(tmp_path, zipped({**class_folders(), name: picture(9)}))
    assert outcome.profile.rows == 16
    assert outcome.skipped == [name.replace("\\", "/")]
    assert set(tmp_path.parent.iterdir()) == before
    assert {path.name for path in outcome.folder.iterdir()} == {
        "source",
        "request.json",
        "profile.json",
        "images.json",
        "images",
        "preview",
    }


@pytest.mark.parametrize("mode", [stat.S_IFLNK | 0o777, stat.S_IFIFO | 0o644, stat.S_IFCHR | 0o600])
def test_links_and_special_files_are_refused(tmp_path: Path, mode: int) -> None:
    entries = {**class_folders(), "cat/passwd.png": b"/etc/passwd"}
    outcome = ingest(tmp_path, zipped(entries, modes={"cat/passwd.png": mode}))
    assert outcome.skipped == ["cat/passwd.png"]


def test_modes_are_not_honoured(tmp_path: Path) -> None:
    outcome = ingest(tmp_path, zipped(class_folders(), modes={"cat/0.png": stat.S_IFREG | stat.S_ISUID | 0o777}))
    written = outcome.folder / "images" / outcome.images[0]["file"]
    assert not written.stat().st_mode & (stat.S_ISUID | stat.S_IXUSR)


def test_junk_of_file_managers_is_ignored_silently(tmp_path: Path) -> None:
    junk = {"__MACOSX/cat/._0.png": b"x", ".DS_Store": b"x", "cat/Thumbs.db": b"x", "dog/desktop.ini": b"x"}
    outcome = ingest(tmp_path, zipped({**class_folders(), **junk}))
    assert outcome.profile.rows == 16
    assert outcome.profile.warnings == ()


def test_archives_inside_are_not_opened(tmp_path: Path) -> None:
    outcome = ingest(tmp_path, zipped({**class_folders(), "inner.zip": zipped(class_folders())}))
    assert outcome.skipped == ["inner.zip"]
    assert ingest(tmp_path, zipped({"0.zip": zipped({}), "1.zip": zipped({})})).problem.code == "nested_archive"


def test_encrypted_zips_are_refused(tmp_path: Path) -> None:
    content = bytearray(zipped(class_folders()))
    for mark, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        position = content.find(mark)
        while position >= 0:
            content[position + offset] |= 1
            position = content.find(mark, position + 4)
    problem = ingest(tmp_path, bytes(content)).problem
    assert problem.code == "encrypted_zip"
    assert "Encrypted zips are not supported" in problem.message


def test_a_zip_that_unpacks_to_far_more_is_refused_by_its_directory(tmp_path: Path) -> None:
    entries = {"cat/0.png": bytes(limits.RATIO_FREE_BYTES + 1), "dog/0.png": b""}
    assert ingest(tmp_path, zipped(entries)).problem.code == "bomb"


def test_sizes_that_lie_do_not_help(tmp_path: Path) -> None:
    content = bytearray(zipped({**class_folders(), "cat/lie.png": bytes(30_000_000)}))
    position = content.rfind(b"PK\x01\x02")
    struct.pack_into("<L", content, position + 24, 10)
    outcome = ingest(tmp_path, bytes(content))
    assert outcome.skipped == ["cat/lie.png"]
    assert outcome.profile.details["skipped"][0]["reason"] == "damaged in the archive"


def test_what_really_comes_out_is_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.zip").write_bytes(zipped({"cat/0.png": bytes(1000), "cat/1.png": bytes(1000)}))
    archive = open_archive(tmp_path / "a.zip", Findings())
    monkeypatch.setattr(limits, "MAXIMUM_UNPACKED_BYTES", 1500)
    assert len(archive.read(archive.entries[0], 2000)) == 1000
    with pytest.raises(Rejected, match="unpacks to more"):
        archive.read(archive.entries[1], 2000)


def test_a_directory_that_claims_too_much_is_refused_before_it_is_read(tmp_path: Path) -> None:
    content = bytearray(zipped(class_folders()))
    struct.pack_into("<HH", content, content.rfind(b"PK\x05\x06") + 8, 60_000, 60_000)
    assert ingest(tmp_path, bytes(content)).problem.code == "too_many_entries"


def test_too_many_entries_are_refused(tmp_path: Path) -> None:
    assert ingest(tmp_path, zipped({f"cat/{n}.png": b"" for n in range(limits.MAXIMUM_ENTRIES + 1)})).problem.code == (
        "too_many_entries"
    )


def test_a_zip_that_is_cut_off_is_refused(tmp_path: Path) -> None:
    whole = zipped(class_folders())
    assert ingest(tmp_path, whole[: len(whole) // 2]).problem.code == "damaged"


def test_an_empty_zip_is_refused(tmp_path: Path) -> None:
    assert ingest(tmp_path, zipped({})).problem.code == "empty_file"


def test_the_last_of_two_entries_with_one_name_counts(tmp_path: Path) -> None:
    output = io.BytesIO(zipped(class_folders()))
    with pytest.warns(UserWarning, match="Duplicate"), zipfile.ZipFile(output, "a") as archive:
        archive.writestr("cat/0.png", picture(250, size=(5, 5)))
    outcome = ingest(tmp_path, output.getvalue())
    assert outcome.profile.rows == 16
    assert outcome.images[0]["width"] == 5
    assert "cat/0.png" in outcome.warning("repeated_entries").message


def test_a_table_in_a_zip_is_read(tmp_path: Path) -> None:
    outcome = ingest(tmp_path, zipped({"data/table.csv": table(40).encode(), "readme.txt": b"hello"}))
    assert outcome.profile.kind == "table"
    assert outcome.profile.rows == 40


def test_two_tables_in_a_zip_are_one_too_many(tmp_path: Path) -> None:
    problem = ingest(tmp_path, zipped({"a.csv": table().encode(), "b.csv": table().encode()})).problem
    assert problem.code == "several_tables"
    assert "“a.csv”, “b.csv”" in problem.message


def test_a_gzipped_table_is_read(tmp_path: Path) -> None:
    outcome = ingest(tmp_path, gzip.compress(table(40).encode()))
    assert outcome.profile.rows == 40
    assert not list(outcome.folder.glob("*.partial"))


def test_a_gzip_bomb_is_refused(tmp_path: Path) -> None:
    outcome = ingest(tmp_path, gzip.compress(b"0," * 20_000_000))
    assert outcome.problem.code == "bomb"
    assert not list(outcome.folder.glob("*.partial"))


def test_a_damaged_gzip_is_refused(tmp_path: Path) -> None:
    assert ingest(tmp_path, gzip.compress(table(400).encode())[:-20]).problem.code == "damaged"


def test_tar_archives_are_refused_unopened(tmp_path: Path) -> None:
    output = io.BytesIO()
    with tarfile.open(fileobj=output, mode="w:gz") as archive:
        info = tarfile.TarInfo("../../outside")
        info.size = 1
        archive.addfile(info, io.BytesIO(b"x"))
    assert ingest(tmp_path, output.getvalue()).problem.code == "unsupported_archive"


@pytest.mark.parametrize(
    "content",
    [
        b"\x89HDF\r\n\x1a\n" + bytes(100),
        b"\x80\x04\x95" + b"cos\nsystem\n",
        b"\x93NUMPY\x01\x00" + bytes(100),
        zipped({"config.json": b"{}", "metadata.json": b"{}", "model.weights.h5": b"\x89HDF"}),
    ],
)
def test_models_are_never_taken(tmp_path: Path, content: bytes) -> None:
    assert ingest(tmp_path, content).problem.code == "model_file"
