"""What a protocol family is to the desk: paths to operations, problems to bodies."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

from workers.serving.call import Call
from workers.serving.endpoints import Endpoint
from workers.serving.http.exchange import Exchange
from workers.serving.http.heads import JSON
from workers.serving.problems import Problem

PREDICTING = frozenset(("predict",))
LOOKING = frozenset(("predict", "read"))


@dataclass(frozen=True, kw_only=True)
class Prediction:
    """An operation that predicts: `read` takes the rows of the body into the call, or raises what is wrong with it.

    An `endpoint` without a name is the one that the key is bound to. `variant` is a header that may name the version,
    by its number or by a label. Bodies of a content type in `slow` are read in a thread however small they are.
    """

    endpoint: str
    read: Callable[[Call], None]
    version: int | None = None
    label: str | None = None
    variant: bytes | None = None
    slow: frozenset[bytes] = frozenset()

    def is_slow(self, headers: Mapping[bytes, bytes]) -> bool:
        kind = headers.get(b"content-type")
        return kind is not None and kind.partition(b";")[0].strip().lower() in self.slow

    @cached_property
    def leaves_open(self) -> bool:
        """Whether no call of this operation names a version."""
        return self.version is None and self.label is None and self.variant is None

    def asks_for(self, headers: Mapping[bytes, bytes]) -> tuple[int | None, str | None]:
        """Return the version or the label that the call names, if it names one."""
        said = headers.get(self.variant, b"").strip() if self.variant is not None else b""
        if not said:
            return self.version, self.label
        number = said.removeprefix(b"v")
        return (int(number), None) if number.isdigit() and len(number) < 10 else (None, said.decode("latin-1"))


@dataclass(frozen=True, kw_only=True)
class Look:
    """An operation that only tells something about an endpoint. What is `tagged` need not be sent to who has it."""

    endpoint: str
    show: Callable[[Endpoint], bytes]
    tagged: bool = False


@dataclass(frozen=True, kw_only=True)
class Overview:
    """An operation that tells something about all endpoints that the caller may use, in the order of their names."""

    show: Callable[[list[Endpoint], Exchange], bytes]


@dataclass(frozen=True, kw_only=True)
class Public:
    """An operation that needs no key. `show` gets what keeps the predictor from being ready; that makes it a 503.

    `check` raises a problem where the exchange may not have it all the same.
    """

    show: Callable[[list[str]], bytes]
    heeds_readiness: bool = False
    check: Callable[[Exchange], None] | None = None
    media_type: bytes = JSON


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
