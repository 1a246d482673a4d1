"""Why a run can fail, in words for the person who asked for it."""

from modelyard.contracts.sentences import Sentence
from modelyard.contracts.sentences import sentence as _
from modelyard.errors import ModelyardError

SMALLER = _("Try a smaller batch size, a smaller network or smaller images.")
START_AGAIN = _("Start it again; if it happens again, tell the operator. The log holds the details.")
OUT_OF_MEMORY_WORDS = (
    "OOM when allocating",
    "out of memory",
    "OUT_OF_MEMORY",
    "ALLOC_FAILED",
    "Failed to allocate",
    "failed to allocate",
    "Dst tensor is not initialized",
)
"""What TensorFlow and CUDA say where a device has no memory left, whatever the class of the error."""


class TrainingFailure(Exception):
    """The run cannot end well: `code` for programs, `said` is what is wrong and where, `hint` what to try."""

    def __init__(self, code: str, said: Sentence, hint: Sentence | None = None) -> None:
        super().__init__(str(said))
        self.code = code
        self.said = said
        self.message = str(said)
        self.hint = str(hint or "")


def explain(fault: Exception) -> TrainingFailure:
    """Return what to tell the person of any exception; what nobody foresaw has the code "internal"."""
    if isinstance(fault, TrainingFailure):
        return fault
    if isinstance(fault, ModelyardError):
        return TrainingFailure(fault.code, Sentence("{message}", {"message": fault.message}))
    if _is_out_of_memory(fault):
        return TrainingFailure("out_of_memory", _("the machine has too little memory for this run"), SMALLER)
    return TrainingFailure(
        "internal", _("training ended by a fault of the program ({fault})", fault=type(fault).__name__), START_AGAIN
    )


def _is_out_of_memory(fault: Exception) -> bool:
    """TensorFlow's errors are known by the name of their module, so that this needs no TensorFlow."""
    if isinstance(fault, MemoryError) or type(fault).__name__ == "ResourceExhaustedError":
        return True
    return type(fault).__module__.startswith("tensorflow") and any(word in str(fault) for word in OUT_OF_MEMORY_WORDS)
