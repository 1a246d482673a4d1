"""What people send from pages about data sets."""

from django import forms
from django.utils.translation import gettext_lazy as _

from modelyard.datasets.names import DATASET_LENGTH

ENDINGS = ".csv,.tsv,.txt,.xlsx,.parquet,.json,.jsonl,.zip,.gz"


class NewVersionForm(forms.Form):
    """A file, or the id of an upload that the page's own client has finished."""

    file = forms.FileField(
        label=_("File"), required=False, allow_empty_file=True, widget=forms.FileInput(attrs={"accept": ENDINGS})
    )
    upload = forms.UUIDField(required=False, widget=forms.HiddenInput)

    def clean(self) -> dict[str, object]:
        cleaned: dict[str, object] = super().clean() or {}
        if not self.errors and not cleaned.get("file") and not cleaned.get("upload"):
            self.add_error("file", _("Choose a file first."))
        return cleaned


class NewDatasetForm(NewVersionForm):
    """The same, and a name; without one the data set is called after the file."""

    name = forms.CharField(
        label=_("Name"),
        required=False,
        max_length=DATASET_LENGTH,
        help_text=_("What the data is about. Left empty, the file's name is taken."),
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
