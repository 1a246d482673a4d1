"""`python -m workers.scoring survey|answer FOLDER`: one step of a batch prediction (`modelyard.contracts.batch`).

Exit status 0 once the step is done, 3 where it was refused and the refusal told, anything else for a fault of the
program.
"""

import sys
from dataclasses import asdict
from pathlib import Path

import pyarrow as pa

from modelyard.contracts.batch import PLAN, BatchPlan
from modelyard.contracts.jsonfile import read_json
from modelyard.contracts.progress import Progress
from modelyard.contracts.sentences import sentence as _
from workers.ingesting.findings import Rejected
from workers.scoring.working import answer, survey
from workers.serving.models.loaded import CannotLoad

STEPS = {"survey": survey, "answer": answer}
REFUSED = 3
_ODD_MODEL = _("The model cannot be loaded any more. Ask the operator; the log of the worker says why.")


def main(arguments: list[str]) -> int:
    if len(arguments) != 2 or arguments[0] not in STEPS:
        print("usage: python -m workers.scoring survey|answer FOLDER", file=sys.stderr)  # noqa: T201
        return 2
    folder = Path(arguments[1])
    pa.set_cpu_count(1)
    pa.set_io_thread_count(1)
    try:
        STEPS[arguments[0]](folder, BatchPlan.from_json(read_json(folder / PLAN)))
    except Rejected as refusal:
        problem = refusal.problem
        said = asdict(problem.sentence) if problem.sentence else None
        _say(Progress(event="failure", code=problem.code, message=problem.message, sentence=said))
        return REFUSED
    except CannotLoad as fault:
        print(fault, file=sys.stderr)  # noqa: T201
        _say(Progress(event="failure", code="cannot_load", message=str(_ODD_MODEL), sentence=asdict(_ODD_MODEL)))
        return REFUSED
    _say(Progress(event="done"))
    return 0


def _say(progress: Progress) -> None:
    print(progress.to_line(), flush=True)  # noqa: T201 - the protocol with the supervisor


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
