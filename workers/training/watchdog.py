"""Ends a computation that does not look at the clock: the first compilation, or a single step that takes minutes.

Python code is interrupted by a signal, a running graph is cancelled between two of its operations. What was computed
until then stays in the variables.
"""

import signal
import threading
from collections.abc import Callable
from types import FrameType
from typing import TypeVar

import tensorflow as tf
from tensorflow.python.eager.cancellation import CancellationManager, CancellationManagerContext

LOOK_SECONDS = 0.25
Answer = TypeVar("Answer")


class Interrupted(BaseException):
    """The computation was ended. Not an `Exception`, so that no library swallows it."""


class Watchdog:
    """Interrupts what it is given to run as soon as `wanted` says so. It works in the main thread alone."""

    def __init__(self, wanted: Callable[[], bool]) -> None:
        self._wanted = wanted
        self._armed = False

    def run(self, act: Callable[[], Answer]) -> Answer:
        """Return what `act` returns. Raises `Interrupted`."""
        manager, over = CancellationManager(), threading.Event()
        guard = threading.Thread(target=self._guard, args=(manager, over), name="watchdog", daemon=True)
        former = signal.signal(signal.SIGALRM, self._interrupt)
        self._armed = True
        guard.start()
        try:
            with CancellationManagerContext(manager):
                return act()
        except (tf.errors.OpError, RuntimeError):
            if manager.is_cancelled:
                raise Interrupted from None
            raise
        finally:
            self._armed = False
            over.set()
            guard.join()
            signal.signal(signal.SIGALRM, former)

    def _guard(self, manager: CancellationManager, over: threading.Event) -> None:
        while not over.wait(LOOK_SECONDS):
            if self._wanted():
                manager.start_cancel()
                if not over.wait(LOOK_SECONDS):
                    signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGALRM)
                return

    def _interrupt(self, number: int, frame: FrameType | None) -> None:
        if self._armed:
            raise Interrupted
