"""Load by `wrk`, from one core, with bodies that rotate."""

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

SCRIPT = """
local bodies = {}
for body in io.lines("%(bodies)s") do bodies[#bodies + 1] = body end
local number = 0
wrk.method = "POST"
wrk.headers["Authorization"] = "Bearer %(key)s"
wrk.headers["Content-Type"] = "application/json"
request = function()
  number = number %% #bodies + 1
  return wrk.format(nil, "%(path)s", nil, bodies[number])
end
done = function(summary, latency, requests)
  local errors = summary.errors
  local failed = errors.status + errors.connect + errors.read + errors.write + errors.timeout
  io.write(string.format("RESULT %%d %%d %%d %%f %%f\\n", summary.requests, summary.duration, failed,
    latency:percentile(50), latency:percentile(99)))
end
"""


@dataclass(frozen=True, kw_only=True)
class Measured:
    """One round: requests a second, errors, latencies in milliseconds."""

    requests: int
    rate: float
    errors: int
    median: float
    slowest: float


def write_script(folder: Path, bodies: list[bytes], key: str, path: str) -> Path:
    lines = folder / "bodies"
    lines.write_bytes(b"\n".join(bodies) + b"\n")
    script = folder / "load.lua"
    script.write_text(SCRIPT % {"bodies": lines, "key": key, "path": path})
    return script


def run_wrk(url: str, script: Path, *, connections: int, seconds: int, core: int) -> Measured:
    command = ["taskset", "-c", str(core), "wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "-s", str(script), url]
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    found = re.search(r"RESULT (\d+) (\d+) (\d+) ([\d.]+) ([\d.]+)", output)
    if found is None:
        raise RuntimeError(f"wrk said nothing that can be read: {output}")
    requests, microseconds, errors, median, slowest = (float(part) for part in found.groups())
    return Measured(
        requests=int(requests),
        rate=requests / (microseconds / 1e6),
        errors=int(errors),
        median=median / 1000,
        slowest=slowest / 1000,
    )
