"""What a protocol family is to the desk: paths to operations, problems to bodies."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from workers.serving.call import Call
from workers.serving.endpoints import Endpoint
from workers.serving.http.exchange import Exchange
from workers.serving.problems import Problem

PREDICTING = frozenset(("predict",))
LOOKING = frozenset(("predict", "read"))


@dataclass(frozen=True, kw_only=True)
class Prediction:
    """An operation that predicts: `read` takes the rows of the body into the call, or raises what is wrong with it."""

    endpoint: str
    read: Callable[[Call], None]
    version: int | None = None
    label: str | None = None


@dataclass(frozen=True, kw_only=True)
class Look:
    """An operation that only tells something about an endpoint."""

    endpoint: str
    show: Callable[[Endpoint], bytes]


@dataclass(frozen=True, kw_only=True)
class Overview:
    """An operation that tells something about the names of all endpoints of the caller."""

    show: Callable[[list[str]], bytes]


@dataclass(frozen=True, kw_only=True)
class Public:
    """An operation that needs no key. `show` gets what keeps the predictor from being ready; that makes it a 503."""

    show: Callable[[list[str]], bytes]
    heeds_readiness: bool = False


Operation = Prediction | Look | Overview | Public


class Family(Protocol):
    """A protocol. All of them are thin: they share the desk, the models and the limits."""

    def owns(self, path: str) -> bool:
        """Whether the path is this family's, so that its errors have this family's shape."""
        ...

    def parse(self, method: bytes, path: str) -> Operation:
        """Return what is asked for on a path of this family. Raises `Problem`."""
        ...

    def encode_problem(self, problem: Problem, exchange: Exchange) -> bytes: ...
