"""How money is shown."""

from decimal import ROUND_HALF_UP, Decimal

from babel.numbers import format_currency
from django import template

from modelyard.quotas.pricing import Cost
from modelyard.templatetags.display import NOTHING, current_locale

register = template.Library()


@register.filter
def money(cost: Cost | None) -> str:
    """€1.23; small amounts with three significant digits; two currencies with a plus between; a dash for nothing."""
    if cost is None or not cost.amounts:
        return NOTHING
    return " + ".join(_say(amount, currency) for currency, amount in sorted(cost.amounts.items()))


def _say(amount: Decimal, currency: str) -> str:
    decimals = 2 if not amount or abs(amount) >= Decimal("0.1") else min(9, 2 - amount.adjusted())
    rounded = amount.quantize(Decimal(1).scaleb(-decimals), ROUND_HALF_UP)
    return str(format_currency(rounded, currency, locale=current_locale(), decimal_quantization=False))
