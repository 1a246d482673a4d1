"""Running and queued work of everybody: training runs and batch predictions."""

from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods, require_POST

from modelyard.accounts.requests import person_of
from modelyard.batches.models import BatchPrediction
from modelyard.batches.services import cancel_batch
from modelyard.console.access import operators_only
from modelyard.console.forms import PriorityForm
from modelyard.errors import InvalidInput
from modelyard.runs.models import Priority, RunState, TrainingRun
from modelyard.runs.services import cancel_run, queue_positions, set_priority

RECENT = 20


@operators_only
@require_http_methods(["GET", "HEAD"])
def work(request: HttpRequest) -> HttpResponse:
    """The page; by htmx its changing part, which asks for itself every few seconds."""
    everything = TrainingRun.objects.select_related("workspace", "created_by")
    batches = BatchPrediction.objects.unfinished().select_related("workspace", "created_by")
    places = queue_positions()
    queued = everything.filter(state=RunState.QUEUED)
    context = {
        "running": everything.filter(state=RunState.RUNNING).order_by("started_at"),
        "queued": sorted(queued.order_by("created_at"), key=lambda run: places.get(run.pk, len(places) + 1)),
        "places": places,
        "priorities": Priority.choices,
        "batches": batches.order_by("created_at"),
        "ended": everything.exclude(ended_at=None).order_by("-ended_at")[:RECENT],
    }
    page = "console/_work.html" if request.headers.get("HX-Request") else "console/work.html"
    return render(request, page, context)


@operators_only
@require_POST
def cancel(request: HttpRequest, run_id: UUID) -> HttpResponse:
    run = get_object_or_404(TrainingRun, pk=run_id)
    cancel_run(run, by=person_of(request), request=request)
    messages.success(request, gettext("%(run)s is being cancelled.") % {"run": run.name})
    return redirect("console:work")


@operators_only
@require_POST
def prioritise(request: HttpRequest, run_id: UUID) -> HttpResponse:
    """Let a waiting run go before or after those of everybody."""
    run = get_object_or_404(TrainingRun, pk=run_id)
    form = PriorityForm(request.POST)
    if not form.is_valid():
        raise InvalidInput({name: " ".join(map(str, problems)) for name, problems in form.errors.items()})
    set_priority(run, form.cleaned_data["priority"], by=person_of(request), request=request)
    messages.success(request, gettext("The place of %(run)s in the queue is changed.") % {"run": run.name})
    return redirect("console:work")


@operators_only
@require_POST
def cancel_file(request: HttpRequest, batch_id: UUID) -> HttpResponse:
    batch = get_object_or_404(BatchPrediction, pk=batch_id)
    cancel_batch(batch, by=person_of(request), request=request)
    messages.success(request, gettext("%(run)s is being cancelled.") % {"run": batch.filename})
    return redirect("console:work")
