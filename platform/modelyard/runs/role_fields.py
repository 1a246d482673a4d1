"""Fields of the form of a run that say what the columns of series are for."""

from collections.abc import Collection, Iterable

from django import forms
from django.utils.translation import gettext as _

from modelyard.contracts.profile import ColumnProfile, Profile
from modelyard.features.series.roles import guess_roles
from modelyard.runs.fitting.series import list_known, list_naming, list_times


def role_fields(profile: Profile, target: str | None) -> dict[str, forms.Field]:
    """Return the fields with what is guessed from the profile as their initial values."""
    guessed = guess_roles(profile.columns, profile.rows, target)
    taken = {target, guessed.time if guessed else None}
    return {
        "time": forms.ChoiceField(
            label=_("Column that says when"),
            choices=_choices(list_times(profile)),
            initial=guessed.time if guessed else None,
            help_text=_("Days, weeks, months, quarters, moments, or numbers that count steps."),
        ),
        "series": forms.MultipleChoiceField(
            label=_("Columns that tell series apart"),
            required=False,
            choices=_choices(list_naming(profile), taken),
            initial=list(guessed.series) if guessed else [],
            widget=forms.CheckboxSelectMultiple,
            help_text=_("Such as shop and product. None: all rows are one series."),
        ),
        "known": forms.MultipleChoiceField(
            label=_("Columns known in advance"),
            required=False,
            choices=_choices(list_known(profile), taken),
            widget=forms.CheckboxSelectMultiple,
            help_text=_("Such as holidays or planned prices: their future values are sent when the model is asked."),
        ),
    }


def _choices(columns: Iterable[ColumnProfile], taken: Collection[str | None] = ()) -> list[tuple[str, str]]:
    return [(column.name, column.name) for column in columns if column.name not in taken]
