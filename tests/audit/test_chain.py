"""Every way to tamper with the audit log, and what the verification says of it."""

from collections.abc import Callable
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from modelyard.accounts.audit.checking import last_check, verify_a_little
from modelyard.accounts.audit.guarding import lifted
from modelyard.accounts.audit.marking import draw_mark
from modelyard.accounts.audit.pinning import Pin, pin_path, read_pin
from modelyard.accounts.audit.sealing import BATCH, head, seal_events
from modelyard.accounts.audit.verifying import Verification
from modelyard.accounts.models import AuditCheck, AuditEvent, AuditSeal, User, Workspace
from modelyard.accounts.services import record

EVENTS = 12
MIDDLE = 6


@pytest.fixture
def log(alice: User, workspace: Workspace) -> list[AuditEvent]:
    """Twelve events that are sealed."""
    for number in range(EVENTS):
        record("dataset.create", f"set-{number}", by=alice, workspace=workspace, rows=1.0, share=0.25, name="数据 é")
    seal_events()
    return list(AuditEvent.objects.order_by("pk"))


def verify(*heads: str) -> str:
    out = StringIO()
    call_command("audit_verify", *(f"--head={one}" for one in heads), stdout=out)
    return out.getvalue()


def fault() -> str:
    with pytest.raises(CommandError) as caught:
        verify()
    return str(caught.value)


def test_an_honest_log_is_as_it_was_written(log: list[AuditEvent]) -> None:
    said = verify()
    assert f"{EVENTS} events are as they were written; 0 wait" in said
    assert f"Head: {head()}" in said
    assert read_pin() == head()


def test_new_events_wait_for_their_place_and_are_no_fault(log: list[AuditEvent]) -> None:
    record("dataset.create", "one more", by=None, workspace=None)
    assert f"{EVENTS} events are as they were written; 1 wait" in verify()
    assert seal_events() == 1
    assert seal_events() == 0
    assert f"{EVENTS + 1} events are as they were written; 0 wait" in verify()


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("action", "dataset.delete"),
        ("subject", "set-0"),
        ("details", {"rows": 2, "share": 0.25, "name": "数据 é"}),
        ("address", "10.0.0.1"),
        ("key", "abcdefgh"),
        ("actor_id", None),
        ("workspace_id", None),
        ("at", timezone.now() - timedelta(days=3)),
        ("mark", "0" * 80),
    ],
)
def test_a_change_of_any_column_is_found(log: list[AuditEvent], column: str, value: Any) -> None:
    with lifted():
        AuditEvent.objects.filter(pk=log[MIDDLE].pk).update(**{column: value})
    said = fault()
    assert f"event {log[MIDDLE].pk} " in said
    assert "was changed" in said
    assert f"{MIDDLE} events before it are good" in said


@pytest.mark.skipif(connection.vendor != "sqlite", reason="PostgreSQL knows the types of its columns")
@pytest.mark.parametrize("column", ["at", "actor_id", "address", "subject", "mark"])
def test_what_cannot_even_be_read_is_found_and_hides_nothing(log: list[AuditEvent], column: str) -> None:
    with lifted(), connection.cursor() as cursor:
        cursor.execute(f"UPDATE accounts_auditevent SET {column} = %s WHERE id = %s", [b"\xff{", log[MIDDLE].pk])
    said = fault()
    assert f"event {log[MIDDLE].pk} " in said
    assert "was changed" in said
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO accounts_auditevent (at, action, subject, details, key, mark, actor_id) "
            "VALUES ('nonsense', '', '', '{}', '', 'x', 'nobody')"
        )
    record("run.request", "honest", by=None, workspace=None)
    assert seal_events() == 1


def swap_contents(log: list[AuditEvent]) -> None:
    one, other = log[MIDDLE], log[MIDDLE + 1]
    AuditEvent.objects.filter(pk=one.pk).update(mark="")
    columns = ("at", "subject", "details", "mark")
    AuditEvent.objects.filter(pk=other.pk).update(**{name: getattr(one, name) for name in columns})
    AuditEvent.objects.filter(pk=one.pk).update(**{name: getattr(other, name) for name in columns})


def swap_places(log: list[AuditEvent]) -> None:
    AuditSeal.objects.filter(seq=MIDDLE + 1).update(event=0)
    AuditSeal.objects.filter(seq=MIDDLE + 2).update(event=log[MIDDLE].pk)
    AuditSeal.objects.filter(seq=MIDDLE + 1).update(event=log[MIDDLE + 1].pk)


