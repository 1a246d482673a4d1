"""The form of a new run, made from what the model template declares; the service is the judge of what is typed in."""

from collections.abc import Iterable, Mapping
from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from modelyard.catalog.spec import Choice, Flag, Integer, ModelTemplate, Parameter, Real
from modelyard.contracts.profile import ColumnProfile, Profile
from modelyard.runs.fitting import USELESS_KINDS, guess_target, list_targets

PREFIX = "set_"
"""Names of the fields of hyper-parameters begin with this, so that none is taken for another field."""
KIND_WORDS = {
    "number": gettext_lazy("number"),
    "category": gettext_lazy("category"),
    "flag": gettext_lazy("yes or no"),
    "date": gettext_lazy("date"),
    "text": gettext_lazy("text"),
    "identifier": gettext_lazy("identifier"),
    "empty": gettext_lazy("empty"),
}
SHARES = [("0.05", "5 %"), ("0.1", "10 %"), ("0.15", "15 %"), ("0.2", "20 %"), ("0.3", "30 %"), ("0.4", "40 %")]


class RunForm(forms.Form):
    """Target, name, hyper-parameters (some folded away) and options for one template and one data set version."""

    name = forms.CharField(
        label=gettext_lazy("Name"),
        max_length=120,
        required=False,
        help_text=gettext_lazy("The model will be called this. Empty: the name of the data set."),
    )

    def __init__(self, template: ModelTemplate, profile: Profile, data: Mapping[str, Any] | None = None) -> None:
        super().__init__(data)
        self.model_template, self.profile = template, profile
        if template.needs_target:
            self.fields["target"] = _target_field(template, profile)
        for parameter in template.parameters:
            self.fields[PREFIX + parameter.name] = _field_of(parameter)
        self._add_options()

    @property
    def basic(self) -> list[forms.BoundField]:
        return self._bound(parameter for parameter in self.model_template.parameters if not parameter.advanced)

    @property
    def advanced(self) -> list[forms.BoundField]:
        return self._bound(parameter for parameter in self.model_template.parameters if parameter.advanced)

    @property
    def options(self) -> list[forms.BoundField]:
        return [self[name] for name in ("validation_share", "test_share", "seed", "exclude") if name in self.fields]

    @property
    def is_open(self) -> bool:
        """Whether the folded part holds something that has to be corrected."""
        return any(field.errors for field in [*self.advanced, *self.options])

    def target(self) -> str | None:
        return str(self["target"].value() or "") or None if "target" in self.fields else None

    def hyperparameters(self) -> dict[str, Any]:
        """What was typed in, or the defaults, by the names of the template."""
        return {parameter.name: self[PREFIX + parameter.name].value() for parameter in self.model_template.parameters}

    def chosen_options(self) -> dict[str, Any]:
        shares = {name: self[name].value() for name in ("validation_share", "test_share")}
        seed = self["seed"].value()
        exclude = self["exclude"].value() or [] if "exclude" in self.fields else []
        return {**shares, "exclude": list(exclude), **({} if seed in (None, "") else {"seed": seed})}

    def add_problems(self, problems: Mapping[str, str]) -> None:
        """Put what the service said beside the fields it is about."""
        for param, text in problems.items():
            place = param.removeprefix("options.")
            if param.startswith("hyperparameters."):
                place = PREFIX + param.removeprefix("hyperparameters.")
            self.errors.pop(place, None)
            self.add_error(place if place in self.fields else None, text)

    def _bound(self, parameters: Iterable[Parameter]) -> list[forms.BoundField]:
        return [self[PREFIX + parameter.name] for parameter in parameters]

    def _add_options(self) -> None:
        for name, title, words in (
            ("validation_share", _("Rows to choose by"), _("Held back from training, to see when it is best.")),
            ("test_share", _("Rows to test on"), _("Seen by nothing but the final report.")),
        ):
            self.fields[name] = forms.ChoiceField(label=title, choices=SHARES, initial="0.15", help_text=words)
        self.fields["seed"] = forms.CharField(
            label=_("Seed"),
            required=False,
            widget=forms.NumberInput(attrs={"min": 0, "step": 1}),
            help_text=_("The same seed on the same data gives the same run. Empty: drawn."),
        )
        usable = [column for column in self.profile.columns if column.kind not in USELESS_KINDS]
        if usable:
            self.fields["exclude"] = forms.MultipleChoiceField(
                label=_("Columns to leave out"),
                required=False,
                choices=[(column.name, column.name) for column in usable],
                widget=forms.CheckboxSelectMultiple,
                help_text=_("Columns that are not known yet when the model is asked, or give the answer away."),
            )


def _target_field(template: ModelTemplate, profile: Profile) -> forms.ChoiceField:
    columns = list_targets(template, profile)
    guess = guess_target(columns)
    return forms.ChoiceField(
        label=_("What to predict"),
        choices=[(column.name, describe_column(column)) for column in columns],
        initial=guess.name if guess else None,
        help_text=_("Only columns that this model template can predict are listed."),
    )


def describe_column(column: ColumnProfile) -> str:
    """One line for a list: name, kind, sample values."""
    samples = ", ".join(sample[:20] for sample in column.examples[:3])
    words = f"{column.name} · {KIND_WORDS.get(column.kind, column.kind)}"
    return f"{words} · {samples}" if samples else words


def _field_of(parameter: Parameter) -> forms.Field:
    match parameter:
        case Choice():
            return forms.ChoiceField(
                label=_(parameter.title),
                help_text=_(parameter.help),
                choices=[(value, _(title)) for value, title in parameter.choices.items()],
                initial=parameter.default,
            )
        case Flag():
            return forms.BooleanField(
                label=_(parameter.title), help_text=_(parameter.help), initial=parameter.default, required=False
            )
        case Integer() | Real():
            return _number_field(parameter)
    raise TypeError(f"{parameter.name} is of a kind that the form does not know: {type(parameter).__name__}")


def _number_field(parameter: Integer | Real) -> forms.Field:
    bounds = _("From %(low)s to %(high)s") % {"low": f"{parameter.minimum:,g}", "high": f"{parameter.maximum:,g}"}
    unit = f" {_(parameter.unit)}" if parameter.unit else ""
    step: object = 1 if isinstance(parameter, Integer) else "any"
    initial = "" if parameter.default is None else f"{parameter.default:g}"
    return forms.CharField(
        label=_(parameter.title),
        help_text=f"{_(parameter.help)} {bounds}{unit}.",
        required=not parameter.optional,
        initial=initial,
        widget=forms.NumberInput(attrs={"min": parameter.minimum, "max": parameter.maximum, "step": step}),
    )
