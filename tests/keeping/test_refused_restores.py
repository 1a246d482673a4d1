"""What is not restored, with nothing changed: archives that are damaged, tampered with or too new, homes in use."""

import dataclasses
import io
import json
import os
import random
import signal
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from modelyard.ciphering import KeyRing
from modelyard.keeping import archive as archives
from modelyard.keeping.archive import BadArchive, Manifest, reading, writing
from tests.keeping.conftest import Full
from tests.keeping.yards import BACKUP_KEY, Yard

KEYS = {"plain": KeyRing(), "encrypted": KeyRing.of(BACKUP_KEY)}


@pytest.fixture(params=["plain", "encrypted"])
def small(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Path, KeyRing]:
    """An archive of a few files, and its keys."""
    keys = KEYS[request.param]
    path = tmp_path / "small.backup"
    with writing(path, keys) as archive:
        for number in range(5):
            archive.add_bytes(f"storage/datasets/{number}", os.urandom(30_000))
        archive.finish(Manifest(version="0", made_at="", vendor="sqlite", migrations=[], members=dict(archive.members)))
    return path, keys


def read_all(path: Path, keys: KeyRing) -> None:
    with reading(path, keys) as archive:
        for name in archive.manifest.members:
            archive.read(name)


def test_a_whole_archive_is_read(small: tuple[Path, KeyRing]) -> None:
    read_all(*small)


def test_whatever_bit_is_flipped_is_noticed(small: tuple[Path, KeyRing]) -> None:
    path, keys = small
    content = path.read_bytes()
    chosen = random.Random(7)
    for place in (chosen.randrange(len(content)) for _try in range(150)):
        path.write_bytes(content[:place] + bytes([content[place] ^ (1 << chosen.randrange(8))]) + content[place + 1 :])
        with pytest.raises(BadArchive):
            read_all(path, keys)


def test_wherever_it_is_cut_off_is_noticed(small: tuple[Path, KeyRing]) -> None:
    path, keys = small
    content = path.read_bytes()
    chosen = random.Random(11)
    for length in [0, 1, 20, 512, len(content) - 16, *(chosen.randrange(len(content) - 9_000) for _try in range(60))]:
        path.write_bytes(content[:length])
        with pytest.raises(BadArchive):
            read_all(path, keys)


def test_what_is_added_is_noticed(small: tuple[Path, KeyRing]) -> None:
    path, keys = small
    path.write_bytes(path.read_bytes() + b"more")
    with pytest.raises(BadArchive):
        read_all(path, keys)


def test_chunks_that_were_swapped_are_noticed(small: tuple[Path, KeyRing]) -> None:
    path, keys = small
    content = path.read_bytes()
    step = 64 * 1024 + 16
    path.write_bytes(
        content[:32] + content[32 + step : 32 + 2 * step] + content[32 : 32 + step] + content[32 + 2 * step :]
    )
    with pytest.raises(BadArchive):
        read_all(path, keys)


def test_an_archive_with_the_right_checksum_and_a_wrong_file_is_refused(full: Full, tmp_path: Path) -> None:
    """Somebody who rewrites a plain archive with care is still held to its manifest."""
    path = tmp_path / "rewritten.backup"
    with writing(path, KeyRing()) as archive:
        archive.add_bytes("storage/datasets/1", b"changed")
        members = {**archive.members, "storage/datasets/1": archives.Member(7, "0" * 64)}
        archive.finish(Manifest(version="0", made_at="", vendor="sqlite", migrations=[], members=members))
    with pytest.raises(BadArchive, match="not what was put there"):
        read_all(path, KeyRing())


@pytest.mark.parametrize("name", ["../outside", "/etc/cron.d/outside", "storage/../../outside"])
def test_a_name_that_leads_outside_is_refused(name: str, tmp_path: Path) -> None:
    path = tmp_path / "outside.backup"
    with writing(path, KeyRing()) as archive:
        archive.add_bytes(name, b"x")
        archive.finish(Manifest(version="0", made_at="", vendor="sqlite", migrations=[], members=dict(archive.members)))
    with pytest.raises(BadArchive, match="no backup holds"):
        read_all(path, KeyRing())


