"""One call for predictions on its way: from the rows that were read to the answer that is written and counted."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Protocol

from modelyard.features import RowProblem
from workers.serving.admission.accounts import Account
from workers.serving.admission.callers import Caller
from workers.serving.endpoints import Endpoint, Served
from workers.serving.http.exchange import Exchange
from workers.serving.http.heads import JSON
from workers.serving.models.loaded import Columns, LoadedModel, NotFinite, Predictions
from workers.serving.problems import Problem, bad_request, failure
from workers.serving.tally import Tally

log = logging.getLogger(__name__)

Encode = Callable[[Predictions], bytes]


@dataclass(slots=True, eq=False)
class Access:
    """Who asks which endpoint: found once for a key and a path, then kept until something is published anew."""

    caller: Caller
    account: Account
    endpoint: Endpoint
    subjects: dict[int, tuple[str, str, str, str, int]] = field(default_factory=dict)

    def subject(self, version: int) -> tuple[str, str, str, str, int]:
        """What usage is counted under."""
        found = self.subjects.get(version)
        if found is None:
            caller, endpoint = self.caller, self.endpoint
            found = (endpoint.workspace, endpoint.name, caller.key, caller.user, version)
            self.subjects[version] = found
        return found


class Explained(Protocol):
    """What is to be explained of the answers."""

    @property
    def label(self) -> str | None: ...


class Answerer(Protocol):
    """What writes the answer of a call and counts it."""

    def answer(self, call: "Call", content: bytes, predictions: Predictions) -> None: ...

    def refuse_call(self, call: "Call", problem: Problem) -> None: ...

    def mirror(self, call: "Call", predictions: Predictions) -> None: ...


class Call:
    """A call for `count` predictions, as `rows` or as `columns`; `encode` makes the body of the answer.

    `mirrored` calls are shown to the endpoint's shadow once they are answered.
    `explained` says what is to be explained, if anything is; a row counts as `weight` predictions.
    `body` is what came once its content encoding was undone; `media_type` and `head_lines` (whole `name: value` lines)
    say what the head of the answer carries besides.
    """

    __slots__ = (
        "_answerer",
        "access",
        "body",
        "charged",
        "columns",
        "content",
        "count",
        "deadline",
        "encode",
        "exchange",
        "explained",
        "head_lines",
        "media_type",
        "mirrored",
        "model",
        "most_rows",
        "queued_at",
        "rows",
        "served",
        "weight",
        "where",
    )

    def __init__(self, answerer: Answerer, exchange: Exchange, access: Access, served: Served, deadline: float) -> None:
        self._answerer = answerer
        self.exchange = exchange
        self.body = exchange.body
        self.media_type = JSON
        self.head_lines = b""
        self.content: bytes | None = None
        self.access = access
        self.served = served
        self.deadline = deadline
        self.model: LoadedModel
        self.most_rows: int
        self.rows: list[Any] = []
        self.columns: Columns | None = None
        self.count = 0
        self.charged = 0
        self.queued_at = 0.0
        self.mirrored = False
        self.explained: Explained | None = None
        self.weight = 1
        self.where = "row %d"
        self.encode: Encode = _encode_nothing

    @property
    def abandoned(self) -> bool:
        return self.exchange.gone

    @property
    def tally(self) -> Tally:
        return self.served.tally

    def check_count(self, rows: int) -> None:
        """Raise a 413 for more rows than a call may have: the sooner the less is read in vain."""
        if rows > self.most_rows:
            message = f"the call has {rows} rows, at most {self.most_rows} are taken; send several calls"
            raise Problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, message)

    def compose(self, predictions: Predictions) -> None:
        """Make the body of the answer. May run in a thread."""
        try:
            self.content = self.encode(predictions)
        except Exception:
            log.exception("the answer to %s cannot be written", self.exchange.request_id.decode())
        self._let_go()

    def finish(self, predictions: Predictions) -> None:
        if self.content is None:
            self.compose(predictions)
        if self.content is None:
            self.fail(failure())
            return
        self._answerer.answer(self, self.content, predictions)
        if self.mirrored:
            self._answerer.mirror(self, predictions)

    def fail(self, fault: Problem | RowProblem | NotFinite) -> None:
        """Refuse the call; what was taken of the month's predictions for it goes back."""
        self._let_go()
        self.access.account.predictions.give_back(self.charged)
        self.charged = 0
        self._answerer.refuse_call(self, self.problem_of(fault))

    def _let_go(self) -> None:
        """An encoder may hold the call that holds it; such a circle keeps bodies until the collector comes round."""
        self.encode = _encode_nothing

    def problem_of(self, fault: Problem | RowProblem | NotFinite) -> Problem:
        if isinstance(fault, RowProblem):
            problem = bad_request(f"{self.where % fault.row}: {fault.message}")
            problem.row, problem.column = fault.row, fault.column
            return problem
        if isinstance(fault, NotFinite):
            message = f"{self.where % fault.row}: the model computes no finite number for these values"
            return Problem(HTTPStatus.UNPROCESSABLE_ENTITY, message)
        return fault


def _encode_nothing(_: Predictions) -> bytes:
    raise RuntimeError("the call was never read, or was answered already")
