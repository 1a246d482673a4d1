"""Prepares texts, with what stands beside them in their table."""

import numpy as np

from modelyard.catalog.spec import Task
from modelyard.contracts.encoders import EncoderFolder
from modelyard.contracts.plan import Plan
from modelyard.contracts.sentences import sentence as _
from modelyard.contracts.signature import Input, Output, Signature
from modelyard.features.decoder import ClassDecoder
from modelyard.features.encoded_texts import EncodedTexts
from modelyard.features.text_rows import TextRows
from modelyard.features.texts import TextFeatures
from modelyard.features.values import parse_text
from workers.training.failures import TrainingFailure
from workers.training.parsing import read_column
from workers.training.parting import part_table
from workers.training.preparing import Material
from workers.training.preparing_tables import TableRows, check_classes, describe_input, find_notices
from workers.training.reading import Texts, read_table
from workers.training.targets import read_classes

MOST_FITTED = 200_000
MOST_WEIGHTS = 1e7
"""Of the linear branch: where there are many classes, fewer grams are told apart."""
LONGEST_EXAMPLE = 500


def prepare_texts(plan: Plan, task: Task, encoder: EncoderFolder | None = None) -> Material:
    """For a pre-trained `encoder` where there is one, else by words and parts of words.

    Raises `TrainingFailure` for a target or columns that nothing can be learned from.
    """
    table = read_table(plan)
    name = plan.target or ""
    classes, decoder = read_classes(table.target, name)
    parting = part_table(plan, table, classes)
    check_classes(classes, parting.parts, decoder, name)
    kinds = {column: kind for column, kind in plan.kinds.items() if column != name}
    learnable = parting.learnable
    fitted = learnable
    if len(learnable) > MOST_FITTED:
        fitted = np.sort(np.random.default_rng([plan.seed, 9]).permutation(learnable)[:MOST_FITTED])
    known = {column: table.columns[column][fitted] for column in kinds}
    features: TextFeatures | EncodedTexts
    if encoder is None:
        features = TextFeatures.fit(known, kinds, most_grams=int(MOST_WEIGHTS / len(decoder.labels)))
        id_sizes = {"gram_ids": features.gram_count + 1, "token_ids": features.tokens.size}
    else:
        most = min(encoder.architecture.positions, plan.hyperparameters["max_tokens"])
        features = EncodedTexts.fit(known, kinds, encoder.pieces, most)
        id_sizes = {"token_ids": encoder.architecture.vocabulary}
    if not features.texts:
        raise TrainingFailure(
            "no_features",
            _("no text is left to predict from: no word occurs in two texts")
            if encoder is None
            else _("no text is left to predict from: all of them are empty"),
            _("Add texts, or choose a model template for tables."),
        )
    clean = {column: _read_texts(table.columns[column]) for column in features.texts}
    if features.table is not None:
        clean |= {column.name: read_column(column, table.columns[column.name]) for column in features.table.columns}
    return Material(
        plan=plan,
        task=task,
        target_name=name,
        inputs=features.transform_columns(clean),
        targets=classes.astype(np.int32),
        truth=classes,
        outputs=len(decoder.labels),
        parts=parting.parts,
        groups=parting.groups,
        moments=parting.moments,
        features=features,
        decoder=decoder,
        signature=_sign(task, name, features, clean, decoder),
        rows=TableRows(clean),
        labels=decoder.labels,
        code_sizes=features.code_sizes,
        id_sizes=id_sizes,
        columns=features.reports,
        notices=(*find_notices(features.reports, table), *parting.notices),
        unused=table.unused + parting.unused,
    )


def _read_texts(texts: Texts) -> Texts:
    return np.array([parse_text(text) for text in texts], dtype=object)


def _sign(task: Task, target: str, features: TextRows, columns: dict[str, Texts], decoder: ClassDecoder) -> Signature:
    inputs = [
        Input(
            name=name,
            kind="text",
            optional=name not in features.required,
            example=_find_example(columns[name]),
        )
        for name in features.texts
    ]
    if features.table is not None:
        inputs += [
            describe_input(column, columns[column.name], optional=column.name not in features.required)
            for column in features.table.columns
        ]
    return Signature(task=task, inputs=tuple(inputs), output=Output(kind="label", name=target, labels=decoder.labels))


def _find_example(texts: Texts) -> str | None:
    known = [text for text in texts if text is not None]
    return str(known[len(known) // 2])[:LONGEST_EXAMPLE] if known else None
