"""The form of a new release: shares, a shadow, versions for single keys, a guard."""

from collections.abc import Sequence
from typing import Any

from django import forms
from django.http import QueryDict
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from modelyard.accounts.models import ApiKey
from modelyard.endpoints.forms import sent_split
from modelyard.endpoints.guarding import Guard
from modelyard.endpoints.models import Endpoint, Release
from modelyard.endpoints.releasing import MAX_KEYS
from modelyard.registry.models import ModelVersion


class ReleaseForm(forms.Form):
    """What a release is besides the shares of its versions."""

    shadow = forms.TypedChoiceField(
        label=gettext_lazy("Shadow"),
        required=False,
        coerce=int,
        empty_value=None,
        help_text=gettext_lazy("It is asked what callers ask and compared with what they got; they never hear it."),
    )
    guarded = forms.BooleanField(
        label=gettext_lazy("Take the release back by itself if callers are worse off than before"), required=False
    )
    error_points = forms.FloatField(
        label=gettext_lazy("Failed calls, more per hundred"), min_value=0, max_value=100, required=False, initial=2
    )
    latency_factor = forms.FloatField(
        label=gettext_lazy("Latency (p95), times the former"), min_value=1, max_value=100, required=False, initial=2
    )
    minimum_requests = forms.IntegerField(
        label=gettext_lazy("Judge after this many calls"), min_value=1, max_value=1_000_000, required=False, initial=50
    )
    window_minutes = forms.IntegerField(
        label=gettext_lazy("Watch for this many minutes"), min_value=1, max_value=10_080, required=False, initial=30
    )

    def __init__(self, endpoint: Endpoint, versions: Sequence[ModelVersion], *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.endpoint = endpoint
        named = [(version.number, _("Version %(number)s") % {"number": version.number}) for version in versions]
        shadow = self.fields["shadow"]
        assert isinstance(shadow, forms.TypedChoiceField)
        shadow.choices = [("", _("None")), *named]

    def clean(self) -> dict[str, Any]:
        found = super().clean() or {}
        if found.get("guarded") and found.get("error_points") is None and found.get("latency_factor") is None:
            self.add_error("guarded", _("Say how much worse failed calls or the latency may be."))
        return found

    def guard(self) -> dict[str, Any] | None:
        """The guard that was asked for."""
        found = self.cleaned_data
        if not found["guarded"]:
            return None
        points = found["error_points"]
        return Guard(
            error_rate=points / 100 if points is not None else None,
            latency_factor=found["latency_factor"],
            minimum_requests=found["minimum_requests"] or Guard.minimum_requests,
            window_minutes=found["window_minutes"] or Guard.window_minutes,
        ).to_json()


def sent_release(endpoint: Endpoint, form: ReleaseForm, sent: QueryDict) -> dict[str, Any]:
    """What a valid form asks `services.release` for. Rolling back brings the keys of that release back, too.

    Raises `InvalidInput`.
    """
    split = sent_split(endpoint, sent)
    if "release" in sent:
        former = Release.objects.get(endpoint=endpoint, pk=int(str(sent["release"])))
        known = set(
            ApiKey.objects.filter(workspace=endpoint.workspace_id, pk__in=former.keys).values_list("pk", flat=True)
        )
        return {"split": split, "keys": {key: number for key, number in former.keys.items() if key in known}}
    chosen = {name.removeprefix("key-"): str(value) for name, value in sent.items() if name.startswith("key-")}
    keys = {key: int(number) for key, number in chosen.items() if number.isascii() and number.isdigit()}
    return {"split": split, "keys": keys, "shadow": form.cleaned_data["shadow"], "guard": form.guard()}


def keys_to_choose(endpoint: Endpoint, current: Release | None) -> list[dict[str, Any]]:
    """The workspace's keys that may ask the endpoint for predictions, each with the version that it is given."""
    named = current.keys if current is not None else {}
    keys = ApiKey.objects.live().filter(workspace=endpoint.workspace_id).select_related("user").order_by("name")
    able = (key for key in keys if "predict" in key.scopes)
    allowed = [key for key in able if not key.endpoints or endpoint.name in key.endpoints]
    return [{"key": key, "version": named.get(key.pk)} for key in allowed[:MAX_KEYS]]
