"""`python -m workers.serving`: run one predictor until SIGTERM or Ctrl-C."""

import logging
import sys

import uvloop

from modelyard.environment import UnsafeSetting
from workers.serving.server import Predictor
from workers.serving.settings import Settings, read_settings


async def serve(settings: Settings) -> None:
    await Predictor(settings).run()


def main() -> int:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    try:
        settings = read_settings()
    except UnsafeSetting as fault:
        logging.error("%s", fault)
        return 2
    try:
        uvloop.run(serve(settings))
    except OSError as fault:
        logging.error("cannot listen on %s:%d: %s", settings.host, settings.port, fault)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