def close_the_gap(log: list[AuditEvent]) -> None:
    """Remove an event and its place, and move the others up."""
    AuditEvent.objects.filter(pk=log[MIDDLE].pk).delete()
    AuditSeal.objects.filter(seq=MIDDLE + 1).delete()
    for seq in range(MIDDLE + 2, EVENTS + 1):
        AuditSeal.objects.filter(seq=seq).update(seq=seq - 1)


def forge_a_place(log: list[AuditEvent]) -> None:
    AuditSeal.objects.filter(seq=MIDDLE + 1).update(hash="0" * 64)


@pytest.mark.parametrize(
    ("tamper", "words"),
    [
        (lambda log: AuditEvent.objects.filter(pk=log[MIDDLE].pk).delete(), "was removed: the chain has it at place 7"),
        (lambda log: AuditSeal.objects.filter(seq=MIDDLE + 1).delete(), "place 7 of the chain was removed"),
        (lambda log: AuditSeal.objects.filter(seq=1).delete(), "place 1 of the chain was removed"),
        (swap_contents, "put in another's place"),
        (swap_places, "put in another's place"),
        (close_the_gap, "put in another's place"),
        (forge_a_place, "put in another's place"),
    ],
)
def test_what_was_removed_or_moved_is_found(
    log: list[AuditEvent], tamper: Callable[[list[AuditEvent]], object], words: str
) -> None:
    with lifted():
        tamper(log)
    assert words in fault()


def test_an_end_that_was_cut_off_is_found_and_its_pin_outlives_new_events(log: list[AuditEvent]) -> None:
    with lifted():
        AuditSeal.objects.filter(seq__gt=EVENTS - 2).delete()
        AuditEvent.objects.filter(pk__in=[event.pk for event in log[-2:]]).delete()
    assert f"the end was cut off: the chain ends at place {EVENTS - 2}" in fault()
    for number in range(5):
        record("dataset.create", f"later-{number}", by=None, workspace=None)
    assert seal_events() == 5
    assert read_pin() != head()
    assert "the chain was replaced" in fault()


def test_a_pin_is_not_moved_by_a_link_that_only_looks_like_it(log: list[AuditEvent]) -> None:
    """Somebody cuts off the end, lets the log grow again, and writes the pinned hash where it is looked for."""
    pinned = read_pin()
    assert pinned is not None
    with lifted():
        AuditSeal.objects.filter(seq__gt=EVENTS - 2).delete()
        AuditEvent.objects.filter(pk__in=[event.pk for event in log[-2:]]).delete()
    for number in range(2):
        record("dataset.create", f"later-{number}", by=None, workspace=None)
    seal_events()
    honest = AuditSeal.objects.get(seq=EVENTS).hash
    record("dataset.create", "one more", by=None, workspace=None)
    seal_events()
    with lifted():
        AuditSeal.objects.filter(seq=EVENTS).update(hash=pinned.hash)
    seal_events()
    with lifted():
        AuditSeal.objects.filter(seq=EVENTS).update(hash=honest)
    assert read_pin() == pinned
    assert "the chain was replaced" in fault()


def test_a_pin_from_before_retention_moves_on(log: list[AuditEvent]) -> None:
    old = pin_path().read_text()
    for number in range(3):
        record("dataset.create", f"later-{number}", by=None, workspace=None)
    call_command("audit_trim", before="2100-01-01", stdout=StringIO())
    pin_path().write_text(old)
    verify()
    seal_events()
    assert read_pin() == head()


def test_everything_removed_is_found(log: list[AuditEvent]) -> None:
    with lifted():
        AuditSeal.objects.all().delete()
        AuditEvent.objects.all().delete()
    assert "the chain ends at place 0" in fault()


def test_a_head_that_was_printed_finds_a_cut_without_the_file(log: list[AuditEvent]) -> None:
    printed = str(head())
    pin_path().unlink()
    with lifted():
        AuditSeal.objects.filter(seq=EVENTS).delete()
        AuditEvent.objects.filter(pk=log[-1].pk).delete()
    assert "only --head can tell" in verify()
    with pytest.raises(CommandError, match="the end was cut off"):
        verify(printed)


def test_an_event_written_by_hand_gets_no_place_and_is_found(log: list[AuditEvent]) -> None:
    forged = AuditEvent.objects.create(action="dataset.delete", subject="set-3", actor=log[0].actor, mark="f" * 80)
    record("dataset.create", "honest", by=None, workspace=None)
    assert seal_events() == 1
    assert f"event {forged.pk} " in fault()


def test_a_mark_does_not_fit_another_event(log: list[AuditEvent]) -> None:
    copy = AuditEvent(action="dataset.delete", subject="set-3", mark=log[0].mark)
    with pytest.raises(DatabaseError), transaction.atomic():
        copy.save(force_insert=True)


