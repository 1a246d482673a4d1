"""Forms of endpoints: a new one, and a new release."""

from typing import Any
from uuid import UUID

from django import forms
from django.http import QueryDict
from django.utils.translation import gettext_lazy as _

from modelyard.accounts.models import Workspace
from modelyard.endpoints.models import Endpoint, Release
from modelyard.errors import InvalidInput
from modelyard.registry.models import ModelVersion


class NewEndpointForm(forms.Form):
    """A model version and a name."""

    version = forms.ModelChoiceField(
        queryset=ModelVersion.objects.none(), label=_("Model version"), empty_label=_("Choose…")
    )
    name = forms.CharField(
        label=_("Name"),
        max_length=200,
        help_text=_("Part of the address: lower-case letters, digits and dashes. It cannot be changed later."),
        widget=forms.TextInput(attrs={"autocapitalize": "off", "autocomplete": "off", "spellcheck": "false"}),
    )

    def __init__(self, workspace: Workspace, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        versions = ModelVersion.objects.filter(model__workspace=workspace).select_related("model")
        field = self.fields["version"]
        assert isinstance(field, forms.ModelChoiceField)
        field.queryset = versions.order_by("-created_at")


def sent_split(endpoint: Endpoint, sent: QueryDict) -> list[dict[str, int]]:
    """The split that a form of the endpoint's page asks for: a former release, one version, or per cent of several.

    Raises `InvalidInput`.
    """
    fields = {name: str(value) for name, value in sent.items()}
    if "release" in fields:
        return _former_split(endpoint, fields["release"])
    if "version" in fields:
        return [{"version": _whole(fields["version"], "version"), "percent": 100}]
    shares = {name.removeprefix("percent-"): value for name, value in fields.items() if name.startswith("percent-")}
    return [
        {"version": _whole(number, "split"), "percent": _whole(percent, "split")}
        for number, percent in shares.items()
        if percent not in ("", "0")
    ]


def chosen_version(text: str | None, workspace: Workspace) -> ModelVersion | None:
    """The version that an address names, where it is one of the workspace."""
    try:
        version_id = UUID(text or "")
    except ValueError:
        return None
    versions = ModelVersion.objects.filter(model__workspace=workspace).select_related("model")
    return versions.filter(pk=version_id).first()


def _former_split(endpoint: Endpoint, text: str) -> list[dict[str, int]]:
    former: Release | None = endpoint.releases.filter(pk=_whole(text, "release")).first()
    if former is None:
        raise InvalidInput({"release": str(_("there is no such release of this endpoint"))})
    return [dict(share) for share in former.split]


def _whole(text: str, name: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise InvalidInput({name: str(_("must be whole numbers"))})
    return int(text)
