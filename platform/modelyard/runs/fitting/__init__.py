"""Does this data fit this model template? Asked by the gallery, by the form, and before any quota is spent."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from django.utils.translation import gettext as _

from modelyard.catalog import list_templates
from modelyard.catalog.spec import ModelTemplate
from modelyard.contracts.profile import STORED_AS_TABLE, Profile
from modelyard.errors import InvalidInput
from modelyard.runs.fitting.base import Fit
from modelyard.runs.fitting.images import fit_folders
from modelyard.runs.fitting.series import ChosenRoles, fit_series, has_time
from modelyard.runs.fitting.tables import USELESS_KINDS, fit_table
from modelyard.runs.fitting.targets import guess_target, list_targets
from modelyard.runs.fitting.texts import fit_texts, has_texts
from modelyard.runs.fitting.unlabelled import fit_unlabelled

__all__ = [
    "USELESS_KINDS",
    "Fit",
    "check_fit",
    "guess_target",
    "list_targets",
    "settle_task",
    "sort_templates",
    "suits",
]

NOT_CHOSEN = ChosenRoles()
FEW_NUMBERS = 10
"""So many different whole numbers are taken for classes where nobody says what they are."""


def suits(template: ModelTemplate, profile: Profile) -> bool:
    """Whether the template takes this kind of data and finds a target in it."""
    if not _takes(template, profile):
        return False
    if template.input_kind == "texts" and not has_texts(profile):
        return False
    if template.input_kind == "series" and not has_time(profile):
        return False
    return not template.needs_target or bool(list_targets(template, profile))


def _takes(template: ModelTemplate, profile: Profile) -> bool:
    """Texts and series are tables too: whoever knows better than the profile may choose any template for tables."""
    if profile.kind in STORED_AS_TABLE:
        return template.input_kind in STORED_AS_TABLE
    return template.input_kind == profile.kind


def sort_templates(profile: Profile) -> tuple[list[ModelTemplate], list[ModelTemplate]]:
    """The templates that suit the data, and the others; first those for its kind that predict what it holds."""
    listed = list_templates()
    suiting = sorted(
        (template for template in listed if suits(template, profile)),
        key=lambda template: (template.input_kind != profile.kind, template.task == "anomaly_detection"),
    )
    return suiting, [template for template in listed if template not in suiting]


def settle_task(
    template: ModelTemplate, profile: Profile, target: str | None, hyperparameters: Mapping[str, Any]
) -> tuple[ModelTemplate, dict[str, Any]]:
    """Return template and hyper-parameters with the task that they leave open: what the target is, where nobody said.

    Numbers are a quantity, unless there are no more than `FEW_NUMBERS` of them.
    """
    settled = dict(hyperparameters)
    if template.task != "either":
        return template, settled
    if settled["task"] == "auto":
        column = profile.column(target) if target else None
        is_quantity = column is not None and column.kind == "number" and column.distinct > FEW_NUMBERS
        settled["task"] = "regression" if is_quantity else "classification"
    return replace(template, task=template.task_of(settled)), settled


def check_fit(
    template: ModelTemplate,
    profile: Profile,
    target: str | None,
    excluded: Iterable[str],
    roles: ChosenRoles = NOT_CHOSEN,
) -> Fit:
    """Raises `InvalidInput` naming `model_template`, `target`, `dataset_version` or an option."""
    if not _takes(template, profile):
        words = _("%(title)s takes %(wanted)s, this data set holds %(given)s; choose a model template that fits it")
        said = {"title": template.title, "wanted": template.input_kind, "given": profile.kind}
        raise InvalidInput({"model_template": words % said})
    if template.input_kind == "images":
        return fit_folders(profile, target)
    if not template.needs_target:
        return fit_unlabelled(profile, target, excluded)
    if template.input_kind == "texts":
        return fit_texts(template, profile, target, excluded)
    if template.input_kind == "series":
        return fit_series(profile, target, excluded, roles)
    return fit_table(template, profile, target, excluded)
