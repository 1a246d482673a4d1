"""The failed calls that people are shown: a few of each endpoint a second, without what callers sent."""

import time
from collections import Counter, deque
from collections.abc import Iterable

from modelyard.contracts.observations import Failure, Rules
from workers.serving.monitoring.withholding import LONGEST, withhold_values
from workers.serving.problems import Problem
from workers.serving.usage import Subject

MOST_A_SECOND = 5
MOST_WAITING = 1000


class Failures:
    """Failures that wait to be told."""

    def __init__(self) -> None:
        self._waiting: deque[Failure] = deque(maxlen=MOST_WAITING)
        self._noted: Counter[tuple[str, str]] = Counter()
        self._rules: dict[str, Rules] = {}

    def put_rules(self, endpoint: str, rules: Rules | None) -> None:
        """Heed what a workspace decided on an endpoint (`<workspace id>/<name>`)."""
        if rules is None:
            self._rules.pop(endpoint, None)
        else:
            self._rules[endpoint] = rules

    def tick(self) -> None:
        self._noted.clear()

    def note(self, subject: Subject, problem: Problem, names: Iterable[str], request_id: bytes) -> None:
        """Remember a refused call; `names` are those of the model's inputs."""
        workspace, endpoint, key, _user, version = subject
        if self._noted[workspace, endpoint] >= MOST_A_SECOND:
            return
        self._noted[workspace, endpoint] += 1
        known = frozenset(names)
        rules = self._rules.get(f"{workspace}/{endpoint}", Rules())
        message = problem.message[:LONGEST] if rules.keep_values else withhold_values(problem.message, known)
        self._waiting.append(
            Failure(
                workspace=workspace,
                endpoint=endpoint,
                version=version,
                at=time.time(),
                status=int(problem.status),
                message=message,
                withheld=not rules.keep_values,
                row=problem.row,
                column=problem.column if problem.column in known else "",
                key=key,
                request_id=request_id.decode("latin-1"),
            )
        )

    def take(self) -> list[Failure]:
        taken = list(self._waiting)
        self._waiting.clear()
        return taken
