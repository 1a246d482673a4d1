"""The desk: takes every exchange from key to answer. Protocols, models and limits meet here and nowhere else."""

import asyncio
import logging
import math
import time
from collections.abc import Callable, Sequence
from http import HTTPStatus

from modelyard.features import RowProblem
from workers.serving.admission.accounts import Account
from workers.serving.admission.callers import Caller, Callers, check_expiry
from workers.serving.call import Access, Call
from workers.serving.endpoints import Endpoint, Endpoints, Served
from workers.serving.http.exchange import Exchange
from workers.serving.http.heads import compose_head
from workers.serving.models.batching import Batcher
from workers.serving.models.loaded import CannotLoad
from workers.serving.models.repository import Repository
from workers.serving.problems import Problem, failure, not_found, too_late, unavailable
from workers.serving.protocols.family import LOOKING, PREDICTING, Family, Look, Operation, Overview, Prediction, Public
from workers.serving.usage import Meter

log = logging.getLogger(__name__)

MAX_KNOWN = 20_000
SESSION = b"x-modelyard-session"
PATIENCE = b"x-request-timeout-ms"
LONGEST_WAIT = 120
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
        meter: Meter,
        reasons: Reasons,
        deadline_ms: int,
        max_rows: int,
    ) -> None:
        self._families = families
        self._callers = callers
        self._endpoints = endpoints
        self._repository = repository
        self._account_of = account_of
        self._meter = meter
        self._reasons = reasons
        self._deadline = deadline_ms / 1000
        self._max_rows = max_rows
        self._held: set[asyncio.Future[None]] = set()
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
        except Exception:
            log.exception("%s failed", exchange.request_id.decode())
            self.refuse(exchange, failure())

    def _look_up(self, exchange: Exchange, authorization: bytes | None) -> None:
        path = exchange.target.partition(b"?")[0].decode("latin-1")
        operation = self._parse(exchange.method, path)
        if isinstance(operation, Public):
            problems = self._reasons() if operation.heeds_readiness else []
            exchange.reply(compose_head(503 if problems else 200), operation.show(problems))
            return
        caller = self._callers.identify(authorization, exchange.headers.get(b"x-api-key"), time.time())
        if isinstance(operation, Overview):
            caller.check(LOOKING, None)
            exchange.reply(compose_head(200), operation.show(self._names_for(caller)))
            return
        caller.check(PREDICTING if isinstance(operation, Prediction) else LOOKING, operation.endpoint)
        endpoint = self._endpoints.find(caller.workspace, operation.endpoint)
        if endpoint is None:
            raise not_found(f"Servable not found for request: Latest({operation.endpoint})")
        account = self._account_of(caller.workspace)
        if isinstance(operation, Look):
            exchange.reply(compose_head(200) + account.compose_headers(), operation.show(endpoint))
            return
        access = Access(caller, account, endpoint)
        if authorization is not None:
            if len(self._known) >= MAX_KNOWN:
                self._known.clear()
            self._known[exchange.method, exchange.target, authorization] = (operation, access)
        self._admit(exchange, operation, access)

    def _parse(self, method: bytes, path: str) -> Operation:
        for family in self._families:
            if family.owns(path):
                return family.parse(method, path)
        raise not_found(f"there is nothing at {path:.200}; predictions are at /v1/models/ENDPOINT:predict")

    def _names_for(self, caller: Caller) -> list[str]:
        names = (endpoint.name for endpoint in self._endpoints if endpoint.workspace == caller.workspace)
        return sorted(name for name in names if caller.may_use(name))

    # -- from call to batch

    def _admit(self, exchange: Exchange, operation: Prediction, access: Access) -> None:
        def go_on(problem: Problem | None) -> None:
            if problem is None:
                self._start(exchange, operation, access)
            else:
                self._refuse_counted(exchange, access, problem)

        if access.account.take_request(go_on):
            self._start(exchange, operation, access)

    def _start(self, exchange: Exchange, operation: Prediction, access: Access) -> None:
        try:
            served = _choose(access.endpoint, operation, exchange)
        except Problem as problem:
            self._refuse_counted(exchange, access, problem)
            return
        call = Call(self, exchange, access, served, exchange.started + self._patience(exchange))
        batcher = served.slot.batcher
        if batcher is not None:
            self._queue(call, operation, batcher)
        else:
            held = asyncio.ensure_future(self._queue_once_loaded(call, operation))
            self._held.add(held)
            held.add_done_callback(self._held.discard)

    def _patience(self, exchange: Exchange) -> float:
        """How long the caller waits: what they say, but never longer than the predictor's own deadline."""
        said = exchange.headers.get(PATIENCE)
        if said is None or not said.isdigit():
            return self._deadline
        return min(int(said[:9]) / 1000, self._deadline)

    def _queue(self, call: Call, operation: Prediction, batcher: Batcher) -> None:
        call.model = batcher.model
        try:
            if b"content-encoding" in call.exchange.headers:
                raise Problem(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "the body is compressed; send it as it is")
            operation.read(call)
            if call.count > self._max_rows:
                message = f"the call has {call.count} rows, at most {self._max_rows} are taken; send several calls"
                raise Problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, message)
        except (Problem, RowProblem) as fault:
            call.fail(fault)
            return
        except Exception:
            log.exception("%s failed", call.exchange.request_id.decode())
            call.fail(failure())
            return

        def go_on(problem: Problem | None) -> None:
            if problem is None:
                call.charged = call.count
                batcher.submit(call)
            else:
                call.fail(problem)

        if call.access.account.take_predictions(call.count, go_on):
            call.charged = call.count
            batcher.submit(call)

    async def _queue_once_loaded(self, call: Call, operation: Prediction) -> None:
        """The first call of a model that had left memory is held while it loads."""
        slot = call.served.slot
        try:
            async with asyncio.timeout(call.deadline - time.monotonic()):
                batcher = await self._repository.load(slot)
        except TimeoutError:
            call.fail(too_late())
        except CannotLoad as fault:
            call.fail(unavailable(f"version {call.served.version} cannot be loaded: {fault}", 5))
        else:
            self._queue(call, operation, batcher)

    # -- answers

    def answer(self, call: Call, content: bytes) -> None:
        exchange, access, served = call.exchange, call.access, call.served
        exchange.reply(served.head + access.account.compose_headers(), content)
        self._meter.count(access.subject(served.version), call.count, False, time.monotonic() - exchange.started)

    def refuse_call(self, call: Call, problem: Problem) -> None:
        self._refuse_counted(call.exchange, call.access, problem, call.served)

    def _refuse_counted(
        self, exchange: Exchange, access: Access, problem: Problem, served: Served | None = None
    ) -> None:
        version = served.version if served is not None else 0
        told = b"x-modelyard-version: %d\r\n" % version if served is not None else b""
        self.refuse(exchange, problem, told + access.account.compose_headers())
        self._meter.count(access.subject(version), 0, True, time.monotonic() - exchange.started)

    def refuse(self, exchange: Exchange, problem: Problem, headers: bytes = b"") -> None:
        path = exchange.target.decode("latin-1")
        family = next((family for family in self._families if family.owns(path)), self._families[0])
        content = family.encode_problem(problem, exchange)
        exchange.reply(compose_head(problem.status) + headers + _headers_of(problem), content)


def _choose(endpoint: Endpoint, operation: Prediction, exchange: Exchange) -> Served:
    """Return the version that answers. Raises a 404 for one that is not served, a 503 where none is loaded yet."""
    if operation.version is not None:
        served, asked = endpoint.version(operation.version), f"version {operation.version}"
    elif operation.label is not None:
        served, asked = endpoint.label(operation.label), f"label {operation.label!r}"
    else:
        served, asked = endpoint.choose(exchange.headers.get(SESSION)), ""
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
    if problem.retry_after is not None:
        lines += b"retry-after: %d\r\n" % max(1, math.ceil(problem.retry_after))
        if problem.retry_after > LONGEST_WAIT:
            lines += b"x-should-retry: false\r\n"
    return lines
