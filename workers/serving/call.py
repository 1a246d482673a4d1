"""One call for predictions on its way: from the rows that were read to the answer that is written and counted."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Protocol

import orjson

from modelyard.features import RowProblem
from workers.serving.admission.accounts import Account
from workers.serving.admission.callers import Caller
from workers.serving.endpoints import Endpoint, Served
from workers.serving.http.exchange import Exchange
from workers.serving.models.loaded import Columns, LoadedModel, NotFinite, Predictions
from workers.serving.problems import Problem, bad_request, failure

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


class Answerer(Protocol):
    """What writes the answer of a call and counts it."""

    def answer(self, call: "Call", content: bytes) -> None: ...

    def refuse_call(self, call: "Call", problem: Problem) -> None: ...


class Call:
    """A call for `count` predictions, as `rows` or as `columns`; `encode` makes the body of the answer."""

    __slots__ = (
        "_answerer",
        "access",
        "charged",
        "columns",
        "count",
        "deadline",
        "encode",
        "exchange",
        "model",
        "rows",
        "served",
        "where",
    )

    def __init__(self, answerer: Answerer, exchange: Exchange, access: Access, served: Served, deadline: float) -> None:
        self._answerer = answerer
        self.exchange = exchange
        self.access = access
        self.served = served
        self.deadline = deadline
        self.model: LoadedModel
        self.rows: list[Any] = []
        self.columns: Columns | None = None
        self.count = 0
        self.charged = 0
        self.where = "row %d"
        self.encode: Encode = orjson.dumps

    @property
    def abandoned(self) -> bool:
        return self.exchange.gone

    def finish(self, predictions: Predictions) -> None:
        try:
            content = self.encode(predictions)
        except Exception:
            log.exception("the answer to %s cannot be written", self.exchange.request_id.decode())
            self.fail(failure())
        else:
            self._answerer.answer(self, content)

    def fail(self, fault: Problem | RowProblem | NotFinite) -> None:
        """Refuse the call; what was taken of the month's predictions for it goes back."""
        self.access.account.predictions.give_back(self.charged)
        self.charged = 0
        self._answerer.refuse_call(self, self.problem_of(fault))

    def problem_of(self, fault: Problem | RowProblem | NotFinite) -> Problem:
        if isinstance(fault, RowProblem):
            return bad_request(f"{self.where % fault.row}: {fault.message}")
        if isinstance(fault, NotFinite):
            message = f"{self.where % fault.row}: the model computes no finite number for these values"
            return Problem(HTTPStatus.UNPROCESSABLE_ENTITY, message)
        return fault
