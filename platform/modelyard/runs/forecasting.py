"""What is said before a run starts: beside the form, and on the cards of the gallery."""

from dataclasses import dataclass

from modelyard.accounts.models import Workspace
from modelyard.catalog.spec import ModelTemplate
from modelyard.contracts.profile import ColumnProfile, Problem, Profile
from modelyard.errors import InvalidInput
from modelyard.runs.costing import Quote, quote
from modelyard.runs.estimating import Forecast, estimate
from modelyard.runs.fitting import Fit, check_fit, settle_task
from modelyard.runs.fitting.series import clean_roles
from modelyard.runs.forms import RunForm
from modelyard.runs.splits import check_split, clean_split, list_split_notes, spent_columns
from modelyard.runs.weights import settle_weights


@dataclass(frozen=True, kw_only=True)
class Card:
    """One template of the gallery, with what it would take with its defaults."""

    template: ModelTemplate
    forecast: Forecast


@dataclass(frozen=True, kw_only=True)
class Preview:
    """What the form as it is filled in would lead to. `forecast` is None while a setting is out of its range."""

    column: ColumnProfile | None
    refusal: str
    notes: tuple[Problem, ...]
    features: int
    forecast: Forecast | None
    quote: Quote | None


def forecast_cards(workspace: Workspace, templates: list[ModelTemplate], profile: Profile) -> list[Card]:
    """Return a card for each template that suits the data."""
    return [
        Card(template=one, forecast=estimate(workspace, one, profile, one.clean_hyperparameters({})))
        for one in templates
    ]


def preview(workspace: Workspace, template: ModelTemplate, profile: Profile, form: RunForm) -> Preview:
    """Return what the form leads to; nothing is kept."""
    target, refusal, fit = form.target(), "", Fit(kinds={})
    try:
        hyperparameters = template.clean_hyperparameters(form.hyperparameters())
        forecast = estimate(workspace, template, profile, hyperparameters)
    except InvalidInput:
        hyperparameters, forecast = template.clean_hyperparameters({}), None
    settled, _hyperparameters = settle_task(template, profile, target, hyperparameters)
    notes: list[Problem] = []
    try:
        split, _wrong = clean_split(form.chosen_options())
        settle_weights(settled, hyperparameters)
        check_split(split, settled, profile, target)
        options = form.chosen_options()
        roles, _wrong = clean_roles(options)
        fit = check_fit(settled, profile, target, [*options["exclude"], *spent_columns(split)], roles)
        notes = [*fit.notes, *list_split_notes(split, settled, profile, target)]
    except InvalidInput as fault:
        refusal = next(iter(fault.problems.values()))
    return Preview(
        column=profile.column(target) if target else None,
        refusal=refusal,
        notes=tuple(notes),
        features=len(fit.kinds) - (1 if target else 0),
        forecast=forecast,
        quote=quote(forecast) if forecast is not None else None,
    )
