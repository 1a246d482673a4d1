"""What a child process says, as progress: bounded in length and rate, whatever the child does."""

import time
from collections import deque
from dataclasses import dataclass, field

from modelyard.contracts.progress import Progress

LONGEST_LINE = 64 * 1024
LONGEST_LOG_LINE = 2000
MOST_LOG_LINES = 2000
LOG_LINES_A_SECOND = 20
TAIL_LINES = 40


@dataclass
class Lines:
    """Bytes of a pipe, cut into lines; what is too long is cut off, not gathered."""

    rest: bytearray = field(default_factory=bytearray)
    skipping: bool = False

    def feed(self, content: bytes) -> list[str]:
        lines = []
        *whole, last = content.split(b"\n")
        for part in whole:
            if not self.skipping:
                self._keep(part)
                lines.append(self.rest.decode("utf-8", "replace"))
            self.rest.clear()
            self.skipping = False
        if not self.skipping:
            self._keep(last)
            if len(self.rest) >= LONGEST_LINE:
                lines.append(self.rest.decode("utf-8", "replace"))
                self.rest.clear()
                self.skipping = True
        return lines

    def end(self) -> list[str]:
        """The last line, where it has no line end."""
        lines = [self.rest.decode("utf-8", "replace")] if self.rest else []
        self.rest.clear()
        return lines

    def _keep(self, part: bytes) -> None:
        self.rest += part[: LONGEST_LINE - len(self.rest)]


class Relay:
    """Gathers what was said since the last look; of steps only the newest counts, of log lines so many a second."""

    def __init__(self) -> None:
        self.failure: Progress | None = None
        self.done: Progress | None = None
        self.tail: deque[str] = deque(maxlen=TAIL_LINES)
        self._said: list[Progress] = []
        self._streams = {"out": Lines(), "err": Lines()}
        self._log_lines = 0
        self._left_out = 0
        self._allowance = float(LOG_LINES_A_SECOND)
        self._filled_at = time.monotonic()

    def feed(self, stream: str, content: bytes) -> None:
        """Take bytes of standard output ("out") or standard error ("err")."""
        for line in self._streams[stream].feed(content):
            self._take(stream, line)

    def end(self) -> None:
        """The pipes are closed: take what has no line end, and tell how much was left out."""
        for stream, lines in self._streams.items():
            for line in lines.end():
                self._take(stream, line)
        if self._left_out:
            told = f"{self._left_out} more lines are not shown"
            self._said.append(Progress(event="log", level="warning", message=told))
            self._left_out = 0

    def collect(self) -> list[Progress]:
        """What was said since the last call."""
        said, self._said = self._said, []
        return said

    def _take(self, stream: str, line: str) -> None:
        line = line.strip()
        if not line:
            return
        if stream == "err":
            self.tail.append(line[:LONGEST_LOG_LINE])
            return
        try:
            said = Progress.from_line(line)
        except ValueError:
            said = Progress(event="log", level="debug", message=line[:LONGEST_LOG_LINE])
        self._add(said)

    def _add(self, said: Progress) -> None:
        if said.event == "failure":
            self.failure = said
        if said.event == "done":
            self.done = said
        if said.event == "log" and not self._may_log():
            self._left_out += 1
            return
        if said.event == "step" and self._said and self._said[-1].event == "step":
            self._said.pop()
        self._said.append(said)

    def _may_log(self) -> bool:
        now = time.monotonic()
        self._allowance += (now - self._filled_at) * LOG_LINES_A_SECOND
        self._allowance, self._filled_at = min(self._allowance, 5.0 * LOG_LINES_A_SECOND), now
        if self._log_lines >= MOST_LOG_LINES or self._allowance < 1:
            return False
        self._allowance -= 1
        self._log_lines += 1
        return True
