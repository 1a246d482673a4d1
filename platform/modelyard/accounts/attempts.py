"""Guessing made slow: every failed try under a name doubles the time until the next one is looked at.

A try is claimed before it is judged, so a thousand tries at once count as one. Nobody is locked out by name alone: an
address that has signed in to an account before only waits for its own failures.
"""

import hashlib
from dataclasses import dataclass
from datetime import timedelta

from django.db import transaction
from django.db.models import F
from django.utils import timezone
from django.utils.translation import gettext

from modelyard.accounts.models import Attempts


@dataclass(frozen=True, kw_only=True)
class Patience:
    """`free` tries without a delay, then `first`, doubled with each try up to `longest`; forgotten after `memory`."""

    free: int
    first: timedelta
    longest: timedelta
    memory: timedelta = timedelta(days=1)

    def delay_after(self, count: int) -> timedelta:
        if count < self.free:
            return timedelta(0)
        return min(self.longest, self.first * (1 << min(count - self.free, 20)))


SAME_ADDRESS = Patience(free=4, first=timedelta(seconds=1), longest=timedelta(minutes=15))
ANY_ADDRESS = Patience(free=20, first=timedelta(seconds=30), longest=timedelta(seconds=60))
MAILS = Patience(free=2, first=timedelta(minutes=1), longest=timedelta(hours=1))
PROOFS = Patience(free=5, first=timedelta(seconds=5), longest=timedelta(minutes=15))
SIGN_UPS = Patience(free=10, first=timedelta(seconds=10), longest=timedelta(minutes=10))


def claim_sign_in(email: str, address: str, *, known: bool) -> timedelta | None:
    """Take a try to sign in; None where it may be judged now, else how long to wait."""
    wait = claim(_pair(email, address), SAME_ADDRESS)
    if wait is None and not known:
        wait = claim(_account(email), ANY_ADDRESS)
    return wait


def forget_sign_in(email: str, address: str, *, known: bool) -> None:
    """The try succeeded: what was claimed for it is given back, the failures of this address are forgotten."""
    Attempts.objects.filter(pk=_digest(_pair(email, address))).delete()
    if not known:
        Attempts.objects.filter(pk=_digest(_account(email)), count__gt=0).update(count=F("count") - 1)


def claim_proof(person: str) -> timedelta | None:
    """Take a try at a second factor or, while signed in, at the password of a person (by id), from whatever address.

    Only who has the first factor or the session comes this far, so nobody else can make the person wait.
    """
    return claim(f"proof {person}", PROOFS)


def forget_proof(person: str) -> None:
    """The try succeeded."""
    Attempts.objects.filter(pk=_digest(f"proof {person}")).delete()


def say_wait(wait: timedelta) -> str:
    """What somebody is told who has to wait."""
    return gettext("Too many tries. Try again in %(seconds)d seconds.") % {"seconds": int(wait.total_seconds()) + 1}


def claim_mail(email: str) -> bool:
    """Whether a mail that anybody can ask for may be sent to this address now."""
    return claim(f"mail {email.lower()}", MAILS) is None


def claim_sign_up(address: str) -> timedelta | None:
    """Take a try to sign up from a network address; the form tells which accounts exist, so it is not asked in bulk."""
    return claim(f"sign-up {address}", SIGN_UPS)


@transaction.atomic
def claim(name: str, patience: Patience) -> timedelta | None:
    """Count a try under `name`; None where it may be made now, else how long to wait."""
    now, pk = timezone.now(), _digest(name)
    Attempts.objects.filter(pk=pk, last_at__lt=now - patience.memory).delete()
    row, _ = Attempts.objects.get_or_create(pk=pk, defaults={"last_at": now, "blocked_until": now})
    until = now + patience.delay_after(row.count + 1)
    mine = Attempts.objects.filter(pk=pk, count=row.count, blocked_until__lte=now)
    if mine.update(count=F("count") + 1, last_at=now, blocked_until=until):
        return None
    row.refresh_from_db()
    return max(row.blocked_until - now, timedelta(seconds=1))


def _pair(email: str, address: str) -> str:
    return f"pair {email.lower()} {address}"


def _account(email: str) -> str:
    return f"account {email.lower()}"


def _digest(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()
