"""People are told once a month that a limit is nearly or wholly used up: on pages, and by real mail."""

import smtplib
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.message import Message
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Message as MessageHandler
from django.core import mail
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from modelyard.accounts.models import User, Workspace
from modelyard.quotas import services, warning
from modelyard.quotas.models import QuotaWarning
from modelyard.quotas.warning import tell_warnings
from tests.conftest import free_port
from tests.quotas.processes import Track

NOW = datetime(2030, 3, 15, 12, tzinfo=UTC)
"""Later than the month in which limits were set, since a month takes over the limits of the one before."""
NEXT_MONTH = NOW + timedelta(days=31)
REFUSED = "refused@example.com"


class Letterbox(MessageHandler):
    """Keeps what comes; one address is refused."""

    def __init__(self) -> None:
        super().__init__()
        self.letters: list[Message] = []

    def handle_message(self, message: Message) -> None:
        self.letters.append(message)

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:
        if address == REFUSED:
            return "550 no such mailbox"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    def told(self) -> Counter[tuple[str, str]]:
        return Counter((str(letter["To"]), str(letter["Subject"])) for letter in self.letters)


@pytest.fixture
def letterbox() -> Iterator[tuple[Letterbox, int]]:
    """A real mail server of its own, and its port."""
    box, port = Letterbox(), free_port()
    controller = Controller(box, hostname="127.0.0.1", port=port)
    controller.start()
    yield box, port
    controller.stop()


@pytest.fixture
def smtp(letterbox: tuple[Letterbox, int], settings: Any) -> Letterbox:
    """The platform sends by that server."""
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", letterbox[1]
    return letterbox[0]


@pytest.fixture
def limited(workspace: Workspace, operator: User) -> Workspace:
    for kind in ("endpoints", "predictions"):
        services.set_limit(workspace, kind, 10, by=operator)
    return workspace


def take(workspace: Workspace, kind: str, amount: int, subject: str = "x:1", at: datetime = NOW) -> None:
    services.reserve(workspace, kind, amount, subject=subject, at=at)


def noted() -> list[tuple[str, str, int]]:
    return list(QuotaWarning.objects.order_by("pk").values_list("kind", "month", "percent"))


def test_owners_and_operators_are_told_by_mail(
    limited: Workspace, alice: User, bob: User, operator: User, smtp: Letterbox
) -> None:
    take(limited, "endpoints", 8)
    assert tell_warnings() == 1
    subject = "Lab: 80 % of Endpoints is used"
    assert smtp.told() == {(alice.email, subject): 1, (operator.email, subject): 1}
    words = {str(letter["To"]): str(letter.get_payload(decode=True)) for letter in smtp.letters}
    assert "8 of 10 are taken." in words[alice.email]
    assert "/usage/" in words[alice.email]
    assert "/admin/quotas/" in words[operator.email]


def test_they_are_told_again_when_everything_is_taken_and_never_twice(
    limited: Workspace, alice: User, smtp: Letterbox
) -> None:
    take(limited, "predictions", 8, "a:1")
    tell_warnings()
    take(limited, "predictions", 1, "a:2")
    tell_warnings()
    take(limited, "predictions", 1, "a:3")
    tell_warnings()
    services.refund(limited, "predictions", subject="a:3")
    take(limited, "predictions", 1, "a:4")
    assert tell_warnings() == 0
    kind = "Predictions a month"
    hers = {subject: count for (to, subject), count in smtp.told().items() if to == alice.email}
    assert hers == {f"Lab: 80 % of {kind} is used": 1, f"Lab: {kind} is used up": 1}


def test_who_takes_everything_at_once_is_told_once(limited: Workspace, alice: User) -> None:
    take(limited, "endpoints", 10)
    tell_warnings()
    assert [message.subject for message in mail.outbox if message.to == [alice.email]] == ["Lab: Endpoints is used up"]


