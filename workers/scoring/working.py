"""The two steps: survey the file, then answer it from the first chunk that is not whole yet."""

import fcntl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from modelyard.contracts.batch import PARTS, RESULT, SURVEY, TALLY, BatchPlan, Survey, Tally
from modelyard.contracts.jsonfile import read_json, write_json
from modelyard.contracts.sentences import sentence as _
from workers.ingesting import limits
from workers.ingesting.findings import Findings, Rejected
from workers.ingesting.sniffing import sniff
from workers.scoring.answering import Answer, answer_chunk
from workers.scoring.chunks import to_storable
from workers.scoring.columns import Inputs, name_predictions
from workers.scoring.opening import SAME_FORMAT, delimiter_of, find_table, open_source
from workers.scoring.telling import RowTeller
from workers.scoring.writing import writer_for
from workers.serving.models.loaded import LoadedModel

MOST_REASONS = 50
LONGEST_REASON = 300
OTHER_REASONS = "other reasons"


def survey(folder: Path, plan: BatchPlan) -> None:
    """Read the whole file once: what it is, how many rows it has. Raises `Rejected`."""
    findings = Findings()
    inputs = Inputs.read(Path(plan.artifact))
    path = find_table(Path(plan.source), folder)
    source = open_source(path, inputs, findings)
    teller = RowTeller("reading")
    rows = 0
    for chunk in source.chunks():
        rows += len(chunk)
        if rows > limits.MAXIMUM_ROWS:
            words = _("The file has more than {limit:,} rows. Upload it in parts.", limit=limits.MAXIMUM_ROWS)
            raise Rejected("too_many_rows", words)
        teller.tell(rows)
    if rows == 0:
        raise Rejected("no_rows", _("The file names columns but has no rows. Upload one with rows to answer."))
    came = sniff(path)
    names = [to_storable(name) for name in source.names]
    added = name_predictions(inputs.output, names, with_ends=plan.interval is not None)
    found = Survey(
        rows=rows,
        came="zip" if came == "zip" else SAME_FORMAT[came],
        format=plan.wanted or SAME_FORMAT[came],
        names=(*names, *added),
        added=added,
        warnings=findings.all_warnings(),
    )
    write_json(folder / SURVEY, found.to_json())


def answer(folder: Path, plan: BatchPlan) -> None:
    """Answer every row and leave the result. Raises `Rejected` and `CannotLoad`."""
    with _alone(folder):
        found, tally = Survey.from_json(read_json(folder / SURVEY)), _read_tally(folder)
        inputs = Inputs.read(Path(plan.artifact))
        names = found.names[: len(found.names) - len(found.added)]
        path = find_table(Path(plan.source), folder)
        source = open_source(path, inputs, Findings(), names)
        writer = writer_for(found.format, found.names, found.added, inputs.output, delimiter_of(source))
        model = LoadedModel(Path(plan.artifact), plan.sha256, 1)
        teller = RowTeller("predicting", found.rows, tally.rows)
        (folder / PARTS).mkdir(exist_ok=True)
        for number, chunk in enumerate(source.chunks()):
            if number < tally.chunks:
                continue
            answers = answer_chunk(model, chunk, plan.interval)
            writer.write_part(part_of(folder, number), chunk, answers)
            _count(tally, answers)
            tally.defused, writer.defused = tally.defused + writer.defused, 0
            write_json(folder / TALLY, tally.to_json())
            teller.tell(tally.rows, tally.failed)
        teller.begin("writing")
        writer.join_parts((part_of(folder, number) for number in range(tally.chunks)), Path(plan.result) / RESULT)


def part_of(folder: Path, number: int) -> Path:
    """The file that a chunk becomes."""
    return folder / PARTS / f"{number:08d}"


def _read_tally(folder: Path) -> Tally:
    """How far an earlier attempt came."""
    try:
        return Tally.from_json(read_json(folder / TALLY))
    except FileNotFoundError:
        return Tally()


def _count(tally: Tally, answers: Sequence[Answer]) -> None:
    for place, one in enumerate(answers):
        if isinstance(one, str):
            _count_fault(tally, one, tally.rows + place + 1)
        elif "values" in one:
            _count_value(tally.values, float(one["values"][0]))
        elif "value" in one:
            _count_value(tally.values, float(one["value"]))
        else:
            tally.labels[one["label"]] = tally.labels.get(one["label"], 0) + 1
    tally.chunks += 1
    tally.rows += len(answers)


def _count_fault(tally: Tally, reason: str, row: int) -> None:
    tally.failed += 1
    told = to_storable(reason[:LONGEST_REASON])
    if told not in tally.faults and len(tally.faults) >= MOST_REASONS:
        told = OTHER_REASONS
    tally.faults.setdefault(told, {"count": 0, "row": row})["count"] += 1


def _count_value(values: dict[str, float], value: float) -> None:
    values["count"] = values.get("count", 0) + 1
    values["sum"] = values.get("sum", 0.0) + value
    values["minimum"] = min(values.get("minimum", value), value)
    values["maximum"] = max(values.get("maximum", value), value)


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Wait until no other process answers the same file: one that is being stopped may still write its last part."""
    with (folder / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
