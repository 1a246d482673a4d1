"""One command saves everything, while others write; one command brings it back on an empty machine."""

import json
import subprocess
import sys
from pathlib import Path

from tests.keeping.conftest import Full, Place, fill
from tests.keeping.yards import SECRETS, START, Yard


def test_everything_comes_back_on_an_empty_machine(place: Place) -> None:
    former = fill(place("former"))
    later = place("later")
    said = later.manage("restore", str(former.archive))
    assert "1 API keys work again" in said
    before, after = json.loads(former.report), json.loads(later.ask("go_on", former.key))
    assert before["datasets"]
    assert before["models"]
    same = ("key", "password", "datasets", "models", "endpoints", "seals", "wrong books")
    assert {name: after[name] for name in same} == {name: before[name] for name in same}
    assert after["busy"] == ["queued", before["busy"][1] + 1, 0, ""], "what was running begins again, with a new fence"
    assert (before["uploads"], after["uploads"]) == (1, 0), "an unfinished upload begins anew"


def test_a_backup_taken_while_others_write_holds_what_was_there_and_is_whole(place: Place) -> None:
    made = fill(place("former"), backed_up=False)
    former, later, archive = made.yard, place("later"), made.archive
    command = [sys.executable, "-c", START, "write_on", "1000"]
    writer = subprocess.Popen(command, env=former.environment, cwd=Path.cwd(), stdout=subprocess.PIPE, text=True)
    try:
        assert writer.stdout is not None
        first = int(writer.stdout.readline())
        former.manage("backup", str(archive))
        last = int(writer.stdout.readline())
    finally:
        writer.kill()
        writer.communicate()
    later.manage("restore", str(archive))
    after = json.loads(later.ask("report", made.key))
    assert after["wrong books"] == 0
    names = set(after["datasets"])
    assert {"People", f"More {first}"} <= names, "what was acknowledged before the backup began is in it"
    assert len(set(after["datasets"].values())) == 1, "and every row has its file"
    assert last > first, "nobody had to wait for the backup"


def test_a_backup_without_a_key_holds_no_secret_and_is_restored_beside_them(full: Full, tmp_path: Path) -> None:
    plain = Yard(full.yard.home)
    archive = tmp_path / "plain.backup"
    assert "secrets are not in it" in plain.manage("backup", str(archive))
    assert archive.stat().st_mode & 0o777 == 0o600
    content = archive.read_bytes()
    for name in SECRETS:
        assert (full.yard.home / "secrets" / name).read_bytes() not in content
    later = Yard(tmp_path / "later")
    assert "put the former ones into" in later.refuse("restore", str(archive))
    for name in SECRETS:
        (later.home / "secrets" / name).write_bytes((full.yard.home / "secrets" / name).read_bytes())
    later.manage("restore", str(archive))
    assert json.loads(later.ask("report", full.key))["key"]


def test_an_encrypted_backup_shows_nothing(full: Full) -> None:
    content = full.archive.read_bytes()
    for words in (b"alice@example.com", b"SQLite format", b"Bonn", b"manifest.json"):
        assert words not in content


def test_a_backup_never_overwrites(full: Full) -> None:
    before = full.archive.read_bytes()
    assert "is there already" in full.yard.refuse("backup", str(full.archive))
    assert full.archive.read_bytes() == before


def test_a_backup_says_which_files_were_lost_and_saves_the_rest(tmp_path: Path) -> None:
    made = fill(Yard(tmp_path / "yard"), backed_up=False)
    said = made.yard.ask("lose", str(made.archive))
    assert "1 folders that rows refer to are missing or damaged: artifacts/" in said
    assert made.archive.exists()


def test_keys_can_be_ended_with_the_restore(full: Full, empty: Yard) -> None:
    empty.manage("restore", str(full.archive), "--revoke-keys")
    assert not json.loads(empty.ask("report", full.key))["key"]
