"""`/healthz` for balancers, `/livez` for who restarts the process."""

import orjson

from workers.serving.http.exchange import Exchange
from workers.serving.problems import Problem, not_found
from workers.serving.protocols.family import Operation, Public

PATHS = {"/healthz": True, "/livez": False}


class Health:
    """Two paths without a key."""

    def owns(self, path: str) -> bool:
        return path in PATHS

    def parse(self, method: bytes, path: str) -> Operation:
        if method not in (b"GET", b"HEAD"):
            raise not_found(f"{path} takes GET only")
        return Public(show=show_health, heeds_readiness=PATHS[path])

    def encode_problem(self, problem: Problem, exchange: Exchange) -> bytes:
        return orjson.dumps({"error": problem.message})


def show_health(problems: list[str]) -> bytes:
    return orjson.dumps({"status": "unavailable" if problems else "ok", "problems": problems})
