"""Run the benchmark, keep its figures, print its tables."""

import argparse
import copy
import logging
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from bench.serving import extras, machine, report
from bench.serving.contestants import CONTESTANTS, Contestant
from bench.serving.equivalence import try_equivalence
from bench.serving.models import MODELS, Model
from bench.serving.processes import ROOT, Server
from bench.serving.results import Results
from bench.serving.robustness import try_bad_inputs, try_big_body, try_neighbours
from bench.serving.rounds import Field

PARTS = ("rates", "robustness", "extras")
QUICK_SECONDS, QUICK_ROUNDS = 1, 2
HOME = ROOT / "var" / "bench"

log = logging.getLogger("bench.serving")


def main() -> int:
    options = read_options()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S", stream=sys.stderr)
    if not options.show:
        if shutil.which("wrk") is None:
            log.error("wrk is missing; install it with the system's packages (apt-get install wrk)")
            return 2
        run(options)
    results = Results.load(options.output)
    text = report.compose(results)
    print(text)
    if options.write is not None:
        report.write_into(options.write, text)
    return 0


def run(options: argparse.Namespace) -> None:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that no server is left behind, frozen
    os.sched_setaffinity(0, {machine.CLIENT_CORE})
    started = time.monotonic()
    facts = machine.look()
    log.info("%s, %d cores, load average %s", facts.processor, facts.cores, facts.load)
    fewer = max(1, options.rounds - 1)
    results = Results(facts=facts, options={"rounds": options.rounds, "fewer": fewer, "seconds": options.seconds})
    older = Results.load(options.output) if options.add and options.output.is_file() else None
    contestants = [CONTESTANTS[name] for name in options.servers]
    with tempfile.TemporaryDirectory(prefix="bench-serving-") as name:
        for kind in options.models:
            model = MODELS[kind](Path(name))
            run_model(model, contestants, options, options.rounds if kind == "table" else fewer, results)
            keep(results, older, options.output)
    log.info("done after %.0f s", time.monotonic() - started)


def run_model(
    model: Model, contestants: Sequence[Contestant], options: argparse.Namespace, rounds: int, results: Results
) -> None:
    robust = "robustness" in options.parts and model.name == "table"
    if "rates" in options.parts or robust:
        with Field(model, contestants, options.environments, results) as field:
            if "rates" in options.parts:
                field.measure(rounds, options.seconds)
            if robust:
                field.each(lambda server: try_everything(server, results))
    if "extras" in options.parts:
        log.info("%s: the bare runtime, memory, two processes", model.name)
        results.runtime[model.name] = extras.time_runtime(model)
        if model.name == "table":
            results.another_model_mb = extras.weigh_another_model(model, options.environments)
            results.with_grpc_mb = extras.weigh_with_grpc(model, options.environments)
            extras.scale(model, options.environments, options.seconds, results)


def try_everything(server: Server, results: Results) -> None:
    if server.name == "constant":
        return
    log.info("bad input: %s", server.title)
    results.bad_inputs[server.name] = try_bad_inputs(server)
    results.neighbours[server.name] = try_neighbours(server)
    results.big_bodies[server.name] = try_big_body(server)
    if server.name == "modelyard":
        results.equivalence = asdict(try_equivalence(server))


def keep(results: Results, older: Results | None, path: Path) -> None:
    kept = copy.deepcopy(results)
    if older is not None:
        kept.adopt(older)
    kept.save(path)


def read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.serving", description=__doc__)
    names, models = ",".join(CONTESTANTS), ",".join(MODELS)
    parser.add_argument("--quick", action="store_true", help="few peers, the table only, short rounds")
    parser.add_argument("--rounds", type=int, default=3, help="rounds with the table; one less with the others")
    parser.add_argument("--seconds", type=int, default=2, help="how long a round loads a server")
    parser.add_argument("--models", default=models, help=f"of {models}")
    parser.add_argument("--servers", default=names, help=f"of {names}")
    parser.add_argument("--parts", default=",".join(PARTS), help=f"of {','.join(PARTS)}")
    parser.add_argument("--environments", type=Path, default=HOME / "environments", help="where peers are installed")
    parser.add_argument("--output", type=Path, default=HOME / "serving.json", help="where the figures are kept")
    parser.add_argument("--add", action="store_true", help="keep the figures in it that this run does not measure")
    parser.add_argument("--show", action="store_true", help="measure nothing, show the figures that are kept")
    parser.add_argument("--write", type=Path, help="a page whose marked block the tables are written into")
    options = parser.parse_args()
    if options.quick:
        options.rounds, options.seconds, options.models = QUICK_ROUNDS, QUICK_SECONDS, "table"
        if options.servers == names:
            options.servers = ",".join(name for name, item in CONTESTANTS.items() if not item.heavy)
    for name, known in (("servers", CONTESTANTS), ("models", MODELS), ("parts", PARTS)):
        chosen = getattr(options, name).split(",")
        unknown = set(chosen) - set(known)
        if unknown:
            parser.error(f"--{name}: {', '.join(sorted(unknown))} is none of {', '.join(known)}")
        setattr(options, name, chosen)
    return options


if __name__ == "__main__":
    sys.exit(main())
