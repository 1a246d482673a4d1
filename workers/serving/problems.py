"""What a caller is told when a call is refused. The protocol decides the shape, the problem status and words."""

from http import HTTPStatus


class Problem(Exception):
    """A refusal. `retry_after` in seconds where trying again can help; `close` where the connection cannot go on."""

    def __init__(
        self, status: int, message: str, *, retry_after: float | None = None, close: bool = False, allow: str = ""
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.retry_after = retry_after
        self.close = close
        self.allow = allow


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


def too_late() -> Problem:
    return Problem(HTTPStatus.GATEWAY_TIMEOUT, "the deadline passed before the model was asked; try again")


def failure() -> Problem:
    return Problem(HTTPStatus.INTERNAL_SERVER_ERROR, "the predictor failed; the operator finds the reason in its log")
