"""Prepares a table."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modelyard.contracts.plan import Plan
from modelyard.contracts.sentences import Sentence
from modelyard.contracts.sentences import sentence as _
from modelyard.contracts.signature import Input, InputKind, Output, Signature
from modelyard.features.columns import CategoryColumn, CodedColumn, Column
from modelyard.features.dates import write_date
from modelyard.features.decoder import ClassDecoder, ValueDecoder
from modelyard.features.table import TableFeatures
from workers.training.failures import TrainingFailure
from workers.training.parsing import read_column
from workers.training.preparing import Material
from workers.training.reading import Table, Texts, read_table
from workers.training.splitting import Parts, find_groups, split_rows
from workers.training.targets import encode_values, fit_value_decoder, read_classes, read_values

MOST_LISTED_LEVELS = 1000
WORTH_TELLING = 0.01
MOST_COPIES = 0.2
"""Where more rows than this are like others, the columns are coarse and equal rows are different observations: kept
together, they would make every part ask for combinations that no other part has."""


class TableRows:
    """Raw rows of a table: texts become JSON numbers where the column holds numbers."""

    def __init__(self, columns: Mapping[str, Texts], kinds: Mapping[str, str]) -> None:
        self.columns = columns
        self._kinds = kinds

    def raw(self, row: int) -> dict[str, Any]:
        return {name: column[row] for name, column in self.columns.items()}


def prepare_table(plan: Plan, task: str) -> Material:
    """Raises `TrainingFailure` for a target or columns that nothing can be learned from."""
    table = read_table(plan)
    name = plan.target or ""
    decoder: ClassDecoder | ValueDecoder
    if task == "classification":
        classes, decoder = read_classes(table.target, name)
        table, groups, parts = _split(plan, table, classes)
        _check_classes(classes, parts, decoder, name)
        truth: NDArray[Any] = classes
        targets: NDArray[Any] = classes.astype(np.int32)
    else:
        values = read_values(table.target, name)
        table, values = _drop_unknown(table, values)
        truth = values
        table, groups, parts = _split(plan, table, np.zeros(table.rows, dtype=np.int64))
        decoder = fit_value_decoder(
            values[np.concatenate([parts.train, parts.validation])], plan.hyperparameters.get("target_scale", "auto")
        )
        targets = encode_values(values, decoder)
    learnable = np.concatenate([parts.train, parts.validation])
    kinds = {column: kind for column, kind in plan.kinds.items() if column != name}
    features = TableFeatures.fit({column: table.columns[column][learnable] for column in kinds}, kinds)
    if not features.columns:
        uses = "; ".join(f"{report.column}: {report.use}" for report in features.reports[:5])
        raise TrainingFailure(
            "no_features",
            _("no column is left to predict from: {uses}", uses=uses),
            _("Add columns that describe the rows, or correct the kinds of those that are there."),
        )
    clean = {column.name: read_column(column, table.columns[column.name]) for column in features.columns}
    return Material(
        plan=plan,
        task=task,
        target_name=name,
        inputs=features.transform_columns(clean),
        targets=targets,
        truth=truth,
        outputs=len(decoder.labels) if isinstance(decoder, ClassDecoder) else 1,
        parts=parts,
        groups=groups,
        features=features,
        decoder=decoder,
        signature=_sign(task, name, features, clean, learnable, decoder),
        rows=TableRows(clean, plan.kinds),
        labels=decoder.labels if isinstance(decoder, ClassDecoder) else (),
        code_sizes=features.code_sizes,
        columns=features.reports,
        notices=tuple(_find_notices(features, table, groups)),
        unused=table.unused,
    )


def _drop_unknown(table: Table, values: NDArray[np.float64]) -> tuple[Table, NDArray[np.float64]]:
    """Leave out rows whose target is no number."""
    known = ~np.isnan(values)
    columns = {name: column[known] for name, column in table.columns.items()}
    return Table(columns, table.target[known], table.unused + int((~known).sum())), values[known]


def _split(plan: Plan, table: Table, strata: NDArray[np.int64]) -> tuple[Table, NDArray[np.int64], Parts]:
    groups = find_groups([*table.columns.values(), table.target])
    if _count_copies(groups) > MOST_COPIES * table.rows:
        groups = np.arange(table.rows, dtype=np.int64)
    parts = split_rows(plan.split, strata=strata, groups=groups, seed=plan.seed)
    if not len(parts.train):
        raise TrainingFailure(
            "too_few_rows", _("no row is left to train on"), _("Add rows that differ from one another.")
        )
    return table, groups, parts


def _check_classes(truth: NDArray[np.int64], parts: Parts, decoder: ClassDecoder, name: str) -> None:
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
    columns: Mapping[str, Texts],
    learnable: NDArray[np.int64],
    decoder: ClassDecoder | ValueDecoder,
) -> Signature:
    inputs = tuple(
        _describe_input(column, columns[column.name][learnable], optional=column.name not in features.required)
        for column in features.columns
    )
    if isinstance(decoder, ClassDecoder):
        return Signature(task=task, inputs=inputs, output=Output(kind="label", name=name, labels=decoder.labels))
    return Signature(task=task, inputs=inputs, output=Output(kind="value", name=name))


def _describe_input(column: Column, values: Texts, *, optional: bool) -> Input:
    kinds: dict[str, InputKind] = {
        "number": "number",
        "flag": "flag",
        "date": "date",
        "category": "category",
        "coded": "category",
        "text": "text",
    }
    known = [value for value in values if value is not None and value == value]
    example = known[len(known) // 2] if known else None
    kind = kinds[column.USE]
    minimum = maximum = None
    if kind in ("number", "date") and known:
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


def _count_copies(groups: NDArray[np.int64]) -> int:
    return len(groups) - len(np.unique(groups))


def _find_notices(features: TableFeatures, table: Table, groups: NDArray[np.int64]) -> list[Sentence]:
    notices = [
        _("'{column}' was {use}.", column=report.column, use=_(report.use))
        for report in features.reports
        if report.use.startswith("left out") and report.kind not in ("identifier", "empty")
    ]
    notices += [
        _(
            "{count} values of '{column}' could not be read as a {kind} and count as missing.",
            count=report.unparsable,
            column=report.column,
            kind=_(report.kind),
        )
        for report in features.reports
        if report.unparsable
    ]
    if table.unused:
        notices.append(_("{count} rows were left out because their target is missing.", count=table.unused))
    copies = _count_copies(groups)
    if copies > WORTH_TELLING * len(groups):
        notices.append(_("{count} rows are copies of others; all copies of a row are in the same part.", count=copies))
    return notices
