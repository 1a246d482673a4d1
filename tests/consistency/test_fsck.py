"""A sound installation has nothing to find; whatever is broken in one is found, in words that say what to do."""

import io
import json
import uuid
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.db import OperationalError

from modelyard import storage
from modelyard.consistency import debris, files, looking
from modelyard.consistency.debris import OWNERS
from modelyard.consistency.findings import Finding
from modelyard.consistency.looking import SUBJECTS, Report, look_at_all
from modelyard.endpoints import services as endpoints
from modelyard.keeping.filing import KINDS
from modelyard.objects.sweeping import KINDS as SWEPT
from tests.consistency import breaking
from tests.consistency.breaking import FAULTS, Act
from tests.crashes import children, world
from tests.keeping.yards import Yard, fresh_postgres
from workers import answering, attempting, reading

START = "import django; django.setup(); from tests.consistency import breaking; breaking.main()"
ONE_EACH = (
    breaking.cut_a_file,
    breaking.leave_a_folder,
    breaking.forget_a_run,
    breaking.win_by_an_older_claim,
    breaking.miscount,
    breaking.lose_an_epoch,
    breaking.make_a_key_by_hand,
    breaking.change_a_route,
)


@pytest.fixture
def installation(db: None, redis: object, tmp_path: Path, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Filled by the platform's own acts, in a storage folder of its own."""
    import dataclasses

    home = tmp_path / "home"
    settings.ENVIRONMENT = dataclasses.replace(settings.ENVIRONMENT, home=home, storage=home / "storage")
    monkeypatch.setattr(reading, "supervise", children.run_here)
    monkeypatch.setattr(answering, "supervise", children.run_here)
    monkeypatch.setattr(attempting, "Ordering", children.HereOrdering)
    monkeypatch.setattr(looking, "SETTLING_SECONDS", 0.0)
    world.fill()
    endpoints.publish_everything()


def found(report: Report) -> set[str]:
    return {finding.promise.value for finding in report.findings}


def test_nothing_is_found_where_nothing_is_wrong(installation: None) -> None:
    report = look_at_all()
    assert (report.findings, report.unseen) == ([], {})
    assert report.seen["files"] > 10
    assert report.seen["audit events"] > 5


@pytest.mark.parametrize(("act", "expected"), FAULTS.items(), ids=[act.__name__ for act in FAULTS])
def test_what_is_broken_is_found(installation: None, act: Act, expected: tuple[str, str]) -> None:
    act()
    findings = look_at_all().findings
    promise, words = expected
    assert any(finding.promise == promise and words in finding.what for finding in findings), findings
    assert all(finding.repair and finding.where for finding in findings)


def test_a_quick_look_compares_sizes_alone(installation: None) -> None:
    breaking.change_a_byte()
    assert look_at_all(quick=True).clean
    breaking.cut_a_file()
    assert found(look_at_all(quick=True)) == {"durable"}


def test_what_is_young_is_debris_only_if_nothing_is_too_young(installation: None) -> None:
    storage.run_folder(uuid.uuid4()).mkdir(parents=True)
    assert look_at_all().clean
    assert "no debris" in found(look_at_all(now=True))


def test_what_is_caught_between_two_steps_is_no_finding(installation: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """A publisher writes the route while fsck waits to look again."""
    breaking.change_a_route()
    monkeypatch.setattr(looking.time, "sleep", lambda _seconds: endpoints.publish_everything())
    assert look_at_all().clean


def test_a_row_that_goes_while_its_file_is_looked_for_is_no_finding(installation: None) -> None:
    held = next(files.list_held())
    breaking.lose_a_file()
    assert files._is_as_it_was(held.row)
    type(held.row)._default_manager.filter(pk=held.row.pk).update(size=1)
    assert not files._is_as_it_was(held.row)


def test_subjects_can_be_left_out(installation: None) -> None:
    breaking.change_a_route()
    assert look_at_all(skip=["mirrors"]).clean


def test_the_rest_is_looked_at_where_one_subject_cannot_be(installation: None, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_look: object) -> list[Finding]:
        raise OperationalError("no such table")

    monkeypatch.setattr(looking, "SUBJECTS", {**SUBJECTS, "work": (fail,)})
    breaking.cut_a_file()
    report = look_at_all()
    assert report.unseen == {"work": "the database does not answer: no such table"}
    assert found(report) == {"durable"}


def test_the_words_say_what_is_wrong_and_what_to_do(installation: None) -> None:
    breaking.lose_a_file()
    said = io.StringIO()
    with pytest.raises(SystemExit) as ended:
        call_command("fsck", stdout=said)
    assert ended.value.code == 1
    assert "! durable: data set People v1 (" in said.getvalue()
    assert "source is missing" in said.getvalue()
    assert "→ Take the file from a backup" in said.getvalue()


def test_every_kind_of_file_is_looked_at() -> None:
    assert set(OWNERS) == set(SWEPT)
    assert set(KINDS) <= set(OWNERS)
    assert debris.OWNERS is OWNERS


@pytest.mark.parametrize("database", ["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def test_the_command_ends_with_what_it_found(database: str, tmp_path: Path, redis_server: str) -> None:
    with ExitStack() as stack:
        redis_url = f"{redis_server.rsplit('/', 1)[0]}/9"
        variables = {"REDIS_URL": redis_url}
        if database == "postgres":
            variables["DATABASE_URL"] = stack.enter_context(fresh_postgres())
        yard = Yard(tmp_path / "home", variables)
        (yard.home / "database").mkdir(parents=True)
        unready = yard.run("manage.py", "fsck", "--json")
        assert (unready.returncode, json.loads(unready.stdout)["findings"]) == (2, []), unready.stderr
        play(yard, "fill")

        clean = yard.run("manage.py", "fsck", "--json")
        assert (clean.returncode, json.loads(clean.stdout)["clean"]) == (0, True), clean.stdout + clean.stderr

        yard.variables["REDIS_URL"] = "redis://127.0.0.1:1/0"
        blind = yard.run("manage.py", "fsck")
        assert (blind.returncode, "? mirrors: could not be looked at" in blind.stdout) == (2, True), blind.stderr

        yard.variables["REDIS_URL"] = redis_url
        play(yard, *(act.__name__ for act in ONE_EACH))
        broken = yard.run("manage.py", "fsck", "--json")
        told = json.loads(broken.stdout)
        assert broken.returncode == 1
        assert {finding["promise"] for finding in told["findings"]} == {FAULTS[act][0] for act in ONE_EACH}


def play(yard: Yard, *acts: str) -> None:
    done = yard.run("-c", START, *acts)
    assert done.returncode == 0, done.stderr
