"""`python -m workers.serving [--processes N]`: run the predictor until SIGTERM or Ctrl-C."""

import argparse
import logging
import sys
from dataclasses import replace

from modelyard.environment import UnsafeSetting
from workers.serving.settings import Settings, read_settings
from workers.serving.siblings import Siblings, become_child

log = logging.getLogger("workers.serving")


def serve(settings: Settings) -> None:
    """Run one predictor in this process."""
    import uvloop

    from workers.serving.server import Predictor

    async def run() -> None:
        await Predictor(settings).run()

    uvloop.run(run())


def serve_together(settings: Settings) -> None:
    """Run several predictors, each in a process of its own."""
    siblings = Siblings(
        host=settings.host,
        port=settings.port,
        count=settings.processes,
        name=settings.name,
        drain_seconds=settings.drain_seconds,
    )
    log.info("%d processes on %s:%d", settings.processes, settings.host, settings.port)
    siblings.run()


def main() -> int:
    options = read_options()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    try:
        settings = read_settings()
    except UnsafeSetting as fault:
        log.error("%s", fault)
        return 2
    if options.processes is not None:
        settings = replace(settings, processes=options.processes)
    if options.child_of is not None:
        become_child()
        settings = replace(settings, processes=1, parent=options.child_of)
    try:
        (serve if settings.processes == 1 else serve_together)(settings)
    except OSError as fault:
        log.error("cannot listen on %s:%d: %s", settings.host, settings.port, fault)
        return 1
    return 0


def read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m workers.serving", description=__doc__)
    parser.add_argument("--processes", type=int, choices=range(1, 257), metavar="N", help="how many processes to run")
    parser.add_argument("--child-of", type=int, help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
