"""Batch predictions in every state that a page shows."""

from dataclasses import asdict
from datetime import timedelta
from typing import Any

from django.utils import timezone

from modelyard.accounts.models import User
from modelyard.batches.models import BatchPrediction
from modelyard.contracts.batch import Survey, Tally
from modelyard.contracts.profile import Problem
from modelyard.contracts.sentences import sentence as _
from modelyard.endpoints.models import Endpoint
from modelyard.leased_work import WorkState

ROWS = 48_210
ADDED = ("predicted_label", "predicted_score", "predicted_probability_no", "predicted_probability_yes")


def make_batches(endpoint: Endpoint, by: User) -> dict[str, BatchPrediction]:
    now = timezone.now()
    absent = "The file lacks columns that the model can do without: {absent}. Their values count as missing."
    warning = Problem.saying("absent_columns", _(absent, absent="“region”"))
    survey = Survey(
        rows=ROWS,
        came="csv",
        format="csv",
        names=("customer", "tenure_months", "contract", *ADDED, "prediction_error"),
        added=(*ADDED, "prediction_error"),
        warnings=(warning,),
    )
    tally = Tally(
        chunks=12,
        rows=ROWS,
        failed=214,
        defused=3,
        faults={
            "column 'tenure_months' must be a number, got 'unknown'": {"count": 201, "row": 17},
            "the row has 5 cells, the header names 6 columns": {"count": 13, "row": 902},
        },
        labels={"no": 35_120, "yes": 12_876},
    )
    begun = {"started_at": now - timedelta(minutes=3), "attempt": 1, "fence": 1, "survey": survey.to_json()}
    figures = {"step": 20_480, "fraction": 0.425, "eta_seconds": 41.0, "rate": 8412.0, "failed": 96}
    sentence = _(
        "The file lacks columns that the model needs: {missing}. It has: {present}. Add or rename them; "
        "capital letters count.",
        missing="“contract”",
        present="“customer”, “Contract”",
    )
    failure = {"code": "missing_columns", "message": str(sentence), "sentence": asdict(sentence)}
    states: dict[str, dict[str, Any]] = {
        "failed": {"state": WorkState.FAILED, "failure": failure, "ended_at": now, "started_at": now, "attempt": 1},
        "succeeded": {
            **begun,
            "state": WorkState.SUCCEEDED,
            "tally": tally.to_json(),
            "ended_at": now - timedelta(minutes=1),
            "result_size": 6_211_090,
            "expires_at": now + timedelta(days=30),
        },
        "running": {
            **begun,
            "state": WorkState.RUNNING,
            "phase": "predicting",
            "progress": figures,
            "lease_until": now + timedelta(hours=1),
        },
        "queued": {},
    }
    version = endpoint.model.versions.get(number=2)
    common = {
        "workspace": endpoint.workspace,
        "endpoint": endpoint.name,
        "version": version,
        "model_name": endpoint.model.name,
        "version_number": version.number,
        "size": 4_400_211,
        "created_by": by,
    }
    return {
        name: BatchPrediction.objects.create(**common, filename=f"customers-{name}.csv", **fields)
        for name, fields in states.items()
    }
