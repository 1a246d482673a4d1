"""What operators fill in."""

from decimal import Decimal

from django import forms
from django.utils.translation import gettext_lazy as _

from modelyard.quotas.kinds import QuotaKind
from modelyard.quotas.services import MOST

FACTORS = {"bytes": 1024**3, "seconds": 3600}
"""Operators think in gigabytes and hours, the ledger counts bytes and seconds."""
SHOWN_UNITS = {"bytes": "GB", "seconds": _("hours")}


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


def shown_limit(limit: int, unit: str) -> str:
    """A limit as the form's field shows it."""
    return f"{(Decimal(limit) / FACTORS.get(unit, 1)).quantize(Decimal('0.001')).normalize():f}"
