"""Who uses what, what is stuck, what must be changed."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from modelyard import health
from modelyard.accounts.models import AuditEvent
from modelyard.console import figures
from modelyard.console.access import operators_only
from modelyard.console.periods import period_of
from modelyard.runs.models import Worker
from modelyard.runs.reporting import ALIVE


@operators_only
@require_http_methods(["GET", "HEAD"])
def overview(request: HttpRequest) -> HttpResponse:
    period = period_of(request)
    context = {
        "problems": health.find_problems(),
        "totals": figures.count_everything(),
        "period": period,
        "predictions_chart": figures.chart_predictions(period.start, period.end),
        "training_chart": figures.chart_training(period.start, period.end),
        "events": AuditEvent.objects.select_related("actor", "workspace").order_by("-pk")[:8],
    }
    return render(request, "console/overview.html", context)


@operators_only
@require_http_methods(["GET", "HEAD"])
def workers(request: HttpRequest) -> HttpResponse:
    alive_since = timezone.now() - ALIVE
    everyone = Worker.objects.select_related("run", "run__workspace").order_by("-seen_at")
    context = {"workers": [{"worker": worker, "alive": worker.seen_at >= alive_since} for worker in everyone]}
    page = "console/_workers.html" if request.headers.get("HX-Request") else "console/workers.html"
    return render(request, page, context)