@pytest.mark.parametrize("kind", ["concurrent_runs", "training_seconds", "storage_bytes", "endpoints", "predictions"])
def test_every_kind_is_noted_at_its_shares(workspace: Workspace, operator: User, kind: str) -> None:
    limit = next(status.limit for status in services.overview(workspace) if status.kind == kind)
    services.reserve(workspace, kind, limit * 3 // 4, subject="x:1", at=NOW)
    assert noted() == []
    services.reserve(workspace, kind, limit - limit * 3 // 4, subject="x:2", at=NOW)
    assert noted() == [(kind, "2030-03", 80), (kind, "2030-03", 100)]


def test_a_new_month_warns_anew(limited: Workspace) -> None:
    take(limited, "endpoints", 8, "a:1")
    take(limited, "endpoints", 1, "a:2", at=NEXT_MONTH)
    take(limited, "predictions", 8, "a:3")
    take(limited, "predictions", 8, "a:4", at=NEXT_MONTH)
    assert noted() == [
        ("endpoints", "2030-03", 80),
        ("endpoints", "2030-04", 80),
        ("predictions", "2030-03", 80),
        ("predictions", "2030-04", 80),
    ]


def test_predictions_that_the_predictors_counted_are_noted_too(limited: Workspace) -> None:
    services.add_used(limited, "predictions", 12, subject="hour:1", at=NOW)
    assert noted()[-1] == ("predictions", "2030-03", 100)


def test_a_lowered_limit_that_is_reached_is_noted(workspace: Workspace, operator: User) -> None:
    services.reserve(workspace, "endpoints", 5, subject="x:1")
    assert noted() == []
    services.set_limit(workspace, "endpoints", 5, by=operator)
    assert [percent for _kind, _month, percent in noted()] == [80, 100]


def test_what_is_rolled_back_is_not_noted(limited: Workspace, operator: User) -> None:
    from django.db import transaction

    with transaction.atomic():
        take(limited, "endpoints", 9)
        transaction.set_rollback(True)
    assert noted() == []


def test_one_address_that_is_refused_does_not_keep_the_others_from_being_told(
    limited: Workspace, alice: User, operator: User, smtp: Letterbox
) -> None:
    User.objects.filter(pk=alice.pk).update(email=REFUSED)
    take(limited, "endpoints", 8)
    assert tell_warnings() == 1
    assert [to for to, _subject in smtp.told()] == [operator.email]
    assert tell_warnings() == 0


def test_while_the_mail_server_is_away_a_warning_waits(limited: Workspace, settings: Any) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", free_port()
    take(limited, "endpoints", 8)
    assert tell_warnings() == 0
    assert QuotaWarning.objects.get().told_at is None
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    assert tell_warnings() == 0, "it is claimed for a while"
    QuotaWarning.objects.update(claimed_until=timezone.now() - timedelta(seconds=1))
    assert tell_warnings() == 1


def test_a_server_that_hangs_up_midway_does_not_make_anybody_read_it_twice(
    limited: Workspace, operator: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    class HangsUp(mail.EmailMessage):
        sent = 0

        def send(self, fail_silently: bool = False) -> int:
            HangsUp.sent += 1
            if HangsUp.sent > 1:
                raise smtplib.SMTPServerDisconnected("gone")
            return super().send(fail_silently)

    monkeypatch.setattr(warning.mails, "EmailMessage", HangsUp)
    take(limited, "endpoints", 8)
    assert tell_warnings() == 1
    QuotaWarning.objects.update(claimed_until=None)
    assert tell_warnings() == 0
    assert len(mail.outbox) == 1


def test_each_is_told_in_their_language(limited: Workspace, alice: User) -> None:
    User.objects.filter(pk=alice.pk).update(language="zh-hans")
    take(limited, "endpoints", 8)
    tell_warnings()
    (hers,) = [message for message in mail.outbox if message.to == [alice.email]]
    assert "端点" in hers.subject


def test_every_page_says_so_while_it_lasts(client: Client, limited: Workspace, vera: User) -> None:
    client.force_login(vera)
    words = "all 10 are taken"
    assert words not in client.get(reverse("home")).content.decode()
    take(limited, "endpoints", 10)
    for page in ("home", "datasets:list", "quotas:usage"):
        assert words in client.get(reverse(page)).content.decode()
    services.release(limited, "endpoints", subject="x:1")
    assert words not in client.get(reverse("home")).content.decode()


def test_nobody_is_told_twice_by_many_clocks(letterbox: tuple[Letterbox, int], track: Track) -> None:
    """Everything is taken by eight threads at once; then six threads of two processes write the mails."""
    box, port = letterbox
    track.run("race", "0", "8", "13")
    told = track.run_many(*[("tell", str(port), "3") for _ in range(2)])
    assert sum(said["told"] for said in told) >= 5
    assert {to for to, _subject in box.told()} == {"alice@example.com", "olga@example.com"}
    assert set(box.told().values()) == {1}
    used_up = [subject for to, subject in box.told() if to == "alice@example.com" and subject.endswith("is used up")]
    assert len(used_up) == 5
