"""The desk: takes every exchange from key to answer. Protocols, models and limits meet here and nowhere else."""

import asyncio
import logging
import math
import random
import time
from collections.abc import Awaitable, Callable, Hashable, Sequence
from functools import partial
from http import HTTPStatus

from modelyard.features import RowProblem
from workers.serving.admission.accounts import Account
from workers.serving.admission.callers import Caller, Callers, check_expiry
from workers.serving.admission.credentials import is_signed
from workers.serving.admission.lookups import Lookups, Unknown
from workers.serving.call import Access, Call
from workers.serving.endpoints import Endpoint, Endpoints, Served
from workers.serving.explaining.queueing import Explanations
from workers.serving.http.exchange import Exchange
from workers.serving.http.heads import JSON, compose_head
from workers.serving.http.tags import reply_plainly, reply_tagged
from workers.serving.models.batching import Batcher
from workers.serving.models.loaded import CannotLoad, Predictions
from workers.serving.models.repository import Repository
from workers.serving.monitoring.monitor import Monitor
from workers.serving.problems import Problem, failure, not_found, too_late, unavailable
from workers.serving.protocols.family import LOOKING, PREDICTING, Family, Look, Operation, Overview, Prediction, Public
from workers.serving.reading import Reader
from workers.serving.shadowing import Shadows
from workers.serving.waiting import WaitingRoom

log = logging.getLogger(__name__)

MAX_KNOWN = 20_000
SESSION = b"x-modelyard-session"
PATIENCE = b"x-request-timeout-ms"
LONGEST_WAIT = 120
TRACED = frozenset((HTTPStatus.FORBIDDEN, HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.REQUEST_ENTITY_TOO_LARGE))
"""Refused before anybody looked for the endpoint that was meant."""
MOST_SPREAD = 5
Reasons = Callable[[], list[str]]


