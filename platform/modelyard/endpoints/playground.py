"""The playground: a form made from a signature, and the row that it sends.

Names of columns are strangers' words: fields are named by their place ("in0", "in1", …), the words are only shown.
"""

import base64
import re
from collections.abc import Iterator, Mapping
from typing import Any

from django import forms
from django.core.files.uploadedfile import UploadedFile
from django.utils.datastructures import MultiValueDict
from django.utils.translation import gettext as _

from modelyard.contracts.signature import Input, Signature
from modelyard.templatetags.display import from_timestamp, number

OTHER = "other"
MOST_CHOICES = 200
LARGEST_IMAGE = 7 * 1024**2
"""Encoded as base64 it stays below what the predictor takes."""
PLACE = "instances[0]: "
"""How the predictor says which row it means; here there is only one."""
DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


class PlaygroundForm(forms.Form):
    """One field for each input of a signature, filled with the example; categories have a second for something else."""

    explain = forms.BooleanField(required=False, initial=True)

    def __init__(
        self, signature: Signature, data: Mapping[str, Any] | None = None, files: MultiValueDict[str, Any] | None = None
    ) -> None:
        super().__init__(data, files)
        self.can_explain = signature.output.kind != "forecast"
        self.items = {f"in{place}": item for place, item in enumerate(signature.inputs)}
        for name, item in self.items.items():
            self.fields[name] = _field_of(item)
            self.initial[name] = _initial_of(item)
            if _is_choice(item):
                label = _("Something else in %(column)s") % {"column": item.name}
                self.fields[f"{name}-else"] = forms.CharField(label=label, required=False, strip=False)
                self.initial[f"{name}-else"] = item.example if self.initial[name] == OTHER else ""

    @property
    def wants_explanation(self) -> bool:
        return self.can_explain and bool(self.cleaned_data.get("explain"))

    @property
    def takes_images(self) -> bool:
        return any(item.kind == "image" for item in self.items.values())

    def pairs(self) -> Iterator[tuple[forms.BoundField, forms.BoundField | None]]:
        """Every field, and beside a category's the one for something else."""
        for name, item in self.items.items():
            yield self[name], self[f"{name}-else"] if _is_choice(item) else None

    def clean(self) -> dict[str, Any]:
        for name, item in self.items.items():
            if _is_choice(item) and name in self.cleaned_data:
                self.cleaned_data[name] = self._chosen(name, item)
        return self.cleaned_data

    def row(self) -> dict[str, Any]:
        """What is sent to the predictor; columns left open are left out."""
        values = ((item, self.cleaned_data.get(name)) for name, item in self.items.items())
        return {item.name: _sent(value) for item, value in values if value not in (None, "")}

    def blame(self, message: str) -> None:
        """Put what the predictor said beside the field that it names, else above all of them."""
        named = [(len(item.name), name) for name, item in self.items.items() if f"'{item.name}'" in message]
        self.add_error(max(named)[1] if named else None, message.removeprefix(PLACE))

    def _chosen(self, name: str, item: Input) -> str:
        place = self.cleaned_data[name]
        if place != OTHER:
            return item.values[int(place.removeprefix("v"))] if place else ""
        text: str = self.cleaned_data.get(f"{name}-else") or ""
        if not text:
            self.add_error(name, _("Write what it is, or choose one of the others."))
        return text


def _field_of(item: Input) -> forms.Field:
    makers = {
        "number": _number_field,
        "category": _category_field,
        "flag": _flag_field,
        "date": _date_field,
        "text": _text_field,
        "image": _image_field,
        "count": _count_field,
        "history": _history_field,
    }
    return makers[item.kind](item)


def _number_field(item: Input) -> forms.Field:
    seen = _seen(number(item.minimum), number(item.maximum)) if item.minimum is not None else ""
    widget = forms.NumberInput(attrs={"step": "any", "inputmode": "decimal"})
    return forms.FloatField(label=item.name, required=not item.optional, help_text=seen, widget=widget)


