"""Run the benchmark and print its tables."""

import argparse
import tempfile
from pathlib import Path
from statistics import median

import orjson

from bench.serving.load import Measured, run_wrk, write_script
from bench.serving.model import KEY, sample_rows, write_model
from bench.serving.servers import PATH, Server

SERVER_CORE, CLIENT_CORE = 0, 1
BODIES = 64
SHAPES = ((1, 1), (1, 8), (1, 64), (1000, 1))
Results = dict[tuple[str, int, int], list[tuple[Measured, float]]]


def main() -> None:
    options = read_options()
    names = options.servers.split(",")
    results: Results = {}
    notes: dict[str, str] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        target = write_model(folder / "artifact")
        for number in range(options.rounds):
            for index, server_name in enumerate(names):
                port = 19000 + number * 20 + index
                with Server(server_name, target, folder, port, SERVER_CORE) as server:
                    measure(server, folder, options.seconds, results)
                    notes[server_name] = f"{server.memory_mb:.0f} MB, first answer after {server.cold_seconds:.2f} s"
    show(names, results, notes)


def measure(server: Server, folder: Path, seconds: int, results: Results) -> None:
    for rows, connections in SHAPES:
        bodies = [orjson.dumps({"instances": sample_rows(rows, seed)}) for seed in range(BODIES if rows == 1 else 8)]
        script = write_script(folder, bodies, KEY, PATH)
        before = server.cpu_seconds
        measured = run_wrk(server.url, script, connections=connections, seconds=seconds, core=CLIENT_CORE)
        cost = (server.cpu_seconds - before) / max(1, measured.requests)
        results.setdefault((server.name, rows, connections), []).append((measured, cost))


def show(names: list[str], results: Results, notes: dict[str, str]) -> None:
    for rows, connections in SHAPES:
        unit = "requests/s" if rows == 1 else "rows/s"
        print(f"\n{rows} row(s) a request, {connections} connection(s)")
        for name in names:
            rounds = results[name, rows, connections]
            rate = median(measured.rate for measured, _ in rounds) * rows
            middle, slow = (median(item[0].median for item in rounds), median(item[0].slowest for item in rounds))
            errors, cost = sum(item.errors for item, _ in rounds), median(cost for _, cost in rounds) * 1e6
            print(
                f"  {name:12} {rate:12,.0f} {unit:10}  p50 {middle:7.2f} ms  p99 {slow:7.2f} ms"
                f"  {cost:8,.0f} us of processor a request  errors {errors}"
            )
    print()
    for name in names:
        print(f"  {name:12} {notes[name]}")


def read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.serving", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=4)
    parser.add_argument("--servers", default="modelyard,fastapi,constant")
    return parser.parse_args()


if __name__ == "__main__":
    main()