class Desk:
    """Answers exchanges. What was found for a key and a path is kept until `forget`."""

    def __init__(
        self,
        *,
        families: Sequence[Family],
        callers: Callers,
        endpoints: Endpoints,
        repository: Repository,
        account_of: Callable[[str], Account],
        monitor: Monitor,
        lookups: Lookups,
        waiting_room: WaitingRoom,
        shadows: Shadows,
        explanations: Explanations,
        reasons: Reasons,
        deadline_ms: int,
        max_rows: int,
        max_body_bytes: int,
    ) -> None:
        self._families = families
        self._callers = callers
        self._endpoints = endpoints
        self._repository = repository
        self._account_of = account_of
        self._monitor = monitor
        self._meter = monitor.meter
        self._sampler = monitor.sampler
        self._reasons = reasons
        self._deadline = deadline_ms / 1000
        self._reader = Reader(max_rows, max_body_bytes)
        self._lookups = lookups
        self._waiting_room = waiting_room
        self._shadows = shadows
        self._explanations = explanations
        self._known: dict[tuple[bytes, bytes, bytes], tuple[Prediction, Access]] = {}

    def forget(self) -> None:
        """Something was published: keys, endpoints and limits are looked up anew."""
        self._known.clear()

    # -- from exchange to call

    def handle(self, exchange: Exchange) -> None:
        try:
            authorization = exchange.headers.get(b"authorization")
            if authorization is not None:
                known = self._known.get((exchange.method, exchange.target, authorization))
                if known is not None:
                    if known[1].caller.expires_at is not None:
                        check_expiry(known[1].caller, time.time())
                    self._admit(exchange, *known)
                    return
            self._look_up(exchange, authorization)
        except Problem as problem:
            self.refuse(exchange, problem)
        except Unknown as unknown:
            go_on = partial(self._handle_once_known, exchange, unknown)
            self._hold(exchange, unknown.subject, go_on, partial(self.refuse, exchange))
        except Exception:
            log.exception("%s failed", exchange.request_id.decode())
            self.refuse(exchange, failure())

    def foresee(self, method: bytes, target: bytes, headers: dict[bytes, bytes], size: int) -> Problem | None:
        """Return why a call of which only the head is there will be refused, as far as that is known."""
        known = self._known.get((method, target, headers.get(b"authorization", b"")))
        if known is None or known[1].endpoint.settled is None:
            return None
        operation, access = known
        try:
            batcher = _choose(access, operation, headers).slot.batcher
        except Problem:
            return None
        return None if batcher is None else self._reader.foresee(size, batcher, self._patience(headers))

    def _hold(
        self,
        exchange: Exchange,
        awaited: Hashable,
        go_on: Callable[[], Awaitable[None]],
        refuse: Callable[[Problem], None],
    ) -> None:
        """Go on later, unless too many wait for the same already."""
        try:
            self._waiting_room.hold(exchange, awaited, go_on)
        except Problem as problem:
            refuse(problem)

    async def _handle_once_known(self, exchange: Exchange, unknown: Unknown) -> None:
        """A key or a name that is not known here may be as new as the call; it is looked up before it is refused."""
        try:
            await self._lookups.ask(unknown)
        except Problem as problem:
            self.refuse(exchange, problem)
        else:
            self.handle(exchange)

    def _look_up(self, exchange: Exchange, authorization: bytes | None) -> None:
        path = exchange.target.partition(b"?")[0].decode("latin-1")
        operation = self._parse(exchange.method, path)
        if isinstance(operation, Public):
            if operation.check is not None:
                operation.check(exchange)
            problems = self._reasons() if operation.heeds_readiness else []
            head = compose_head(503 if problems else 200, operation.media_type)
            exchange.reply(head, operation.show(problems))
            return
        caller = self._callers.identify(authorization, exchange.headers.get(b"x-api-key"), time.time())
        if isinstance(operation, Overview):
            caller.check(LOOKING, None)
            exchange.reply(compose_head(200), operation.show(self._endpoints_for(caller), exchange))
            return
        name = operation.endpoint or caller.sole_endpoint()
        caller.check(PREDICTING if isinstance(operation, Prediction) else LOOKING, name)
        endpoint = self._endpoints.find(caller.workspace, name)
        if endpoint is None:
            refusal = not_found(f"Servable not found for request: Latest({name})")
            raise Unknown("routes", f"{caller.workspace}/{name}", refusal)
        account = self._account_of(caller.workspace)
        if isinstance(operation, Look):
            reply = reply_tagged if operation.tagged else reply_plainly
            reply(exchange, account.compose_headers(), operation.show(endpoint))
            return
        access = Access(caller, account, endpoint)
        if authorization is not None and not is_signed(authorization):
            if len(self._known) >= MAX_KNOWN:
                self._known.clear()
            self._known[exchange.method, exchange.target, authorization] = (operation, access)
        self._admit(exchange, operation, access)

    def _parse(self, method: bytes, path: str) -> Operation:
        for family in self._families:
            if family.owns(path):
                return family.parse(method, path)
        raise not_found(f"there is nothing at {path:.200}; predictions are at /v1/models/ENDPOINT:predict")

    def _endpoints_for(self, caller: Caller) -> list[Endpoint]:
        own = (endpoint for endpoint in self._endpoints if endpoint.workspace == caller.workspace)
        usable = (endpoint for endpoint in own if caller.may_use(endpoint.name))
        return sorted(usable, key=lambda endpoint: endpoint.name)

    # -- from call to batch

    def _admit(self, exchange: Exchange, operation: Prediction, access: Access) -> None:
        account = access.account
        if not account.take_at_once(account.requests, 1):
            account.await_request(partial(self._start_unless_refused, exchange, operation, access))
        elif access.endpoint.settled is None:
            self._start(exchange, operation, access)
        else:
            self._start_version(exchange, operation, access)

    def _start_unless_refused(
        self, exchange: Exchange, operation: Prediction, access: Access, problem: Problem | None
    ) -> None:
        if problem is None:
            self._start(exchange, operation, access)
        else:
            self._refuse_counted(exchange, access, problem)

    def _start(self, exchange: Exchange, operation: Prediction, access: Access) -> None:
        endpoint = access.endpoint
        if endpoint.settled is None:
            go_on = partial(self._start_once_settled, exchange, operation, access)
            self._hold(exchange, endpoint, go_on, partial(self._refuse_counted, exchange, access))
        else:
            self._start_version(exchange, operation, access)

    async def _start_once_settled(self, exchange: Exchange, operation: Prediction, access: Access) -> None:
        """The first calls of an endpoint are held while it loads."""
        try:
            async with asyncio.timeout(exchange.started + self._patience(exchange.headers) - time.monotonic()):
                await self._endpoints.first_version(access.endpoint)
        except TimeoutError:
            self._refuse_counted(exchange, access, too_late())
        else:
            self._start_version(exchange, operation, access)

    def _start_version(self, exchange: Exchange, operation: Prediction, access: Access) -> None:
        headers, endpoint = exchange.headers, access.endpoint
        served = endpoint.sole if operation.leaves_open else None
        if served is None:
            try:
                served = _choose(access, operation, headers)
            except Problem as problem:
                self._refuse_counted(exchange, access, problem)
                return
        patience = self._patience(headers) if PATIENCE in headers else self._deadline
        call = Call(self, exchange, access, served, exchange.started + patience)
        if endpoint.shadow is not None:
            call.mirrored = operation.asks_for(headers) == (None, None)
        batcher = served.slot.batcher
        if batcher is not None:
            call.model = batcher.model
            self._reader.read(call, operation, batcher, self._submit)
        else:
            self._hold(exchange, served.slot, partial(self._queue_once_loaded, call, operation), call.fail)

    def _patience(self, headers: dict[bytes, bytes]) -> float:
        """How long the caller waits: what they say, but never longer than the predictor's own deadline."""
        said = headers.get(PATIENCE)
        if said is None or not said.isdigit():
            return self._deadline
        return min(int(said[:9]) / 1000, self._deadline)

    def _queue(self, call: Call, operation: Prediction, batcher: Batcher) -> None:
        """Read the body, then hand the call to the batcher."""
        call.model = batcher.model
        self._reader.read(call, operation, batcher, self._submit)

    def _submit(self, call: Call, batcher: Batcher, fault: Problem | RowProblem | None) -> None:
        if fault is not None:
            call.fail(fault)
            return

        account, units = call.access.account, call.count * call.weight
        if account.take_at_once(account.predictions, units):
            self._submit_charged(call, batcher)
        else:
            batcher.promise(call.count)
            account.await_predictions(units, partial(self._submit_promised, call, batcher))

    def _submit_promised(self, call: Call, batcher: Batcher, problem: Problem | None) -> None:
        batcher.promise(-call.count)
        self._submit_charged(call, batcher, problem)

    def _submit_charged(self, call: Call, batcher: Batcher, problem: Problem | None = None) -> None:
        if problem is not None:
            call.fail(problem)
            return
        call.charged = call.count * call.weight
        if call.explained is None:
            batcher.submit(call)
        else:
            self._explanations.submit(call)

    async def _queue_once_loaded(self, call: Call, operation: Prediction) -> None:
        """The first call of a model that had left memory is held while it loads."""
        slot = call.served.slot
        try:
            async with asyncio.timeout(call.deadline - time.monotonic()):
                batcher = await self._repository.load(slot, hurried=True)
        except TimeoutError:
            call.fail(too_late())
        except CannotLoad as fault:
            call.fail(unavailable(f"version {call.served.version} cannot be loaded: {fault}", 5))
        else:
            self._queue(call, operation, batcher)

    # -- answers

    def answer(self, call: Call, content: bytes, predictions: Predictions) -> None:
        exchange, access, served = call.exchange, call.access, call.served
        head = served.head if call.media_type is JSON else served.compose_head(call.media_type)
        exchange.reply(head + call.head_lines + access.account.compose_headers(), content)
        if call.explained is not None:
            self._meter.count_explained(access.subject(served.version), call.charged)
            return
        seconds = time.monotonic() - exchange.started
        served.tally.succeed(call.count, seconds)
        self._meter.count(access.subject(served.version), call.count, seconds)
        if self._sampler.left > 0:
            self._sampler.offer(call, predictions)

    def mirror(self, call: Call, predictions: Predictions) -> None:
        self._shadows.mirror(call, predictions)

    def refuse_call(self, call: Call, problem: Problem) -> None:
        """An explanation that failed is no mark against the version: its predictions are what a guard looks at."""
        served = call.served if call.explained is None else None
        self._refuse_counted(call.exchange, call.access, problem, served)

    def _refuse_counted(
        self, exchange: Exchange, access: Access, problem: Problem, served: Served | None = None
    ) -> None:
        version = served.version if served is not None else 0
        told = b"x-modelyard-version: %d\r\n" % version if served is not None else b""
        self._write(exchange, problem, told + access.account.compose_headers())
        if served is not None:
            served.tally.fail(time.monotonic() - exchange.started)
        self._monitor.note_refusal(exchange, access, problem, served)

    def refuse(self, exchange: Exchange, problem: Problem) -> None:
        """Refuse a request that did not become a call; it counts for an endpoint where one was certainly meant."""
        access = None
        if problem.status == HTTPStatus.SERVICE_UNAVAILABLE:
            known = self._known.get((exchange.method, exchange.target, exchange.headers.get(b"authorization", b"")))
            access = None if known is None else known[1]
        elif problem.status in TRACED:
            access = self._trace(exchange)
        if access is not None:
            self._refuse_counted(exchange, access, problem)
        else:
            self._write(exchange, problem)

    def _trace(self, exchange: Exchange) -> Access | None:
        try:
            operation = self._parse(exchange.method, exchange.target.partition(b"?")[0].decode("latin-1"))
            if not isinstance(operation, Prediction):
                return None
            headers = exchange.headers
            caller = self._callers.identify(headers.get(b"authorization"), headers.get(b"x-api-key"), time.time())
            endpoint = self._endpoints.find(caller.workspace, operation.endpoint or caller.sole_endpoint())
        except (Problem, Unknown):
            return None
        return Access(caller, self._account_of(caller.workspace), endpoint) if endpoint is not None else None

    def _write(self, exchange: Exchange, problem: Problem, headers: bytes = b"") -> None:
        self._monitor.refusals[int(problem.status)] += 1
        path = exchange.target.partition(b"?")[0].decode("latin-1")
        family = next((family for family in self._families if family.owns(path)), self._families[0])
        content = family.encode_problem(problem, exchange)
        exchange.come_later = problem.retry_after is not None
        exchange.reply(compose_head(problem.status, problem.media_type) + headers + _headers_of(problem), content)


