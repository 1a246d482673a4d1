"""What operators look for in the audit log."""

from datetime import UTC, datetime, time
from uuid import UUID

from django import forms
from django.db.models import Q, QuerySet
from django.utils.translation import gettext_lazy as _

from modelyard.accounts.models import AuditEvent, User, Workspace

ADDRESS_LENGTH = 45
DAY = "%Y-%m-%d"


class AuditSearch(forms.Form):
    """Every field narrows what is found; an empty one does not."""

    q = forms.CharField(required=False)
    action = forms.CharField(required=False)
    person = forms.CharField(label=_("Person"), required=False, max_length=254)
    workspace = forms.CharField(label=_("Workspace"), required=False, max_length=120)
    subject = forms.CharField(label=_("To what"), required=False, max_length=200)
    address = forms.CharField(label=_("Network address"), required=False, max_length=ADDRESS_LENGTH)
    since = forms.DateField(
        label=_("From day (UTC)"), required=False, input_formats=[DAY], widget=forms.DateInput({"type": "date"}, DAY)
    )
    until = forms.DateField(
        label=_("To day (UTC)"), required=False, input_formats=[DAY], widget=forms.DateInput({"type": "date"}, DAY)
    )

    NARROWING = ("person", "workspace", "subject", "address", "since", "until")

    @property
    def is_narrowed(self) -> bool:
        """Whether a field is used that stands in the fold, or wrong."""
        return any(self.data.get(name) or name in self.errors for name in self.NARROWING)

    @property
    def is_used(self) -> bool:
        return self.is_narrowed or bool(self.data.get("q") or self.data.get("action"))

    def narrowing(self) -> list[forms.BoundField]:
        return [self[name] for name in self.NARROWING]

    def found(self) -> QuerySet[AuditEvent]:
        """The events, newest first; none where a field cannot be read. No join: people may be gone, events are not."""
        events = AuditEvent.objects.prefetch_related("actor", "workspace").order_by("-pk")
        if not self.is_valid():
            return events.none()
        asked = self.cleaned_data
        if asked["q"]:
            text = asked["q"]
            anything = Q(subject__icontains=text) | Q(address__icontains=text) | Q(key=text)
            events = events.filter(anything | _by_person(text) | _in_workspace(text))
        if asked["action"]:
            events = events.filter(action=asked["action"])
        if asked["person"]:
            events = events.filter(_by_person(asked["person"]))
        if asked["workspace"]:
            events = events.filter(_in_workspace(asked["workspace"]))
        if asked["subject"]:
            events = events.filter(subject__icontains=asked["subject"])
        if asked["address"]:
            events = events.filter(address__icontains=asked["address"])
        if asked["since"]:
            events = events.filter(at__gte=datetime.combine(asked["since"], time(), UTC))
        if asked["until"]:
            events = events.filter(at__lte=datetime.combine(asked["until"], time.max, UTC))
        return events


def _by_person(text: str) -> Q:
    """By address or name, or by the id that is left of somebody who is gone."""
    if number := _id_in(text):
        return Q(actor_id=number)
    return Q(actor__in=User.objects.filter(Q(email__icontains=text) | Q(name__icontains=text)))


def _in_workspace(text: str) -> Q:
    if number := _id_in(text):
        return Q(workspace_id=number)
    return Q(workspace__in=Workspace.objects.filter(name__icontains=text))


def _id_in(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
