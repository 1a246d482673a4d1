"""What a caller is told when a call is refused. The protocol decides the shape, the problem status and words."""

from http import HTTPStatus
from typing import TypeVar

from workers.serving.http.heads import JSON

AnyFault = TypeVar("AnyFault", bound=Exception)


class Problem(Exception):
    """A refusal. `retry_after` in seconds where trying again can help; `allow` the verbs that a path takes;
    `media_type` where a protocol tells this one otherwise than in JSON. `row` (from 0) and `column` are what was wrong,
    where that is known."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        retry_after: float | None = None,
        allow: str = "",
        media_type: bytes = JSON,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.retry_after = retry_after
        self.allow = allow
        self.media_type = media_type
        self.row: int | None = None
        self.column: str | None = None


def bad_request(message: str) -> Problem:
    return Problem(HTTPStatus.BAD_REQUEST, message)


def unauthorized(message: str) -> Problem:
    return Problem(HTTPStatus.UNAUTHORIZED, message)


def forbidden(message: str) -> Problem:
    return Problem(HTTPStatus.FORBIDDEN, message)


def not_found(message: str) -> Problem:
    return Problem(HTTPStatus.NOT_FOUND, message)


def too_many(message: str, retry_after: float) -> Problem:
    return Problem(HTTPStatus.TOO_MANY_REQUESTS, message, retry_after=retry_after)


def unavailable(message: str, retry_after: float = 1) -> Problem:
    return Problem(HTTPStatus.SERVICE_UNAVAILABLE, message, retry_after=retry_after)


def queue_full(wait: float = 1) -> Problem:
    return unavailable("too many calls wait for this model; try again", wait)


def too_late() -> Problem:
    return Problem(HTTPStatus.GATEWAY_TIMEOUT, "the deadline passed before the model was asked; try again")


def failure() -> Problem:
    return Problem(HTTPStatus.INTERNAL_SERVER_ERROR, "the predictor failed; the operator finds the reason in its log")


def bare(fault: AnyFault) -> AnyFault:
    """Return a fault that is kept rather than raised, without the frames that it came through.

    They hold what was being read, and in a circle with the fault they would hold it until the collector comes round.
    """
    fault.__traceback__ = fault.__context__ = fault.__cause__ = None
    return fault