def _choose(access: Access, operation: Prediction, headers: dict[bytes, bytes]) -> Served:
    """Return the version that answers. Raises a 404 for one that is not served, a 503 where none is loaded yet."""
    endpoint = access.endpoint
    version, label = operation.asks_for(headers)
    if version is not None:
        served, asked = endpoint.version(version), f"version {version}"
    elif label is not None:
        served, asked = endpoint.label(label), f"label {label!r}"
    else:
        served, asked = endpoint.choose(headers.get(SESSION), access.caller.key), ""
    if served is not None:
        return served
    if not endpoint.live:
        raise unavailable(
            f"the endpoint {endpoint.name!r} is {endpoint.state}: {endpoint.message or 'try again soon'}", 2
        )
    raise not_found(f"Servable not found for request: the endpoint {endpoint.name!r} serves no {asked}")


def _headers_of(problem: Problem) -> bytes:
    lines = b""
    if problem.status == HTTPStatus.UNAUTHORIZED:
        lines += b'www-authenticate: Bearer realm="modelyard"\r\n'
    if problem.allow:
        lines += b"allow: %b\r\n" % problem.allow.encode()
    if problem.retry_after is not None:
        seconds = max(1, math.ceil(problem.retry_after))
        spread = random.randint(0, min(seconds, MOST_SPREAD))  # noqa: S311 - so that not all come back at once
        lines += b"retry-after: %d\r\n" % (seconds + spread)
        if problem.retry_after > LONGEST_WAIT:
            lines += b"x-should-retry: false\r\n"
    return lines
