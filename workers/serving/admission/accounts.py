"""What a workspace may still do, exact over all predictors and yet without a question to Redis for each request.

Units are leased from Redis in blocks that count as spent at once (`lease.lua`): a hundredth of a second's requests, a
thousandth of a month's predictions. Idle units go back after a second. So the limits are never overdrawn; what can
happen is that up to one block a predictor lies idle elsewhere for a second while somebody is refused here.
Without Redis each predictor goes on with its share of the rate and of the predictions last known to be left.
"""

import asyncio
import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from modelyard.contracts.route import Limits
from workers.serving.admission.budget import Budget, Then
from workers.serving.problems import Problem, too_many

UNLIMITED = 2**60
MAX_BLOCK = 10_000
ASK_AGAIN_SECONDS = 0.005
SPENT_AGAIN_SECONDS = 1.0


class LenderAway(Exception):
    """Nobody can be asked for units: Redis does not answer."""


@dataclass(frozen=True, kw_only=True)
class Ask:
    """What is asked of Redis: units wanted, negative where they are given back; `owed` were used without asking."""

    workspace: str
    month: str
    limits: Limits
    requests: int
    predictions: int
    owed: int


@dataclass(frozen=True, kw_only=True)
class Grant:
    """What Redis gave, and what is left there."""

    requests: int
    requests_left: int
    wait_ms: int
    predictions: int
    spent: int


Lend = Callable[[Ask], Awaitable[Grant]]
Sharers = Callable[[], int]


