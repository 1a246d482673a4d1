"""Files at rest that nobody can read without the key: what is stored, what every part of the platform still reads."""

import io
import json
import os
from pathlib import Path

import pytest

from modelyard.ciphering import (
    CHUNK,
    DecryptingReader,
    EncryptingWriter,
    KeyRing,
    Tampered,
    WrongKey,
    decrypt_file,
    encrypt_file,
    plain_size,
    sealed_size,
)
from modelyard.objects.encrypted import EncryptedStore
from modelyard.objects.faults import Damaged, Unreachable
from modelyard.objects.folder import FolderStore
from tests.keeping.conftest import fill
from tests.keeping.yards import BACKUP_KEY, Yard

FIRST, SECOND = "the-first-key-of-the-files-which-is-long", "the-second-key-of-the-files-which-is-long"
SIZES = [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK, 3 * CHUNK + 7]


def seal(text: bytes, key: str = FIRST) -> bytes:
    sealed = io.BytesIO()
    writer = EncryptingWriter(sealed, KeyRing.of(key).current)
    for start in range(0, len(text), 10_007):
        writer.write(text[start : start + 10_007])
    writer.finish()
    return sealed.getvalue()


def unseal(sealed: bytes, keys: str = FIRST) -> bytes:
    return DecryptingReader(io.BytesIO(sealed), KeyRing.of(keys)).readall()


@pytest.mark.parametrize("size", SIZES)
def test_what_was_encrypted_is_read_again_and_its_size_is_known(size: int, tmp_path: Path) -> None:
    text = os.urandom(size)
    sealed = seal(text)
    assert unseal(sealed) == text
    assert len(sealed) == sealed_size(size)
    assert plain_size(len(sealed)) == size
    source, target, back = (tmp_path / name for name in ("source", "target", "back"))
    source.write_bytes(text)
    encrypt_file(source, target, KeyRing.of(FIRST).current)
    decrypt_file(target, back, KeyRing.of(FIRST))
    assert back.read_bytes() == text
    assert target.stat().st_mode & 0o777 == back.stat().st_mode & 0o777 == 0o600


def test_it_is_read_from_anywhere() -> None:
    text = os.urandom(3 * CHUNK + 7)
    reader = io.BufferedReader(DecryptingReader(io.BytesIO(seal(text)), KeyRing.of(FIRST)))
    for start, length in ((5, 10), (CHUNK - 3, 9), (2 * CHUNK, CHUNK), (3 * CHUNK + 5, 100), (0, 4 * CHUNK)):
        reader.seek(start)
        assert reader.read(length) == text[start : start + length]


def test_the_same_text_never_looks_the_same() -> None:
    assert seal(b"text")[40:] != seal(b"text")[40:]


