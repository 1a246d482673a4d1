"""What operators fill in."""

from decimal import Decimal
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from modelyard.quotas.kinds import QuotaKind
from modelyard.quotas.pricing import MOST as MOST_MONEY
from modelyard.quotas.pricing import UNITS, Unit
from modelyard.quotas.services import MOST
from modelyard.runs.models import Priority
from modelyard.runs.prioritising import LARGEST_SHARE, SMALLEST_SHARE

FACTORS = {"bytes": 1024**3, "seconds": 3600}
"""Operators think in gigabytes and hours, the ledger counts bytes and seconds."""
SHOWN_UNITS = {"bytes": "GB", "seconds": _("hours")}


def price_field(**words: Any) -> forms.DecimalField:
    """A price, 0 for what is free."""
    return forms.DecimalField(min_value=0, max_value=MOST_MONEY, max_digits=18, decimal_places=9, initial=0, **words)


class LimitForm(forms.Form):
    """A limit in the unit that operators think in."""

    limit = forms.DecimalField(min_value=0, max_digits=20, decimal_places=3)

    def __init__(self, kind: QuotaKind, data: dict[str, str] | None = None) -> None:
        super().__init__(data)
        self.factor = FACTORS.get(kind.unit, 1)

    def clean_limit(self) -> int:
        whole = int((self.cleaned_data["limit"] * self.factor).to_integral_value())
        if whole > MOST:
            raise forms.ValidationError(_("This is more than can be counted."))
        return whole


class PriorityForm(forms.Form):
    """Where a waiting run goes."""

    priority = forms.TypedChoiceField(choices=Priority.choices, coerce=int)


class ShareForm(forms.Form):
    """How much of the queue a workspace gets, in per cent of the usual."""

    percent = forms.IntegerField(min_value=SMALLEST_SHARE, max_value=LARGEST_SHARE)


class PricesForm(forms.Form):
    """What everything costs from a day on."""

    from_day = forms.DateField(label=_("From day (UTC)"), widget=forms.DateInput({"type": "date"}, "%Y-%m-%d"))
    currency = forms.CharField(label=_("Currency"), max_length=3, help_text=_("Three letters, such as EUR."))
    call = price_field(label=_("A call"), help_text=_("Of an endpoint, where it was answered."))
    row = price_field(label=_("A row predicted"), help_text=_("By a call, or of a file."))
    cpu_second = price_field(label=_("A second of training on a processor"))
    gpu_second = price_field(label=_("A second of training on a GPU"))
    gb_month = price_field(label=_("A GB stored for 30 days"))

    def clean_currency(self) -> str:
        return str(self.cleaned_data["currency"]).upper()

    def amounts(self) -> dict[Unit, Decimal]:
        """The cleaned prices."""
        return {unit: self.cleaned_data[unit] for unit in UNITS}


def shown_limit(limit: int, unit: str) -> str:
    """A limit as the form's field shows it."""
    return f"{(Decimal(limit) / FACTORS.get(unit, 1)).quantize(Decimal('0.001')).normalize():f}"