class Account:
    """The two budgets of one workspace in one predictor."""

    def __init__(self, workspace: str, limits: Limits, lend: Lend, sharers: Sharers) -> None:
        self.workspace = workspace
        self.requests = Budget()
        self.predictions = Budget()
        self._lend = lend
        self._sharers = sharers
        self._time = asyncio.get_running_loop().time
        self._asking: asyncio.Task[None] | None = None
        self._month, self.seconds_to_month_end = _month_at(datetime.now(UTC))
        self._requests_left = self._spent = self._owed = 0
        self._refilled_at = self._time()
        self._seen = (0, 0)
        self._told_left: tuple[int, int, int] | None = None
        self._told = b""
        self.set_limits(limits)

    def set_limits(self, limits: Limits) -> None:
        """Heed new limits from now on; leased units of a kind that was limited before stay."""
        self._note_unlimited()
        rate, month = limits.requests_per_second, limits.predictions_per_month
        for budget, limit, part in ((self.requests, rate, 100), (self.predictions, month, 1000)):
            if limit is None:
                budget.held, budget.block = UNLIMITED, 1
            else:
                budget.held = budget.held if budget.held < UNLIMITED // 2 else 0
                budget.block = min(max(1, limit // part), MAX_BLOCK)
            budget.empty_until = 0.0
        self.limits = limits
        self._lines = _compose_lines(limits)
        self._told_left = None

    # -- taking

    def take_at_once(self, budget: Budget, amount: int) -> bool:
        """Take units that are held already, as nearly every call does. False: `await_…` them."""
        if budget.held < amount or budget.waiters:
            return False
        budget.held -= amount
        budget.taken += amount
        if budget.held * 2 < budget.block and self._time() >= budget.empty_until:
            self._ask()
        return True

    def await_request(self, then: Then) -> None:
        """Call `then` once it is known whether there is a request to take (with a 429 if not)."""
        self._await(self.requests, 1, then, self._refuse_request)

    def await_predictions(self, amount: int, then: Then) -> None:
        """Likewise for predictions."""
        self._await(self.predictions, amount, then, self._refuse_predictions)

    def _await(self, budget: Budget, amount: int, then: Then, refusal: Callable[[int], Problem]) -> None:
        if budget.held < amount and self._time() < budget.empty_until:
            then(refusal(amount))
            return
        budget.waiters.append((amount, then))
        self._ask()

    def _refuse_request(self, _: int) -> Problem:
        rate = self.limits.requests_per_second
        return too_many(f"the workspace may make {rate} requests a second; slow down and try again", 1)

    def _refuse_predictions(self, amount: int) -> Problem:
        limit = self.limits.predictions_per_month
        message = (
            f"the workspace may make {limit} predictions a month, {self.predictions_left} are left in {self._month}, "
            f"this call needs {amount}; ask the operator for more"
        )
        return too_many(message, self.seconds_to_month_end)

    # -- leasing

    def _ask(self) -> None:
        if self._asking is None:
            self._asking = asyncio.ensure_future(self._lease())

    async def _lease(self) -> None:
        try:
            while self.requests.low or self.predictions.low:
                now = self._time()
                requests = self.requests.wanted if now >= self.requests.empty_until else 0
                predictions = self.predictions.wanted if now >= self.predictions.empty_until else 0
                await self._settle(requests, predictions)
                if not self.requests.waiters and not self.predictions.waiters:
                    return
        finally:
            self._asking = None

    async def _settle(self, requests: int, predictions: int) -> None:
        owed, self._owed = self._owed, 0
        ask = Ask(
            workspace=self.workspace,
            month=self._month,
            limits=self.limits,
            requests=requests,
            predictions=predictions,
            owed=owed,
        )
        try:
            grant = await self._lend(ask)
        except LenderAway:
            self._owed += owed
            self.requests.held += max(-requests, 0)
            self.predictions.held += max(-predictions, 0)
            grant = self._grant_alone(max(requests, 0), max(predictions, 0))
        self._requests_left, self._spent = grant.requests_left, grant.spent
        now = self._time()
        no_requests, no_predictions = grant.requests < requests, grant.predictions < predictions
        if no_requests:
            self.requests.empty_until = now + max(grant.wait_ms / 1000, ASK_AGAIN_SECONDS)
        if no_predictions:
            self.predictions.empty_until = now + SPENT_AGAIN_SECONDS
        self.requests.grant(grant.requests, self._refuse_request if no_requests else None)
        self.predictions.grant(grant.predictions, self._refuse_predictions if no_predictions else None)

    def _grant_alone(self, requests: int, predictions: int) -> Grant:
        """What this predictor may allow itself while Redis is away: its share of what was last known."""
        sharers, now = max(1, self._sharers()), self._time()
        rate, limit = self.limits.requests_per_second, self.limits.predictions_per_month
        if rate is not None:
            since = max(self._refilled_at, now - 1.0)
            requests = min(requests, math.floor((now - since) * rate / sharers))
            self._refilled_at = since + (requests * sharers / rate if rate else 0)
        if limit is not None:
            predictions = min(predictions, max(0, limit - self._spent - self._owed) // sharers)
        self._owed += predictions
        return Grant(requests=requests, requests_left=0, wait_ms=100, predictions=predictions, spent=self._spent)

    # -- keeping

    async def tick(self) -> None:
        """Once a second: start a new month, tell what was used without limit, give back what lies idle."""
        self._note_unlimited()
        month, self.seconds_to_month_end = _month_at(datetime.now(UTC))
        idle = self._seen == (self.requests.taken, self.predictions.taken)
        self._seen = (self.requests.taken, self.predictions.taken)
        if month != self._month or idle:
            await self.give_back()
            self._month = month
        elif self._owed:
            await self._settle(0, 0)

    def _note_unlimited(self) -> None:
        """What was predicted without a limit is owed: it counts in the month as soon as there is one."""
        if self.predictions.held >= UNLIMITED // 2:
            self._owed += UNLIMITED - self.predictions.held
            self.predictions.held = UNLIMITED

    async def give_back(self) -> None:
        """Return every unit that is held and not needed."""
        requests, predictions = (
            0 if budget.held >= UNLIMITED // 2 else budget.held for budget in (self.requests, self.predictions)
        )
        if not (requests or predictions or self._owed):
            return
        self.requests.held -= requests
        self.predictions.held -= predictions
        await self._settle(-requests, -predictions)

    # -- telling

    @property
    def predictions_left(self) -> int:
        return max(0, (self.limits.predictions_per_month or 0) - self._spent + self.predictions.held)

    def compose_headers(self) -> bytes:
        """Return the lines `RateLimit-Policy` and `RateLimit` (draft-ietf-httpapi-ratelimit-headers)."""
        rate, month = self.limits.requests_per_second, self.limits.predictions_per_month
        if rate is None and month is None:
            return b""
        requests, held = self.requests.held + self._requests_left, self.predictions.held
        if month is None:
            return self._lines % requests
        left = (requests, month - self._spent + held, self.seconds_to_month_end)
        if left != self._told_left:  # all answers of a batch tell the same
            self._told_left = left
            requests, predictions, seconds = left[0], max(0, left[1]), left[2]
            told = (predictions, seconds) if rate is None else (requests, predictions, seconds)
            self._told = self._lines % told
        return self._told


def _compose_lines(limits: Limits) -> bytes:
    """The header lines with gaps for what changes: requests left; predictions left and seconds until there are more."""
    policies, values = [], []
    if limits.requests_per_second is not None:
        policies.append(b'"requests";q=%d;w=1' % limits.requests_per_second)
        values.append(b'"requests";r=%d;t=1')
    if limits.predictions_per_month is not None:
        policies.append(b'"predictions";q=%d;w=2678400' % limits.predictions_per_month)
        values.append(b'"predictions";r=%d;t=%d')
    return b"ratelimit-policy: %b\r\nratelimit: %b\r\n" % (b", ".join(policies), b", ".join(values))


def _month_at(moment: datetime) -> tuple[str, int]:
    """Return the month as `YYYY-MM` and the seconds until it ends."""
    year, month = divmod(moment.year * 12 + moment.month, 12)
    left = datetime(year, month + 1, 1, tzinfo=UTC) - moment
    return moment.strftime("%Y-%m"), max(1, math.ceil(left.total_seconds()))
