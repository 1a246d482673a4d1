"""Files that are answered row by row: batch predictions."""

import uuid
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Self

from django.db import models
from django.urls import reverse

from modelyard import storage
from modelyard.accounts.models import User, Workspace
from modelyard.contracts.batch import RESULT, Survey, Tally
from modelyard.leased_work import LeasedWork, LeasedWorkQuerySet, WorkState
from modelyard.registry.models import ModelVersion


class BatchPredictionQuerySet(LeasedWorkQuerySet["BatchPrediction"]):
    def visible_to(self, user: User) -> Self:
        return self.filter(workspace__memberships__user=user)


class BatchPrediction(LeasedWork):
    """A file, the model version that answers its rows, and the same file with predictions added.

    `version` is fixed when the file comes, whatever is released on `endpoint` (its name, "" where a version was asked
    directly) meanwhile; until the end `holds` keeps it from deletion. `interval` is the level of the intervals that
    stand around values. `survey` is `contracts.batch.Survey`, None until the file was read, and `tally`
    `contracts.batch.Tally`. `seal` and `result_seal` open the folders of file and result (`modelyard.storage`); the
    file goes at the end, the result at `expires_at`.
    """

    JOB = "score"
    TOPIC = "batch"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="batches")
    endpoint = models.CharField(max_length=60, blank=True)
    version = models.ForeignKey(ModelVersion, null=True, on_delete=models.SET_NULL, related_name="batches")
    holds = models.ForeignKey(ModelVersion, null=True, on_delete=models.RESTRICT, related_name="+")
    model_name = models.CharField(max_length=120)
    version_number = models.PositiveIntegerField()
    filename = models.CharField(max_length=255)
    size = models.BigIntegerField()
    seal = models.CharField(max_length=64, blank=True, default="")
    wanted = models.CharField(max_length=10, blank=True)
    interval = models.FloatField(null=True)
    created_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL)
    key = models.CharField(max_length=8, blank=True)

    survey = models.JSONField(null=True)
    tally = models.JSONField(default=dict)
    result_size = models.BigIntegerField(null=True)
    result_seal = models.CharField(max_length=64, blank=True, default="")
    expires_at = models.DateTimeField(null=True, db_index=True)

    objects = BatchPredictionQuerySet.as_manager()

    def __str__(self) -> str:
        return self.filename

    def get_absolute_url(self) -> str:
        return reverse("batches:detail", args=[self.pk])

    @property
    def found(self) -> Survey | None:
        """What reading found in the file."""
        return Survey.from_json(self.survey) if self.survey else None

    @property
    def outcome(self) -> Tally:
        """What came of the rows; of nothing until the work has ended well."""
        return Tally.from_json(self.tally)

    @property
    def rows(self) -> int | None:
        """How many rows the file has, where that is known."""
        return self.survey["rows"] if self.survey else None

    @property
    def rows_done(self) -> int:
        return int(self.tally.get("rows") or self.progress.get("step") or 0)

    @property
    def rows_failed(self) -> int:
        return int(self.tally.get("failed") or self.progress.get("failed") or 0)

    @property
    def has_result(self) -> bool:
        return self.state == WorkState.SUCCEEDED and self.result_size is not None

    @property
    def result_name(self) -> str:
        """What the result is called when it is downloaded."""
        stem = Path(self.filename.removesuffix(".gz")).stem or "file"
        return f"{stem}-predictions.{self.survey['format'] if self.survey else 'csv'}"

    @property
    def folder(self) -> Path:
        """Where the file lies."""
        return storage.batch_folder(self.pk)

    @property
    def work_folder(self) -> Path:
        """Where a worker keeps what is done."""
        return storage.scoring_folder(self.pk)

    @property
    def result_folder(self) -> Path:
        return storage.predictions_folder(self.pk)

    def opened_result(self) -> AbstractContextManager[Path]:
        """The folder of the result, for as long as it is read."""
        return storage.opened(self.result_folder, self.result_seal, RESULT)

    @property
    def ledger_subject(self) -> str:
        """What the predictions are called in the ledger."""
        return f"batch:{self.pk}"

    @property
    def result_subject(self) -> str:
        """What the bytes of the result are called in the ledger."""
        return f"batch-result:{self.pk}"

    def describe_progress(self) -> dict[str, Any]:
        """Rows done of rows in all, how fast and how long still; None while unknown."""
        return {
            "rows": self.rows,
            "rows_done": self.rows_done,
            "rows_failed": self.rows_failed,
            "fraction": 1.0 if self.state == WorkState.SUCCEEDED else self.progress.get("fraction"),
            "rows_per_second": self.progress.get("rate"),
            "eta_seconds": self.progress.get("eta_seconds"),
        }
