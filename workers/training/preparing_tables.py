"""Prepares a table."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modelyard.catalog.spec import Task
from modelyard.contracts.plan import Plan
from modelyard.contracts.sentences import Sentence
from modelyard.contracts.sentences import sentence as _
from modelyard.contracts.signature import Input, InputKind, Output, Signature
from modelyard.features.anomalies import ANOMALY, NORMAL, AnomalyDecoder
from modelyard.features.columns import CategoryColumn, CodedColumn, Column
from modelyard.features.dates import write_date
from modelyard.features.decoder import ClassDecoder, ValueDecoder
from modelyard.features.fitting import ColumnReport
from modelyard.features.table import TableFeatures
from workers.training.failures import TrainingFailure
from workers.training.importance import name_numbers
from workers.training.parsing import read_column
from workers.training.parting import part_table
from workers.training.preparing import Material
from workers.training.reading import Table, read_table
from workers.training.splitting import Parts
from workers.training.targets import encode_values, fit_value_decoder, read_classes, read_values

MOST_LISTED_LEVELS = 1000
MOST_FITTED = 1_000_000
ROWS_AT_ONCE = 250_000


class TableRows:
    """Raw rows of a table: texts become JSON numbers where the column holds numbers."""

    def __init__(self, columns: Mapping[str, NDArray[Any]]) -> None:
        self._columns = columns

    def raw(self, row: int) -> dict[str, Any]:
        return {name: values[0] for name, values in self.take(np.array([row])).items()}

    def take(self, rows: NDArray[np.int64]) -> dict[str, list[Any]]:
        """Some rows, column by column; None = missing."""
        return {
            name: [None if value != value else value for value in column[rows].tolist()]
            for name, column in self._columns.items()
        }


def prepare_table(plan: Plan, task: Task) -> Material:
    """Raises `TrainingFailure` for a target or columns that nothing can be learned from."""
    table = read_table(plan)
    name = plan.target or ""
    truth: NDArray[Any]
    targets: NDArray[Any]
    decoder: ClassDecoder | ValueDecoder | AnomalyDecoder
    if task == "anomaly_detection":
        decoder = AnomalyDecoder([])
        parting = part_table(plan, table, np.zeros(table.rows, dtype=np.int64))
        truth = targets = np.zeros(table.rows, dtype=np.float32)
    elif task == "classification":
        classes, decoder = read_classes(table.target, name)
        parting = part_table(plan, table, classes)
        check_classes(classes, parting.parts, decoder, name)
        truth = classes
        targets = classes.astype(np.int32)
    else:
        values = read_values(table.target, name)
        known = ~np.isnan(values)
        table, values = (table, values) if known.all() else (table.where(known), values[known])
        truth = values
        parting = part_table(plan, table, np.zeros(table.rows, dtype=np.int64))
        decoder = fit_value_decoder(values[parting.learnable], plan.hyperparameters.get("target_scale", "auto"))
        targets = encode_values(values, decoder)
    learnable = parting.learnable
    kinds = {column: kind for column, kind in plan.kinds.items() if column != name}
    fitted = _choose_fitted(learnable, plan.seed)
    features = TableFeatures.fit({column: table.columns[column][fitted] for column in kinds}, kinds)
    if not features.columns:
        uses = "; ".join(f"{report.column}: {report.use}" for report in features.reports[:5])
        raise TrainingFailure(
            "no_features",
            _("no column is left to predict from: {uses}", uses=uses),
            _("Add columns that describe the rows, or correct the kinds of those that are there."),
        )
    if isinstance(decoder, AnomalyDecoder):
        decoder = AnomalyDecoder(name_numbers(features))
    clean = {column.name: read_column(column, table.columns[column.name]) for column in features.columns}
    return Material(
        plan=plan,
        task=task,
        target_name=name,
        inputs=_transform(features, clean),
        targets=targets,
        truth=truth,
        outputs=len(decoder.labels) if isinstance(decoder, ClassDecoder) else 1,
        parts=parting.parts,
        groups=parting.groups,
        moments=parting.moments,
        features=features,
        decoder=decoder,
        signature=_sign(task, name, features, clean, learnable, decoder),
        rows=TableRows(clean),
        labels=decoder.labels if isinstance(decoder, ClassDecoder) else (),
        code_sizes=features.code_sizes,
        columns=features.reports,
        notices=(*find_notices(features.reports, table), *parting.notices),
        unused=table.unused + parting.unused,
    )


def _transform(features: TableFeatures, clean: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """`features.transform_columns`, some rows at a time: its intermediate values are several times as large as what it
    returns."""
    rows = len(next(iter(clean.values())))
    arrays: dict[str, NDArray[Any]] = {}
    for start in range(0, rows, ROWS_AT_ONCE):
        place = slice(start, start + ROWS_AT_ONCE)
        part = features.transform_columns({name: column[place] for name, column in clean.items()})
        for name, values in part.items():
            arrays.setdefault(name, np.empty((rows, values.shape[1]), values.dtype))[place] = values
    return arrays


def _choose_fitted(learnable: NDArray[np.int64], seed: int) -> NDArray[np.int64]:
    """The rows that features are fitted to: all, or a random million."""
    if len(learnable) <= MOST_FITTED:
        return learnable
    return np.sort(np.random.default_rng([seed, 9]).permutation(learnable)[:MOST_FITTED])


def check_classes(truth: NDArray[np.int64], parts: Parts, decoder: ClassDecoder, name: str) -> None:
    """At least two classes must be in the rows to learn from."""
    seen = np.unique(truth[parts.train])
    if len(seen) < 2:
        raise TrainingFailure(
            "class_too_rare",
            _(
                "only '{label}' of '{name}' is frequent enough to be learned",
                label=decoder.labels[int(seen[0])],
                name=name,
            ),
            _("Add rows of the other classes."),
        )


def _sign(
    task: str,
    name: str,
    features: TableFeatures,
    columns: Mapping[str, NDArray[Any]],
    learnable: NDArray[np.int64],
    decoder: ClassDecoder | ValueDecoder | AnomalyDecoder,
) -> Signature:
    inputs = tuple(
        describe_input(column, columns[column.name][learnable], optional=column.name not in features.required)
        for column in features.columns
    )
    if isinstance(decoder, ClassDecoder):
        return Signature(task=task, inputs=inputs, output=Output(kind="label", name=name, labels=decoder.labels))
    if isinstance(decoder, AnomalyDecoder):
        output = Output(kind="anomaly", name="anomaly", labels=(NORMAL, ANOMALY))
        return Signature(task=task, inputs=inputs, output=output)
    return Signature(task=task, inputs=inputs, output=Output(kind="value", name=name))


def describe_input(column: Column, values: NDArray[Any], *, optional: bool) -> Input:
    kinds: dict[str, InputKind] = {
        "number": "number",
        "flag": "flag",
        "date": "date",
        "category": "category",
        "coded": "category",
        "text": "text",
    }
    known = values[np.array([value is not None for value in values]) if values.dtype == object else ~np.isnan(values)]
    example = known[len(known) // 2] if len(known) else None
    kind = kinds[column.USE]
    minimum = maximum = None
    if kind in ("number", "date") and len(known):
        minimum, maximum = float(min(known)), float(max(known))
    if kind == "date" and example is not None:
        example = write_date(example)
    if kind == "flag" and example is not None:
        example = bool(example)
    levels = column.levels.levels if isinstance(column, (CategoryColumn, CodedColumn)) else ()
    return Input(
        name=column.name,
        kind=kind,
        optional=optional,
        values=tuple(levels[:MOST_LISTED_LEVELS]),
        minimum=minimum,
        maximum=maximum,
        example=example,
    )


def find_notices(reports: Sequence[ColumnReport], table: Table) -> list[Sentence]:
    notices = [
        _("'{column}' was {use}.", column=report.column, use=_(report.use))
        for report in reports
        if report.use.startswith("left out") and report.kind not in ("identifier", "empty")
    ]
    notices += [
        _(
            "{count} values of '{column}' could not be read as a {kind} and count as missing.",
            count=report.unparsable,
            column=report.column,
            kind=_(report.kind),
        )
        for report in reports
        if report.unparsable
    ]
    if table.unused:
        notices.append(_("{count} rows were left out because their target is missing.", count=table.unused))
    return notices
