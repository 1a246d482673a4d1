"""`/healthz` for balancers, `/livez` for who restarts the process, `/` for clients of KServe's first protocol."""

from http import HTTPStatus

import orjson

from workers.serving.http.exchange import Exchange
from workers.serving.problems import Problem
from workers.serving.protocols.family import Operation, Public

ALIVE = orjson.dumps({"status": "alive"})


class Health:
    """Paths without a key."""

    def owns(self, path: str) -> bool:
        return path in PATHS

    def parse(self, method: bytes, path: str) -> Operation:
        if method not in (b"GET", b"HEAD"):
            raise Problem(HTTPStatus.METHOD_NOT_ALLOWED, f"{path} takes GET only", allow="GET, HEAD")
        return PATHS[path]

    def encode_problem(self, problem: Problem, exchange: Exchange) -> bytes:
        return orjson.dumps({"error": problem.message})


def show_health(problems: list[str]) -> bytes:
    return orjson.dumps({"status": "unavailable" if problems else "ok", "problems": problems})


PATHS = {
    "/": Public(show=lambda _: ALIVE),
    "/healthz": Public(show=show_health, heeds_readiness=True),
    "/livez": Public(show=show_health),
}
