"""`/metrics` for Prometheus: no key of a workspace opens it, see `modelyard.exposition`."""

from collections.abc import Callable

import orjson

from modelyard.exposition import CONTENT_TYPE, may_read
from workers.serving.http.exchange import Exchange
from workers.serving.problems import Problem, forbidden, not_found
from workers.serving.protocols.family import Operation, Public

PATH = "/metrics"


class MetricsPage:
    """One path, guarded by a token or by where the caller is."""

    def __init__(self, show: Callable[[], bytes], token: str) -> None:
        self._show = show
        self._token = token

    def owns(self, path: str) -> bool:
        return path == PATH

    def parse(self, method: bytes, path: str) -> Operation:
        if method not in (b"GET", b"HEAD"):
            raise not_found(f"{path} takes GET only")
        return Public(show=lambda _problems: self._show(), check=self._check, media_type=CONTENT_TYPE.encode())

    def encode_problem(self, problem: Problem, exchange: Exchange) -> bytes:
        return orjson.dumps({"error": problem.message})

    def _check(self, exchange: Exchange) -> None:
        """Raise a 403 to whoever may not read metrics."""
        headers = [name.decode("latin-1") for name in exchange.headers]
        authorization = exchange.headers.get(b"authorization", b"").decode("latin-1")
        if may_read(self._token, authorization=authorization, peer=exchange.peer, headers=headers):
            return
        if self._token:
            raise forbidden("metrics are for whoever sends MODELYARD_METRICS_TOKEN as 'Authorization: Bearer …'")
        raise forbidden("metrics are told on this machine only, and not through a proxy; set MODELYARD_METRICS_TOKEN")
