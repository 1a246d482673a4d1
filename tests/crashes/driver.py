"""A process with the platform loaded that plays scenarios in forked copies of itself and lets them be killed.

It reads orders from standard input and answers on standard output, a JSON object each.
"""

import gc
import json
import os
import shutil
import sys
import traceback
from collections.abc import Callable
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any

import django

Act = Callable[[], Any]


def main() -> None:
    django.setup()
    from tests.crashes import afterwards, scenarios

    told = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    for line in sys.stdin:
        order = json.loads(line)
        act: Act = getattr(Acts(scenarios, afterwards), order.pop("act"))
        print(json.dumps(act(**order)), file=told, flush=True)


class Acts:
    """What can be ordered."""

    def __init__(self, scenarios: Any, afterwards: Any) -> None:
        self.scenarios, self.afterwards = scenarios, afterwards
        home = Path(os.environ["MODELYARD_HOME"])
        self.home, self.template, self.acks = home, home.with_name("template"), home.with_name("acks")

    def build(self) -> dict[str, Any]:
        from tests.crashes import world

        (self.home / "database").mkdir(parents=True)
        answer = in_a_copy(world.build)
        for name in answer["told"] or ():  # whatever the first copy had to load the others find loaded
            with suppress(ImportError):
                import_module(name)
        gc.freeze()
        if answer["code"] == 0:
            shutil.copytree(self.home, self.template)
        return {"code": answer["code"]}

    def play(self, scenario: str, at: str) -> dict[str, Any]:
        """Play a scenario from the beginning; `at` is where to be killed, empty for nowhere."""
        from tests.crashes import world

        world.replace_home(self.template)
        self.acks.unlink(missing_ok=True)
        return in_a_copy(lambda: self.scenarios.play(scenario, at, self.acks))

    def recover(self, scenario: str) -> dict[str, Any]:
        """Put in order what a crash left, and say what is found then and which promises were broken."""
        return in_a_copy(lambda: self.afterwards.recover(scenario, self.acks))


def in_a_copy(act: Act) -> dict[str, Any]:
    """Call `act` in a forked copy of this process; says how it ended and what was returned."""
    reading, writing = os.pipe()
    copy = os.fork()
    if copy == 0:
        os.close(reading)
        try:
            with os.fdopen(writing, "w") as pipe:
                json.dump(act(), pipe)
            os._exit(0)
        except BaseException:  # noqa: BLE001 - whatever it is, the copy ends here
            traceback.print_exc()
        finally:
            os._exit(70)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        text = pipe.read()
    _pid, status = os.waitpid(copy, 0)
    return {"code": os.waitstatus_to_exitcode(status), "told": json.loads(text) if text else None}


if __name__ == "__main__":
    main()
