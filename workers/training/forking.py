"""A second process for verifying, forked while nothing has been trained yet: it shares the imports and nothing else.

TensorFlow must not have computed anything before the fork: its threads would be missing in the copy.
"""

import json
import multiprocessing
import os
import signal
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any


class ForkedVerifier:
    """Waits for the folder of an artifact. It ends with the process that it was forked from."""

    def __init__(self) -> None:
        context = multiprocessing.get_context("fork")
        self._ours, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs, self._ours), name="verifier", daemon=True)
        self._process.start()
        theirs.close()

    def ask(self, folder: Path) -> dict[str, Any]:
        """Return {"differences": {form: largest difference}} or {"fault": "what could not be loaded"}."""
        self._ours.send_bytes(str(folder).encode())
        try:
            answer: dict[str, Any] = json.loads(self._ours.recv_bytes())
        except (EOFError, OSError):
            self._process.join()
            return {"fault": f"the verifying process ended with {self._process.exitcode}"}
        return answer

    def end(self) -> None:
        self._process.kill()
        self._process.join()


def _serve(ours: Connection, theirs: Connection) -> None:
    """Answer one question. No accelerator is touched: forms are verified where the predictor runs them."""
    theirs.close()
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    os.environ["CUDA_VISIBLE_DEVICES"] = ""
    from workers.training.verifying import verify_forms

    try:
        folder = Path(ours.recv_bytes().decode())
    except EOFError:
        return
    ours.send_bytes(json.dumps(verify_forms(folder)).encode())
