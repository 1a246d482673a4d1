"""What people fill in about themselves, their workspace and their keys."""

from typing import Any

from django import forms
from django.conf import settings
from django.contrib.auth.password_validation import validate_password
from django.utils.translation import gettext_lazy as _

from modelyard.accounts.keys import MOST_OVERLAP_HOURS
from modelyard.accounts.models import Role, User


def _password(autocomplete: str) -> forms.PasswordInput:
    return forms.PasswordInput(attrs={"autocomplete": autocomplete})


class SignInForm(forms.Form):
    email = forms.EmailField(
        label=_("E-mail address"), widget=forms.EmailInput(attrs={"autocomplete": "username", "autofocus": True})
    )
    password = forms.CharField(label=_("Password"), strip=False, max_length=1024, widget=_password("current-password"))


class SignUpForm(forms.Form):
    name = forms.CharField(
        label=_("Your name"), max_length=120, required=False, widget=forms.TextInput(attrs={"autocomplete": "name"})
    )
    email = forms.EmailField(label=_("E-mail address"), widget=forms.EmailInput(attrs={"autocomplete": "username"}))
    password = forms.CharField(
        label=_("Password"),
        strip=False,
        max_length=1024,
        widget=_password("new-password"),
        help_text=_("At least 10 characters. A few unrelated words are easy to remember and hard to guess."),
    )


class ForgottenForm(forms.Form):
    email = forms.EmailField(label=_("E-mail address"), widget=forms.EmailInput(attrs={"autocomplete": "username"}))


class PersonForm(forms.Form):
    name = forms.CharField(
        label=_("Name"), max_length=120, required=False, widget=forms.TextInput(attrs={"autocomplete": "name"})
    )
    language = forms.ChoiceField(
        label=_("Language"), required=False, choices=[("", _("Like the browser")), *settings.LANGUAGES]
    )


class PasswordForm(forms.Form):
    """Changing a password asks for the former one, so that an open screen is not enough."""

    old_password = forms.CharField(
        label=_("Password so far"), strip=False, max_length=1024, widget=_password("current-password")
    )
    new_password = forms.CharField(
        label=_("New password"), strip=False, max_length=1024, widget=_password("new-password")
    )

    def __init__(self, person: User, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.person = person

    def clean_old_password(self) -> str:
        password: str = self.cleaned_data["old_password"]
        if not self.person.check_password(password):
            raise forms.ValidationError(_("This is not your password."))
        return password

    def clean_new_password(self) -> str:
        password: str = self.cleaned_data["new_password"]
        validate_password(password, self.person)
        return password


class WorkspaceForm(forms.Form):
    name = forms.CharField(label=_("Name"), max_length=120)


class InvitationForm(forms.Form):
    email = forms.EmailField(label=_("E-mail address"))
    role = forms.ChoiceField(label=_("Role"), choices=Role.choices, initial=Role.EDITOR)


class KeyForm(forms.Form):
    """A new key. Scopes are explained where they are chosen."""

    name = forms.CharField(
        label=_("Name"), max_length=120, help_text=_("What it is for, such as “shop checkout”. Only people see it.")
    )
    scopes = forms.MultipleChoiceField(
        label=_("What it may do"),
        choices=[
            ("predict", _("Predict: call endpoints")),
            ("read", _("Read: see data sets, runs, models, usage")),
            ("write", _("Write: upload, train, publish, delete (includes Read)")),
            ("admin", _("Admin: manage keys too (includes Write; owners only)")),
        ],
        initial=["predict"],
        widget=forms.CheckboxSelectMultiple,
    )
    endpoints = forms.CharField(
        label=_("Endpoints"),
        required=False,
        max_length=1000,
        help_text=_("Names, separated by commas, that it may call. Empty: every endpoint of the workspace."),
    )
    days = forms.TypedChoiceField(
        label=_("Expires"),
        coerce=int,
        empty_value=None,
        required=False,
        initial="90",
        choices=[
            ("7", _("in 7 days")),
            ("30", _("in 30 days")),
            ("90", _("in 90 days")),
            ("365", _("in a year")),
            ("", _("never")),
        ],
    )

    def clean_endpoints(self) -> list[str]:
        return [name.strip() for name in self.cleaned_data["endpoints"].split(",") if name.strip()]


class RotationForm(forms.Form):
    overlap_hours = forms.IntegerField(
        label=_("The old key works for"), min_value=0, max_value=MOST_OVERLAP_HOURS, initial=24
    )