def _count_field(item: Input) -> forms.Field:
    low, high = int(item.minimum or 0), int(item.maximum or 0)
    bounds = _("from %(low)s to %(high)s") % {"low": number(low), "high": number(high)}
    return forms.IntegerField(
        label=item.name, required=not item.optional, min_value=low, max_value=high, help_text=bounds
    )


def _history_field(item: Input) -> forms.Field:
    """Sent as the text that it is; the predictor reads it."""
    words = _("past values as JSON, a list of numbers or of objects; empty: what the model was trained on")
    widget = forms.Textarea(attrs={"rows": 4, "class": "mono"})
    return forms.CharField(label=item.name, required=not item.optional, help_text=words, widget=widget)


def _category_field(item: Input) -> forms.Field:
    if not _is_choice(item):
        seen = ", ".join(item.values[:3])
        help_text = _("for example %(values)s") % {"values": seen} if seen else ""
        return forms.CharField(label=item.name, required=not item.optional, strip=False, help_text=help_text)
    choices = [("", _("– no value –"))] if item.optional else []
    choices += [(f"v{place}", value) for place, value in enumerate(item.values)]
    choices.append((OTHER, _("Something else…")))
    return forms.ChoiceField(label=item.name, required=not item.optional, choices=choices)


def _flag_field(item: Input) -> forms.Field:
    missing = [("", _("– no value –"))] if item.optional else []
    choices = [*missing, ("yes", _("yes")), ("no", _("no"))]
    return forms.TypedChoiceField(
        label=item.name,
        required=not item.optional,
        choices=choices,
        coerce=lambda word: word == "yes",
        empty_value=None,
    )


def _date_field(item: Input) -> forms.Field:
    whole_day = item.example is None or DAY.fullmatch(str(item.example)) is not None
    widget = forms.DateInput(attrs={"type": "date"}) if whole_day else forms.TextInput()
    first, last = from_timestamp(item.minimum), from_timestamp(item.maximum)
    help_text = _seen(f"{first:%Y-%m-%d}", f"{last:%Y-%m-%d}") if first and last else ""
    return forms.CharField(label=item.name, required=not item.optional, widget=widget, help_text=help_text)


def _seen(low: str, high: str) -> str:
    return _("seen in training: %(low)s to %(high)s") % {"low": low, "high": high}


def _text_field(item: Input) -> forms.Field:
    widget = forms.Textarea(attrs={"rows": 4})
    return forms.CharField(label=item.name, required=not item.optional, strip=False, widget=widget)


def _image_field(item: Input) -> forms.Field:
    help_text = ""
    if item.width and item.height:
        size = {"width": item.width, "height": item.height}
        help_text = _("any size; the model looks at %(width)s × %(height)s pixels") % size
    widget = forms.FileInput(attrs={"accept": "image/*"})
    return ImageField(label=item.name, required=True, help_text=help_text, widget=widget)


class ImageField(forms.FileField):
    """An encoded image as it came; the predictor decodes it."""

    def clean(self, data: Any, initial: Any = None) -> Any:
        file = super().clean(data, initial)
        if file.size > LARGEST_IMAGE:
            raise forms.ValidationError(
                _("The image has %(size)s MB; at most %(most)s can be sent from here.")
                % {"size": number(file.size / 1024**2, 1), "most": LARGEST_IMAGE // 1024**2}
            )
        return file


def _is_choice(item: Input) -> bool:
    """Whether a category is chosen from a list; of too many values it is typed."""
    return item.kind == "category" and 0 < len(item.values) <= MOST_CHOICES


def _initial_of(item: Input) -> Any:
    if _is_choice(item):
        return f"v{item.values.index(item.example)}" if item.example in item.values else OTHER if item.example else ""
    if item.kind == "flag":
        truth = _truth(item.example)
        return "" if truth is None else "yes" if truth else "no"
    return item.example


def _truth(example: Any) -> bool | None:
    if isinstance(example, bool) or example is None:
        return example
    return str(example).strip().lower() in ("1", "1.0", "true", "yes", "y", "t", "on", "是", "真")


def _sent(value: Any) -> Any:
    if isinstance(value, UploadedFile):
        return {"b64": base64.b64encode(value.read()).decode()}
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return int(value)
    return value