def test_a_tar_of_something_else_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.tar"
    with tarfile.open(path, "w") as tar:
        tar.addfile(tarfile.TarInfo("readme"), io.BytesIO())
    with pytest.raises(BadArchive, match="no backup of Modelyard"):
        read_all(path, KeyRing())


def test_a_wrong_key_and_a_missing_key_are_told(full: Full, tmp_path: Path) -> None:
    wrong = Yard(tmp_path / "wrong", {"MODELYARD_BACKUP_KEY": "another-key-that-is-long-enough-to-be-one"})
    assert "which is not among those that are set" in wrong.refuse("restore", str(full.archive))
    missing = Yard(tmp_path / "missing")
    assert "set MODELYARD_BACKUP_KEY_FILE to its key" in missing.refuse("restore", str(full.archive))
    assert wrong.files() == missing.files() == set()


def test_a_damaged_archive_changes_nothing(copied: Path, empty: Yard) -> None:
    content = copied.read_bytes()
    copied.write_bytes(content[: len(content) // 2])
    assert "damaged or was tampered with" in empty.refuse("restore", str(copied))
    assert empty.files() == set()


def test_a_home_in_use_is_not_touched(full: Full) -> None:
    before = full.yard.files()
    assert "is in use" in full.yard.refuse("restore", str(full.archive))
    assert full.yard.files() == before
    assert full.yard.ask("report", full.key) == full.report


def test_files_without_a_database_are_not_touched_either(full: Full, empty: Yard) -> None:
    stray = empty.home / "storage" / "datasets" / "somebodys" / "source"
    stray.parent.mkdir(parents=True)
    stray.write_text("precious")
    assert "holds files already" in empty.refuse("restore", str(full.archive))
    assert empty.files() == {"storage/datasets/somebodys/source"}


def test_an_archive_of_a_newer_release_is_refused(full: Full, empty: Yard, tmp_path: Path) -> None:
    newer = tmp_path / "newer.backup"
    rewrite(full.archive, newer, version="99.0", migrations=["accounts.0001_initial", "accounts.9999_from_tomorrow"])
    said = empty.refuse("restore", str(newer))
    assert "release 99.0, which is newer" in said
    assert "accounts.9999_from_tomorrow" in said
    assert empty.files() == set()


def test_an_archive_of_the_other_database_is_refused(full: Full, empty: Yard, tmp_path: Path) -> None:
    other = tmp_path / "other.backup"
    rewrite(full.archive, other, vendor="postgresql")
    assert "DATABASE_URL names one of sqlite" in empty.refuse("restore", str(other))


def test_secrets_that_are_set_and_differ_are_told(full: Full, empty: Yard) -> None:
    empty.variables["MODELYARD_KEY_PEPPER"] = "p" * 40
    assert "MODELYARD_KEY_PEPPER is not the one of the backup" in empty.refuse("restore", str(full.archive))
    assert empty.files() == set()


PAUSED = """
import os, signal, django
django.setup()
from modelyard.keeping import secrets
secrets.write_secrets = lambda chosen: os.kill(os.getpid(), signal.SIGKILL)
from django.core.management import call_command
import sys
call_command("restore", sys.argv[1])
"""


def test_a_restore_that_was_killed_half_way_leaves_nothing_that_starts_and_can_be_repeated(
    full: Full, empty: Yard
) -> None:
    killed = subprocess.run(
        [sys.executable, "-c", PAUSED, str(full.archive)], env=empty.environment, cwd=Path.cwd(), check=False
    )
    assert killed.returncode == -signal.SIGKILL
    assert any(name.startswith("storage/") for name in empty.files())
    assert not (empty.home / "database" / "modelyard.sqlite3").exists()
    assert "restore is under way or was cut off" in empty.refuse("prepare")
    empty.manage("restore", str(full.archive))
    assert json.loads(empty.ask("report", full.key))["models"] == json.loads(full.report)["models"]
    assert not [name for name in empty.files() if "restoring" in name]


def rewrite(source: Path, target: Path, **changes: object) -> None:
    """Write an archive again, with another manifest."""
    with reading(source, KEYS["encrypted"]) as former, writing(target, KEYS["encrypted"]) as archive:
        for name in former.manifest.members:
            if name != archives.FIRST:
                archive.add_bytes(name, former.read(name))
        archive.finish(dataclasses.replace(former.manifest, members=dict(archive.members), **changes))  # type: ignore[arg-type]