@pytest.mark.parametrize("size", SIZES)
def test_what_was_cut_off_or_changed_anywhere_is_refused(size: int) -> None:
    sealed = seal(os.urandom(size))
    for length in {0, 8, 31, 40, len(sealed) // 2, len(sealed) - CHUNK - 16, len(sealed) - 16, len(sealed) - 1}:
        if 0 <= length < len(sealed):
            with pytest.raises(Tampered):
                unseal(sealed[:length])
    for place in {0, 17, 33, len(sealed) // 2, len(sealed) - 1}:
        with pytest.raises((Tampered, WrongKey)):
            unseal(sealed[:place] + bytes([sealed[place] ^ 1]) + sealed[place + 1 :])
    with pytest.raises(Tampered):
        unseal(sealed + b"\\0" * 16)


def test_a_chunk_of_another_file_is_refused() -> None:
    one, other = seal(os.urandom(2 * CHUNK)), seal(os.urandom(2 * CHUNK))
    with pytest.raises(Tampered):
        unseal(one[: 32 + CHUNK + 16] + other[32 + CHUNK + 16 :])


def test_former_keys_read_and_the_first_one_writes() -> None:
    former = seal(b"text")
    assert unseal(former, f"{SECOND} {FIRST}") == b"text"
    with pytest.raises(WrongKey, match="not among"):
        unseal(former, SECOND)
    with pytest.raises(ValueError, match="at least 32"):
        KeyRing.of("short")
    assert FIRST not in repr(KeyRing.of(FIRST))


@pytest.fixture(params=["open", "encrypted"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> FolderStore | EncryptedStore:
    inner = FolderStore(tmp_path / "store")
    return inner if request.param == "open" else EncryptedStore(inner, KeyRing.of(FIRST))


def test_a_folder_keeps_objects_as_a_store_does(store: FolderStore | EncryptedStore, tmp_path: Path) -> None:
    content = os.urandom(100_000)
    (tmp_path / "file").write_bytes(content)
    store.put_file("datasets/1/a", tmp_path / "file")
    store.put_bytes("datasets/1/b", b"b")
    store.put_bytes("datasets/2/c", b"c")
    assert store.size_of("datasets/1/a") == len(content)
    assert store.size_of("datasets/1/missing") is None
    store.get_file("datasets/1/a", tmp_path / "back", len(content))
    assert (tmp_path / "back").read_bytes() == content
    assert store.get_bytes("datasets/1/b", 10) == b"b"
    assert sorted(key for key, _written in store.list_keys("datasets/")) == [
        "datasets/1/a",
        "datasets/1/b",
        "datasets/2/c",
    ]
    assert list(store.list_folders("datasets/")) == ["1", "2"]
    store.delete_below("datasets/1/", but={"datasets/1/b"})
    assert [key for key, _written in store.list_keys("")] == ["datasets/1/b", "datasets/2/c"]
    store.delete_below("datasets/1/")
    assert list(store.list_folders("datasets/")) == ["2"]


def test_a_folder_says_what_it_cannot_do(store: FolderStore | EncryptedStore, tmp_path: Path) -> None:
    with pytest.raises(Damaged, match="is missing"):
        store.get_bytes("nothing", 10)
    store.put_bytes("large", b"x" * 200_000)
    with pytest.raises(Damaged, match="larger than"):
        store.get_bytes("large", 100)
    with pytest.raises(ValueError, match="outside"):
        store.put_bytes("../outside", b"x")
    (tmp_path / "store").rename(tmp_path / "elsewhere")
    (tmp_path / "store").write_text("a file where the folder was")
    with pytest.raises(Unreachable):
        store.put_bytes("key", b"x")


def test_nothing_of_a_data_set_or_a_model_lies_open_and_everything_reads(tmp_path: Path) -> None:
    yard = Yard(tmp_path / "yard", {"MODELYARD_STORAGE_KEY": FIRST, "MODELYARD_BACKUP_KEY": BACKUP_KEY})
    full = fill(yard)
    assert json.loads(full.report)["datasets"]
    assert yard.ask("load") == "binary classification", "a predictor reads encrypted artifacts"
    stored = [path for path in yard.home.rglob("*") if path.is_file() and "database" not in path.parts]
    assert len([path for path in stored if "encrypted" in path.parts]) > 5
    for path in stored:
        content = path.read_bytes()
        for words in (b"Bonn", b"Wien", b"golden", b"keras keras"):
            assert words not in content, path
    variables = {"MODELYARD_STORAGE_KEY": SECOND, "MODELYARD_BACKUP_KEY": BACKUP_KEY}
    assert json.loads(_report_of_wrong_key(Yard(yard.home, variables), full.key)) == "damaged"
    _rotate(yard, full.key, full.report)


def _report_of_wrong_key(yard: Yard, key: str) -> str:
    done = yard.run("-c", "import django; django.setup(); from tests.keeping import acts; acts.main()", "report", key)
    return json.dumps("damaged" if done.returncode == 1 and "StorageDamaged" in done.stderr else done.stderr[-2000:])


def _rotate(yard: Yard, key: str, report: str) -> None:
    both = Yard(yard.home, {**yard.variables, "MODELYARD_STORAGE_KEY": f"{SECOND} {FIRST}"})
    assert both.ask("report", key) == report
    assert "objects were encrypted anew" in both.manage("rotate_storage_key")
    assert "0 objects were encrypted anew" in both.manage("rotate_storage_key")
    new = Yard(yard.home, {**yard.variables, "MODELYARD_STORAGE_KEY": SECOND})
    assert new.ask("report", key) == report


def test_a_backup_of_encrypted_files_is_never_plain(tmp_path: Path) -> None:
    made = fill(Yard(tmp_path / "yard", {"MODELYARD_STORAGE_KEY": FIRST}), backed_up=False)
    assert "a backup has to be too" in made.yard.refuse("backup", str(made.archive))


def test_open_files_are_brought_into_the_encrypted_store(tmp_path: Path) -> None:
    made = fill(Yard(tmp_path / "yard"), backed_up=False)
    sealed = Yard(made.yard.home, {"MODELYARD_STORAGE_KEY": FIRST})
    sealed.manage("store_files", "--from", str(made.yard.home / "storage"))
    before, after = json.loads(made.report), json.loads(sealed.ask("report", made.key))
    assert (after["datasets"], after["models"]) == (before["datasets"], before["models"])
    assert "is not set" in made.yard.refuse("rotate_storage_key")
