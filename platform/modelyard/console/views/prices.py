"""What things cost: the price list in force, those before and after it, and a form for the next."""

from decimal import Decimal

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.dateparse import parse_date
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods, require_POST

from modelyard.accounts.requests import person_of
from modelyard.console.access import operators_only
from modelyard.console.forms import PricesForm
from modelyard.errors import InvalidInput
from modelyard.quotas import pricing
from modelyard.quotas.models import PriceList

USUAL_CURRENCY = "EUR"


@operators_only
@require_http_methods(["GET", "HEAD", "POST"])
def prices(request: HttpRequest) -> HttpResponse:
    """The lists; by POST a new one, or one that replaces a list that has yet to begin."""
    known = pricing.read_prices()
    form, status = PricesForm(request.POST if request.method == "POST" else None, initial=_proposal(known)), 200
    if request.method == "POST":
        if form.is_valid() and _set(request, form):
            return redirect("console:prices")
        status = 422
    context = {
        "form": form,
        "lists": [{"list": one, "state": _state(one, known)} for one in reversed(known.lists)],
        "first_day": pricing.first_day(),
    }
    return render(request, "console/prices.html", context, status=status)


@operators_only
@require_POST
def withdraw(request: HttpRequest) -> HttpResponse:
    """Delete a list that has yet to begin."""
    try:
        day = parse_date(request.POST.get("from_day", ""))
    except ValueError:
        day = None
    if day is None:
        raise InvalidInput({"from_day": "must be a day such as 2026-01-31"})
    pricing.withdraw_prices(day, by=person_of(request), request=request)
    messages.success(request, gettext("The prices are withdrawn."))
    return redirect("console:prices")


def _set(request: HttpRequest, form: PricesForm) -> bool:
    """Whether the prices were set; else the form says what is wrong."""
    asked = form.cleaned_data
    try:
        pricing.set_prices(asked["from_day"], asked["currency"], form.amounts(), by=person_of(request), request=request)
    except InvalidInput as fault:
        for name, problem in fault.problems.items():
            form.add_error(name, problem)
        return False
    messages.success(request, gettext("The prices are set."))
    return True


def _proposal(known: pricing.Prices) -> dict[str, object]:
    """What the form begins with: the newest list, from the first day there can be another."""
    newest = known.lists[-1] if known else None
    amounts: dict[str, object] = {unit: _plain(getattr(newest, unit)) if newest else 0 for unit in pricing.UNITS}
    currency = newest.currency if newest else USUAL_CURRENCY
    return {"from_day": pricing.first_day() or pricing.today(), "currency": currency, **amounts}


def _plain(price: Decimal) -> str:
    return f"{price.normalize():f}"


def _state(one: PriceList, known: pricing.Prices) -> str:
    in_force = known.on(pricing.today())
    if in_force is not None and one.pk == in_force.pk:
        return "now"
    return "later" if in_force is None or one.from_day > in_force.from_day else "former"
