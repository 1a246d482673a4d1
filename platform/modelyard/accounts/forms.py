"""What people fill in about themselves, their workspace and their keys."""

import json
import time
from typing import Any

from django import forms
from django.conf import settings
from django.contrib.auth.password_validation import validate_password
from django.utils.translation import gettext_lazy as _

from modelyard.accounts import attempts
from modelyard.accounts.keys import MOST_OVERLAP_HOURS
from modelyard.accounts.models import Role, User
from modelyard.names import clean_text

FRESH_SECONDS = 900


class LineField(forms.CharField):
    """A name: one line without unseen characters."""

    def to_python(self, value: Any) -> str:
        text = super().to_python(value) or ""
        return clean_text(text, len(text) + 1)


def _check_password(person: User, password: str, form: forms.Form, name: str) -> None:
    """Add an error to the field `name` unless this is the person's password; tries are slowed down."""
    wait = attempts.claim_proof(str(person.pk))
    if wait is not None:
        form.add_error(name, attempts.say_wait(wait))
    elif not person.check_password(password):
        form.add_error(name, _("This is not your password."))
    else:
        attempts.forget_proof(str(person.pk))


def _password(autocomplete: str) -> forms.PasswordInput:
    return forms.PasswordInput(attrs={"autocomplete": autocomplete})


class SignInForm(forms.Form):
    email = forms.EmailField(
        label=_("E-mail address"), widget=forms.EmailInput(attrs={"autocomplete": "username", "autofocus": True})
    )
    password = forms.CharField(label=_("Password"), strip=False, max_length=1024, widget=_password("current-password"))


class SignUpForm(forms.Form):
    name = LineField(
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
    name = LineField(
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

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        if "old_password" in cleaned:
            _check_password(self.person, cleaned["old_password"], self, "old_password")
        return cleaned

    def clean_new_password(self) -> str:
        password: str = self.cleaned_data["new_password"]
        validate_password(password, self.person)
        return password


class ProofForm(forms.Form):
    """Asks for the password again before something that decides who gets in.

    People without one, who come by single sign-on or a passkey, must have signed in a short while ago.
    """

    password = forms.CharField(
        label=_("Your password"), strip=False, max_length=1024, widget=_password("current-password")
    )

    def __init__(self, person: User, *args: Any, began: float, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.person, self.began = person, began
        self.order_fields([name for name in self.fields if name != "password"])
        if not person.has_usable_password():
            del self.fields["password"]

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        if "password" in self.fields:
            _check_password(self.person, cleaned.get("password", ""), self, "password")
        elif time.time() - self.began > FRESH_SECONDS:
            raise forms.ValidationError(_("You signed in a while ago. Sign out and in again, then do this first."))
        return cleaned


class AppForm(ProofForm):
    code = forms.CharField(
        label=_("Code"),
        max_length=20,
        help_text=_("The six digits that the app shows now."),
        widget=forms.TextInput(attrs={"autocomplete": "one-time-code", "inputmode": "numeric"}),
    )


class PasskeyForm(ProofForm):
    name = LineField(label=_("Name"), max_length=60, help_text=_("How you tell it from others, such as “work laptop”."))


class CredentialForm(forms.Form):
    """What a browser made with a passkey: an object in JSON."""

    credential = forms.CharField(max_length=20_000)

    def clean_credential(self) -> dict[str, Any]:
        try:
            made = json.loads(self.cleaned_data["credential"])
        except (ValueError, RecursionError) as fault:
            raise forms.ValidationError("must be JSON") from fault
        if not isinstance(made, dict):
            raise forms.ValidationError("must be an object in JSON")
        return made


class SecondFactorForm(forms.Form):
    code = forms.CharField(
        label=_("Code"),
        max_length=40,
        help_text=_("The six digits that your app shows now, or one of your recovery codes."),
        widget=forms.TextInput(
            attrs={"autocomplete": "one-time-code", "inputmode": "numeric", "autofocus": True, "spellcheck": "false"}
        ),
    )


class WorkspaceForm(forms.Form):
    name = LineField(label=_("Name"), max_length=120)


class WorkspaceRuleForm(forms.Form):
    second_factor = forms.BooleanField(
        label=_("Members need a second factor"),
        required=False,
        help_text=_("Whoever has none sets one up before anything else."),
    )


class InvitationForm(forms.Form):
    email = forms.EmailField(label=_("E-mail address"))
    role = forms.ChoiceField(label=_("Role"), choices=Role.choices, initial=Role.EDITOR)


class KeyForm(forms.Form):
    """A new key. Scopes are explained where they are chosen."""

    name = LineField(
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
