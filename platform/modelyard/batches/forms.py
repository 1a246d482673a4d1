"""What people send to have a file answered."""

from django import forms
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
    """A file or a finished upload, and the format of the result."""

    format = forms.ChoiceField(label=_("Format of the result"), required=False, choices=FORMATS)

    field_order = ("format",)

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        self.fields["file"].widget.attrs["accept"] = ENDINGS
