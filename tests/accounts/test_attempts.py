"""Guessing gets slow, for the guesser and not for the owner."""

from datetime import timedelta

import pytest
from django.utils import timezone

from modelyard.accounts import attempts
from modelyard.accounts.models import Attempts

EMAIL, HOME, AWAY = "alice@example.com", "192.0.2.1", "198.51.100.7"


def rewind(by: timedelta) -> None:
    for row in Attempts.objects.all():
        row.blocked_until -= by
        row.save()


@pytest.fixture(autouse=True)
def tables(db: None, still: None) -> None:
    pass


def test_the_first_tries_are_free_and_then_each_waits_longer() -> None:
    free = attempts.SAME_ADDRESS.free
    assert [attempts.claim_sign_in(EMAIL, HOME, known=True) for _ in range(free)] == [None] * free
    assert attempts.claim_sign_in(EMAIL, HOME, known=True) is not None
    rewind(timedelta(seconds=2))
    assert attempts.claim_sign_in(EMAIL, HOME, known=True) is None
    rewind(timedelta(seconds=1))
    assert attempts.claim_sign_in(EMAIL, HOME, known=True) is not None


def test_asking_while_waiting_does_not_lengthen_the_wait() -> None:
    for _ in range(50):
        attempts.claim_sign_in(EMAIL, HOME, known=True)
    wait = attempts.claim_sign_in(EMAIL, HOME, known=True)
    assert wait is not None
    assert wait <= timedelta(seconds=2)


def test_a_success_forgets_the_failures() -> None:
    for _ in range(3):
        attempts.claim_sign_in(EMAIL, HOME, known=False)
    attempts.forget_sign_in(EMAIL, HOME, known=False)
    assert Attempts.objects.get().count == 2
    assert attempts.claim_sign_in(EMAIL, HOME, known=False) is None


def test_fifty_addresses_get_few_guesses_and_the_owner_still_gets_in() -> None:
    judged = 0
    for minute in range(15):
        for number in range(50):
            judged += attempts.claim_sign_in(EMAIL, f"198.51.100.{number}", known=False) is None
        rewind(timedelta(minutes=1))
        if minute == 10:
            assert attempts.claim_sign_in(EMAIL, HOME, known=True) is None
    assert judged <= attempts.ANY_ADDRESS.free + 15


def test_a_try_is_forgotten_after_a_day() -> None:
    for _ in range(10):
        attempts.claim_sign_in(EMAIL, HOME, known=True)
    Attempts.objects.update(last_at=timezone.now() - timedelta(days=2))
    assert attempts.claim_sign_in(EMAIL, HOME, known=True) is None


def test_mails_that_anybody_can_ask_for_are_few() -> None:
    assert [attempts.claim_mail(EMAIL) for _ in range(4)] == [True, True, False, False]
    assert attempts.claim_mail("bob@example.com")


def test_no_address_is_kept() -> None:
    attempts.claim_sign_in(EMAIL, HOME, known=False)
    assert EMAIL not in repr(list(Attempts.objects.values()))
