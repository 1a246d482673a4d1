"""What people fill in about keeping and letting go."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from modelyard.accounts.models import User, Workspace

LONGEST_DAYS = 3650


def _days(label: Any) -> forms.IntegerField:
    return forms.IntegerField(label=label, min_value=1, max_value=LONGEST_DAYS, required=False)


class RetentionForm(forms.Form):
    """Days; empty means for ever."""

    datasets = _days(_("Data sets, after their newest version"))
    runs = _days(_("Training runs, after they ended"))
    batches = _days(_("Batch predictions, after they ended"))
    failed_calls = _days(_("Failed calls"))


class WorkspaceDeletionForm(forms.Form):
    """The name, typed by hand."""

    name = forms.CharField(label=_("Type the name of the workspace"), max_length=120)

    def __init__(self, workspace: Workspace | None, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.workspace = workspace

    def clean_name(self) -> str:
        name: str = self.cleaned_data["name"]
        if self.workspace is None or name != self.workspace.name:
            raise forms.ValidationError(_("This is not the name of the workspace; nothing was deleted."))
        return name


class PersonDeletionForm(forms.Form):
    """The person's password; the e-mail address where they sign in without one."""

    proof = forms.CharField(
        label=_("Your password"),
        max_length=200,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )

    def __init__(self, person: User, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.person = person
        if not person.has_usable_password():
            self.fields["proof"].label = _("Your e-mail address")
            self.fields["proof"].widget = forms.EmailInput()

    def clean_proof(self) -> str:
        proof: str = self.cleaned_data["proof"]
        known = self.person.has_usable_password()
        if not (self.person.check_password(proof) if known else proof.strip().lower() == self.person.email):
            raise forms.ValidationError(_("This is not right; nothing was deleted."))
        return proof
