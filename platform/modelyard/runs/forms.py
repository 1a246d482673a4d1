"""The form of a new run, made from what the model template declares; the service is the judge of what is typed in."""

from collections.abc import Iterable, Mapping
from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from modelyard.catalog.spec import Choice, Flag, Integer, ModelTemplate, Parameter, Real, WeightsName
from modelyard.contracts.profile import ColumnProfile, Profile
from modelyard.features.series.roles import guess_time, guess_value
from modelyard.runs.fitting import USELESS_KINDS, guess_target, list_targets
from modelyard.runs.fitting.series import OPTIONS as ROLES
from modelyard.runs.role_fields import role_fields
from modelyard.runs.splits import BY_CHANCE, TITLES, list_columns, offer_methods
from modelyard.runs.weights import list_weights

PREFIX = "set_"
"""Names of the fields of hyper-parameters begin with this, so that none is taken for another field."""
SPLIT_SHARES = ("split_validation", "split_test")
SPLIT_FIELDS = ("split_method", "split_column", *SPLIT_SHARES)
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
    def roles(self) -> list[forms.BoundField]:
        """What the columns of series are for."""
        return [self[name] for name in ROLES if name in self.fields]

    @property
    def options(self) -> list[forms.BoundField]:
        names = ("split_method", "split_column", *SPLIT_SHARES, "seed", "exclude", "halve_batches")
        return [self[name] for name in names if name in self.fields]

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
        split = {name.removeprefix("split_"): self[name].value() for name in SPLIT_FIELDS if name in self.fields}
        split = {name: value for name, value in split.items() if value}
        if split.get("method") in BY_CHANCE:
            split.pop("column", None)
        seed = self["seed"].value()
        exclude = self["exclude"].value() or [] if "exclude" in self.fields else []
        chosen = {"split": split, "exclude": list(exclude), "halve_batches": bool(self["halve_batches"].value())}
        roles = {name: self[name].value() or [] for name in ROLES if name in self.fields}
        return {**chosen, **roles, **({} if seed in (None, "") else {"seed": seed})}

    def add_problems(self, problems: Mapping[str, str]) -> None:
        """Put what the service said beside the fields it is about."""
        for param, text in problems.items():
            place = param.removeprefix("options.").replace(".", "_")
            if param.startswith("hyperparameters."):
                place = PREFIX + param.removeprefix("hyperparameters.")
            self.errors.pop(place, None)
            self.add_error(place if place in self.fields else None, text)

    def _bound(self, parameters: Iterable[Parameter]) -> list[forms.BoundField]:
        return [self[PREFIX + parameter.name] for parameter in parameters]

    def _add_options(self) -> None:
        self._add_split()
        for name, title, words in zip(
            SPLIT_SHARES,
            (_("Rows to choose by"), _("Rows to test on")),
            (_("Held back from training, to see when it is best."), _("Seen by nothing but the final report.")),
            strict=True,
        ):
            self.fields[name] = forms.ChoiceField(label=title, choices=SHARES, initial="0.15", help_text=words)
        self.fields["seed"] = forms.CharField(
            label=_("Seed"),
            required=False,
            widget=forms.NumberInput(attrs={"min": 0, "step": 1}),
            help_text=_("The same seed on the same data gives the same run. Empty: drawn."),
        )
        self.fields["halve_batches"] = forms.BooleanField(
            label=_("Try again with smaller batches"),
            required=False,
            initial=True,
            help_text=_("If there is too little memory: once more, with half the batch size. The report says so."),
        )
        if self.model_template.input_kind == "series":
            self.fields |= role_fields(self.profile, self.target())
            return
        usable = [column for column in self.profile.columns if column.kind not in USELESS_KINDS]
        if usable:
            self.fields["exclude"] = forms.MultipleChoiceField(
                label=_("Columns to leave out"),
                required=False,
                choices=[(column.name, column.name) for column in usable],
                widget=forms.CheckboxSelectMultiple,
                help_text=_("Columns that are not known yet when the model is asked, or give the answer away."),
            )

    def _add_split(self) -> None:
        """How rows are parted, where there is something to choose."""
        methods = offer_methods(self.model_template, self.profile)
        if not methods:
            return
        self.fields["split_method"] = forms.ChoiceField(
            label=_("How rows are parted"),
            choices=[(method, TITLES[method]) for method in methods],
            initial=methods[0],
            help_text=_("Into rows to learn from, to choose by and to test on."),
        )
        columns = list_columns(self.profile)
        if "group" in methods and columns:
            self.fields["split_column"] = forms.ChoiceField(
                label=_("Column to part by"),
                choices=[("", _("none")), *((column.name, describe_column(column)) for column in columns)],
                required=False,
                help_text=_(
                    "For the split by group, by time or as a column says. The column of groups or parts is not "
                    "learned from."
                ),
            )


def _target_field(template: ModelTemplate, profile: Profile) -> forms.ChoiceField:
    columns = list_targets(template, profile)
    guess = guess_target(columns)
    if template.input_kind == "series":
        time = guess_time(profile.columns)
        guess = guess_value(columns, time.name if time else None)
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
        case WeightsName():
            return forms.ChoiceField(
                label=_(parameter.title),
                help_text=_(parameter.help),
                choices=[("", _("the first")), *((one.name, one.name) for one in list_weights(parameter.kind))],
                required=False,
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
