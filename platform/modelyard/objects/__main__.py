"""For processes that cannot afford boto3 (40 MB, a third of a second), such as the predictor.

    python -m modelyard.objects fetch FOLDER SEAL MANIFEST    have a stored folder among this machine's copies
    python -m modelyard.objects sweep                         take away copies of what is no longer stored

Ends with 0; with 3 where the store does not answer, with 4 where what it holds is damaged; the reason is on stderr.
"""

import logging
import sys

from modelyard.environment import UnsafeSetting
from modelyard.objects.faults import Damaged, Unreachable
from modelyard.objects.opening import DAMAGED, MISUSED, UNREACHABLE, open_shelf
from modelyard.objects.shelf import Shelf
from modelyard.objects.sweeping import sweep_when_due


def main(arguments: list[str]) -> int:
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    try:
        return act(open_shelf(), *arguments)
    except (UnsafeSetting, TypeError, ValueError) as fault:
        logging.error("%s", fault)
        return MISUSED
    except Unreachable as fault:
        logging.error("%s", fault)
        return UNREACHABLE
    except Damaged as fault:
        logging.error("%s", fault)
        return DAMAGED


def act(shelf: Shelf, order: str, folder: str = "", seal: str = "", manifest: str = "") -> int:
    """Do what was asked for."""
    if order == "sweep":
        sweep_when_due(shelf)
    elif order == "fetch" and folder and seal:
        place = shelf.root / folder
        with shelf.in_use(place):
            shelf.fetch(place, seal, manifest=manifest)
    else:
        raise ValueError("wants: fetch FOLDER SEAL MANIFEST, or sweep")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
