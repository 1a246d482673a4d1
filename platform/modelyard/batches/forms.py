"""What people send to have a file answered."""

from collections.abc import Sequence

from django import forms
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _

from modelyard.datasets.forms import NewVersionForm

ENDINGS = ".csv,.tsv,.txt,.jsonl,.json,.parquet,.zip,.gz"
FORMATS = [
    ("", _("the same as the file")),
    ("csv", "CSV"),
    ("jsonl", "JSON Lines"),
    ("parquet", "Parquet"),
]


class NewBatchForm(NewVersionForm):
    """A file or a finished upload, the format of the result, and intervals where the model has `levels` of them."""

    format = forms.ChoiceField(label=_("Format of the result"), required=False, choices=FORMATS)
    interval = forms.TypedChoiceField(
        label=_("Intervals around the values"),
        required=False,
        coerce=float,
        empty_value=None,
        help_text=_("Two more columns, between which the true value lies as often as you choose."),
    )

    field_order = ("format", "interval")

    def __init__(self, *args: object, levels: Sequence[float] = (), **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        self.fields["file"].widget.attrs["accept"] = ENDINGS
        if levels:
            words = _now("%(percent)s of 100 true values lie inside")
            offered = [(str(level), words % {"percent": f"{level * 100:g}"}) for level in levels]
            self.fields["interval"].choices = [("", _("none")), *offered]  # type: ignore[attr-defined]
        else:
            del self.fields["interval"]

    @property
    def options(self) -> list[forms.BoundField]:
        """What can be chosen beside the file."""
        return [self[name] for name in self.field_order if name in self.fields]
