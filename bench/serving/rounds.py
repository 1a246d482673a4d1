"""Interleaved rounds: all servers of a model stand ready, frozen; each in turn is thawed, loaded and frozen again."""

import logging
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path

from bench.serving import machine
from bench.serving.contestants import Contestant
from bench.serving.environments import CannotInstall
from bench.serving.load import Measured, press, write_requests
from bench.serving.models import Model
from bench.serving.processes import FAULTS, Server, Unfit
from bench.serving.results import Case, Results, Standing

log = logging.getLogger(__name__)

CONNECTIONS = (1, 8, 64)
FEW_CONNECTIONS = (1, 64)
MANY_ROWS = 1000
BODIES = {1: 64, MANY_ROWS: 8}
CHECKED_ROWS = (1, 5, 16)
SINGLE_FORMS = {"table": ("rows",), "digits": ("rows",), "photos": ("rows", "jpeg")}
LARGE_FORMS = ("rows", "lists", "split", "columns", "binary")


def cases_of(model: str, contestant: Contestant) -> list[Case]:
    """What a contestant is measured with. Slow servers are spared the middle row of the larger models."""
    spared = contestant.heavy and model != "table"
    cases = [
        Case(model, form, 1, connections)
        for form in SINGLE_FORMS[model]
        for connections in (FEW_CONNECTIONS if spared or form == "jpeg" else CONNECTIONS)
    ]
    if model == "table":
        cases += [Case(model, form, MANY_ROWS, 1) for form in LARGE_FORMS]
    wanted = ("rows",) if contestant.name == "constant" and model == "table" else tuple(contestant.wires)
    return [case for case in cases if case.form in wanted]


class Field:
    """The servers of one model that are fit to be measured."""

    def __init__(self, model: Model, contestants: Sequence[Contestant], environments: Path, results: Results) -> None:
        self.model = model
        self.servers: list[Server] = []
        self._contestants = contestants
        self._environments = environments
        self._results = results
        self._stack = ExitStack()
        self._differences: dict[str, float] = {}
        self._fresh: dict[str, float] = {}
        self._broken: set[tuple[str, str]] = set()

    def __enter__(self) -> "Field":
        with ExitStack() as stack:
            for contestant in self._contestants:
                server = stack.enter_context(Server(contestant, self.model, self._environments))
                try:
                    server.start()
                    self._fresh[server.name] = server.memory_mb
                    self._differences[server.name] = self._check(server)
                except (Unfit, CannotInstall, *FAULTS) as fault:
                    self._excuse(contestant, fault)
                    server.stop()
                    continue
                server.freeze()
                self.servers.append(server)
                log.info("%s: %s answers after %.2f s", self.model.name, server.title, server.cold_seconds)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def _excuse(self, contestant: Contestant, fault: Exception, form: str = "") -> None:
        what = ", ".join(part for part in (contestant.title, self.model.name, form) if part)
        log.warning("left out: %s: %s", what, fault)
        self._results.excuses[what] = str(fault)[:500]

    def _check(self, server: Server) -> float:
        """The largest difference of all forms that will be measured; the constant body is right about nothing.

        A form that is answered wrongly is left out; a server that cannot even do the plainest one is `Unfit`.
        """
        if server.name == "constant":
            return 0.0
        largest = 0.0
        for form in sorted({case.form for case in self._cases(server)}, key="rows".__ne__):
            try:
                for count in CHECKED_ROWS:
                    rows = self.model.sample(count, seed=count, jpeg=form == "jpeg")
                    largest = max(largest, server.check(form, rows))
            except (Unfit, *FAULTS) as fault:
                if form == "rows":
                    raise
                self._excuse(server.contestant, fault, form)
                self._broken.add((server.name, form))
        return largest

    def _cases(self, server: Server) -> list[Case]:
        cases = cases_of(self.model.name, server.contestant)
        return [case for case in cases if (server.name, case.form) not in self._broken]

    def each(self, visit: Callable[[Server], None]) -> None:
        """Call `visit` with one server after the other awake, the others frozen."""
        for server in list(self.servers):
            try:
                server.thaw()
                visit(server)
                server.freeze()
            except (Unfit, *FAULTS) as fault:
                self._excuse(server.contestant, fault)
                self.servers.remove(server)
                server.freeze()

    def measure(self, rounds: int, seconds: int) -> None:
        for number in range(rounds):
            log.info("%s: round %d of %d", self.model.name, number + 1, rounds)
            self.each(lambda server: self._measure_once(server, seconds))
        self.each(self._look_again)

    def _measure_once(self, server: Server, seconds: int) -> None:
        for case in self._cases(server):
            self._results.note(case, server.name, self._press(server, case, seconds))

    def _press(self, server: Server, case: Case, seconds: int) -> Measured:
        requests = self.model.folder / f"{server.name}-{case.model}-{case.form}-{case.rows}"
        if not requests.is_file():
            encode, jpeg = server.contestant.wires[case.form].encode, case.form == "jpeg"
            samples = [self.model.sample(case.rows, 1000 + seed, jpeg=jpeg) for seed in range(BODIES[case.rows])]
            write_requests(requests, [encode(self.model, rows) for rows in samples])
        core = str(machine.CLIENT_CORE)
        return press(server, requests, connections=case.connections, seconds=seconds, core=core)

    def _look_again(self, server: Server) -> None:
        """After the load: the same answers, and what the server has grown to."""
        self._results.standings.setdefault(self.model.name, {})[server.name] = Standing(
            cold_seconds=server.cold_seconds,
            memory_mb=self._fresh[server.name],
            loaded_mb=server.memory_mb,
            proportional_mb=machine.proportional_mb(server.pid),
            difference=max(self._differences[server.name], self._check(server)),
        )