def test_a_mark_needs_the_key(log: list[AuditEvent], settings: Any) -> None:
    import dataclasses

    honest = settings.ENVIRONMENT
    settings.ENVIRONMENT = dataclasses.replace(honest, audit_key="another key that is long enough to be one")
    event = AuditEvent(action="dataset.delete", subject="set-3")
    event.mark = draw_mark(event)
    event.save(force_insert=True)
    settings.ENVIRONMENT = honest
    assert "MODELYARD_AUDIT_KEY" in fault()


@pytest.mark.parametrize("model", [AuditEvent, AuditSeal])
def test_the_database_refuses_changes(log: list[AuditEvent], model: Any) -> None:
    column = "subject" if model is AuditEvent else "hash"
    with pytest.raises(DatabaseError, match="only ever added to"), transaction.atomic():
        model.objects.update(**{column: "other"})
    with pytest.raises(DatabaseError, match="only ever added to"), transaction.atomic():
        model.objects.all().delete()
    verify()


def test_the_guard_is_back_after_it_was_lifted(log: list[AuditEvent]) -> None:
    with lifted():
        pass
    with pytest.raises(DatabaseError, match="only ever added to"), transaction.atomic():
        AuditEvent.objects.all().delete()


def test_people_and_workspaces_go_and_their_events_stay(log: list[AuditEvent], alice: User) -> None:
    gone = alice.pk
    Workspace.objects.all().delete()
    alice.delete()
    assert AuditEvent.objects.filter(actor_id=gone).count() == EVENTS
    assert AuditEvent.objects.select_related("actor")[0].actor is None
    verify()


def test_events_that_a_transaction_takes_back_leave_no_gap(log: list[AuditEvent]) -> None:
    with transaction.atomic():
        record("dataset.create", "taken back", by=None, workspace=None)
        transaction.set_rollback(True)
    record("dataset.create", "kept", by=None, workspace=None)
    assert seal_events() == 1
    assert f"{EVENTS + 1} events are as they were written" in verify()


def test_retention_lets_go_of_the_beginning_and_the_chain_goes_on(log: list[AuditEvent]) -> None:
    days = AuditEvent.objects.count()
    assert days == EVENTS
    tomorrow = (timezone.now() + timedelta(days=2)).strftime("%Y-%m-%d")
    call_command("audit_trim", before=tomorrow, stdout=StringIO())
    left = AuditEvent.objects.order_by("pk")
    assert [event.action for event in left] == ["dataset.create", "audit.trim"]
    assert "2 events are as they were written" in verify()
    with lifted():
        AuditSeal.objects.filter(event=left[0].pk).delete()
        AuditEvent.objects.filter(pk=left[0].pk).delete()
    assert "was removed" in fault()


def test_retention_keeps_what_is_young_enough(log: list[AuditEvent]) -> None:
    call_command("audit_trim", before="2020-01-01", stdout=StringIO())
    assert AuditEvent.objects.count() == EVENTS


def test_retention_does_not_cover_up_tampering(log: list[AuditEvent]) -> None:
    with lifted():
        AuditEvent.objects.filter(pk=log[0].pk).update(subject="other")
    with pytest.raises(CommandError, match="nothing was removed"):
        call_command("audit_trim", before="2100-01-01", stdout=StringIO())


@pytest.mark.parametrize("text", ["", "7", "7:abc", "x" * 70])
def test_a_head_that_is_none_is_refused(db: None, text: str) -> None:
    with pytest.raises(CommandError, match="SEQ:HASH"):
        verify(text)


def test_a_long_log_is_verified_in_steps_by_the_clock(db: None, alice: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("modelyard.accounts.audit.checking.STEPS", 1)
    for number in range(BATCH + 5):
        record("dataset.create", f"set-{number}", by=alice, workspace=None)
    seal_events()
    calls = 1
    while (check := verify_a_little()) is None:
        calls += 1
        assert calls < 10
    assert calls == 3
    assert (check.events, check.fault) == (BATCH + 5, "")
    assert last_check() == check
    assert verify_a_little() is None


def test_a_verification_that_nobody_signed_is_none(log: list[AuditEvent]) -> None:
    verify()
    assert last_check() is not None
    AuditCheck.objects.update(at=timezone.now() + timedelta(hours=1))
    assert last_check() is None


def test_retention_during_a_verification_is_no_fault(log: list[AuditEvent]) -> None:
    walk = Verification([read_pin() or Pin(0, "")])
    call_command("audit_trim", before="2100-01-01", stdout=StringIO())
    assert walk.run().fault == ""
