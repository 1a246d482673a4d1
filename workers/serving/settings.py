"""What the environment says to the predictor. Every variable is documented in `docs/settings.md`."""

import os
import socket
from dataclasses import dataclass, field
from pathlib import Path

from modelyard.environment import (
    ROOT,
    embedded_redis_url,
    read_bucket,
    read_grpc_port,
    read_hidden,
    read_integer,
    read_metrics_token,
    read_origins,
    read_secret,
    read_text,
)
from modelyard.objects.opening import open_shelf
from modelyard.objects.shelf import Shelf
from workers.serving.siblings import MOST_BY_DEFAULT, count_cores

MEBIBYTE = 1024**2


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Checked values. Sizes in bytes, times in seconds where the name does not say otherwise.

    `parent` is the process that started this one as one of several behind the same port.
    """

    host: str
    port: int
    redis_url: str = field(repr=False)
    pepper: bytes = field(repr=False)
    name: str
    max_body_bytes: int = 10 * MEBIBYTE
    max_arriving_bytes: int = 64 * MEBIBYTE
    max_rows: int = 10_000
    max_queued_rows: int = 20_000
    max_queued_requests: int = 1024
    max_connections: int = 4096
    deadline_ms: int = 10_000
    threads: int = 1
    processes: int = 1
    parent: int | None = None
    memory_bytes: int = 2048 * MEBIBYTE
    shelf: Shelf | None = None
    grpc_port: int = 8002
    metrics_token: str = field(default="", repr=False)
    load_seconds: int = 60
    ready_seconds: int = 10
    drain_seconds: int = 30
    head_timeout: int = 10
    body_timeout: int = 60
    idle_timeout: int = 75
    origins: frozenset[str] = frozenset()


def read_settings() -> Settings:
    """Read and check every variable. Raises `modelyard.environment.UnsafeSetting`."""
    home = Path(read_text("MODELYARD_HOME", str(ROOT / "var"))).resolve()
    port = read_integer("MODELYARD_PREDICT_PORT", 8001, 1, 65535)
    return Settings(
        host=read_text("MODELYARD_PREDICT_HOST", read_text("MODELYARD_HOST", "127.0.0.1")),
        port=port,
        redis_url=read_hidden("REDIS_URL", embedded_redis_url(home)),
        pepper=read_secret("MODELYARD_KEY_PEPPER", home / "secrets" / "key_pepper").encode(),
        name=read_text("MODELYARD_PREDICT_NAME", f"{socket.gethostname()}:{port}:{os.getpid()}"),
        max_body_bytes=read_integer("MODELYARD_PREDICT_MAX_BODY_BYTES", 10 * MEBIBYTE, 1024, 1024 * MEBIBYTE),
        max_arriving_bytes=read_integer("MODELYARD_PREDICT_MAX_ARRIVING_BYTES", 64 * MEBIBYTE, 1024, 1024**4),
        max_rows=read_integer("MODELYARD_PREDICT_MAX_ROWS", 10_000, 1, 10_000_000),
        max_queued_rows=read_integer("MODELYARD_PREDICT_MAX_QUEUED_ROWS", 20_000, 1, 100_000_000),
        max_queued_requests=read_integer("MODELYARD_PREDICT_MAX_QUEUED_REQUESTS", 1024, 1, 1_000_000),
        max_connections=read_integer("MODELYARD_PREDICT_MAX_CONNECTIONS", 4096, 1, 1_000_000),
        deadline_ms=read_integer("MODELYARD_PREDICT_DEADLINE_MS", 10_000, 1, 600_000),
        threads=read_integer("MODELYARD_PREDICT_THREADS", 1, 1, 256),
        processes=read_integer("MODELYARD_PREDICT_PROCESSES", min(count_cores(), MOST_BY_DEFAULT), 1, 256),
        memory_bytes=read_integer("MODELYARD_PREDICT_MEMORY_BYTES", 2048 * MEBIBYTE, MEBIBYTE, 1024**4),
        shelf=None if read_bucket() is None else open_shelf(),
        grpc_port=read_grpc_port(),
        metrics_token=read_metrics_token(),
        load_seconds=read_integer("MODELYARD_PREDICT_LOAD_SECONDS", 60, 1, 3600),
        ready_seconds=read_integer("MODELYARD_PREDICT_READY_SECONDS", 10, 0, 3600),
        drain_seconds=read_integer("MODELYARD_PREDICT_DRAIN_SECONDS", 30, 0, 3600),
        head_timeout=read_integer("MODELYARD_PREDICT_HEAD_TIMEOUT", 10, 1, 3600),
        body_timeout=read_integer("MODELYARD_PREDICT_BODY_TIMEOUT", 60, 1, 3600),
        idle_timeout=read_integer("MODELYARD_PREDICT_IDLE_TIMEOUT", 75, 1, 3600),
        origins=read_origins("MODELYARD_PREDICT_CORS_ORIGINS"),
    )
