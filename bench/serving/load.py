"""Load by `wrk`, one thread on a core of its own, with requests that rotate."""

import re
import resource
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.serving import machine
from bench.serving.processes import Server
from bench.serving.wire import Request

SCRIPT = Path(__file__).parent / "load.lua"
RESULT = re.compile(r"RESULT (\d+) (\d+) (\d+) ([\d.]+) ([\d.]+)")


@dataclass(frozen=True, kw_only=True)
class Measured:
    """One round of a server: requests a second, milliseconds, errors; seconds of processor a request; the share of a
    core that others used (`foreign`) and that the client and the server used."""

    rate: float
    median: float
    slowest: float
    errors: int
    cpu: float
    server: float
    client: float
    foreign: float


def write_requests(path: Path, requests: Sequence[Request]) -> None:
    """Write requests as the script reads them: a line that says how long the parts are, then the parts."""
    with path.open("wb") as file:
        for request in requests:
            headers = "".join(f"{name}: {value}\n" for name, value in request.headers.items()).encode()
            file.write(b"%s %d %d\n" % (request.path.encode(), len(headers), len(request.body)))
            file.write(headers + request.body)


def press(server: Server, requests: Path, *, connections: int, seconds: float, core: str) -> Measured:
    """Load a server and say how it stood."""
    url = f"http://127.0.0.1:{server.port}"
    command = ["taskset", "-c", core, "wrk", "-t1", f"-c{connections}", f"-d{seconds:g}s", "--timeout", "10s"]
    before = _look(server)
    done = subprocess.run(
        [*command, "-s", str(SCRIPT), url, "--", str(requests)], capture_output=True, text=True, check=False
    )
    after = _look(server)
    found = RESULT.search(done.stdout)
    if found is None:
        raise RuntimeError(f"wrk said nothing that can be read: {done.stdout[-300:]} {done.stderr[-300:]}")
    count, microseconds, errors, median, slowest = (float(part) for part in found.groups())
    wall = microseconds / 1e6
    busy, served, helped, loaded = (late - early for late, early in zip(after, before, strict=True))
    return Measured(
        rate=count / wall,
        median=median / 1000,
        slowest=slowest / 1000,
        errors=int(errors),
        cpu=served / max(1.0, count),
        server=served / wall,
        client=loaded / wall,
        foreign=max(0.0, busy - served - helped - loaded) / wall,
    )


def _look(server: Server) -> tuple[float, float, float, float]:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    client = usage.ru_utime + usage.ru_stime
    return machine.busy_seconds(), server.cpu_seconds, server.helper_seconds, client
