"""How batch predictions look in the platform API, and what is taken from a caller."""

from typing import Any
from uuid import UUID

from django.utils.functional import cached_property
from drf_spectacular.utils import extend_schema_field, extend_schema_serializer
from rest_framework import serializers

from modelyard.batches.models import BatchPrediction
from modelyard.batches.queueing import queue_positions
from modelyard.contracts.batch import RESULT_FORMATS
from modelyard.datasets.serializers import NewVersionSerializer
from modelyard.leased_work import WorkState


class NewBatchSerializer(NewVersionSerializer):
    """A file or a finished upload, and who answers: an `endpoint`, or a `version` of a `model`."""

    endpoint = serializers.CharField(required=False, max_length=60)
    model = serializers.CharField(required=False, max_length=120)
    version = serializers.IntegerField(required=False, min_value=1)
    format = serializers.ChoiceField(
        RESULT_FORMATS, required=False, help_text="The format of the result; left out, that of the file."
    )
    interval = serializers.FloatField(
        required=False,
        allow_null=True,
        help_text="Adds the ends between which this share of true values is expected (0.9); left out, values alone.",
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        super().validate(attrs)
        by_endpoint, by_version = "endpoint" in attrs, "model" in attrs and "version" in attrs
        if by_endpoint == by_version or ("model" in attrs) != ("version" in attrs):
            raise serializers.ValidationError(
                {"endpoint": "send either the name of an `endpoint`, or `model` and `version`"}
            )
        return attrs


class BatchProgressSerializer(serializers.Serializer[Any]):
    """How far it is; null while unknown. Failed rows are in the result, with the reason."""

    rows = serializers.IntegerField(allow_null=True)
    rows_done = serializers.IntegerField()
    rows_failed = serializers.IntegerField()
    fraction = serializers.FloatField(allow_null=True)
    rows_per_second = serializers.FloatField(allow_null=True)
    eta_seconds = serializers.FloatField(allow_null=True)


class BatchFailureSerializer(serializers.Serializer[Any]):
    code = serializers.CharField()
    message = serializers.CharField()
    hint = serializers.CharField(allow_blank=True)


class FaultSerializer(serializers.Serializer[Any]):
    """Why rows were not answered, and the first of them (counted from 1)."""

    reason = serializers.CharField()
    rows = serializers.IntegerField()
    first_row = serializers.IntegerField()


class BatchWarningSerializer(serializers.Serializer[Any]):
    code = serializers.CharField()
    message = serializers.CharField()
    row = serializers.IntegerField(allow_null=True)
    column = serializers.CharField(allow_null=True)


class ValuesSerializer(serializers.Serializer[Any]):
    mean = serializers.FloatField()
    minimum = serializers.FloatField()
    maximum = serializers.FloatField()


class SummarySerializer(serializers.Serializer[Any]):
    """What came of the rows. `labels` counts the classes that were named, `values` describes numbers."""

    answered = serializers.IntegerField()
    failed = serializers.IntegerField()
    faults = FaultSerializer(many=True)
    labels = serializers.DictField(child=serializers.IntegerField())
    values = ValuesSerializer(allow_null=True)
    defused_cells = serializers.IntegerField()


class ResultSerializer(serializers.Serializer[Any]):
    """The file with predictions added, until `expires_at`."""

    format = serializers.ChoiceField(RESULT_FORMATS)
    size = serializers.IntegerField()
    columns = serializers.ListField(child=serializers.CharField())
    added_columns = serializers.ListField(child=serializers.CharField())
    expires_at = serializers.DateTimeField()


@extend_schema_serializer(component_name="BatchPrediction")
class BatchSerializer(serializers.ModelSerializer[BatchPrediction]):
    """A batch prediction."""

    state = serializers.ChoiceField(WorkState.choices)
    endpoint = serializers.SerializerMethodField()
    model = serializers.CharField(source="model_name")
    version = serializers.IntegerField(source="version_number")
    created_by = serializers.StringRelatedField[Any](allow_null=True)
    queue_position = serializers.SerializerMethodField()
    progress = serializers.SerializerMethodField()
    warnings = serializers.SerializerMethodField()
    summary = serializers.SerializerMethodField()
    result = serializers.SerializerMethodField()
    failure = BatchFailureSerializer(allow_null=True)

    class Meta:
        model = BatchPrediction
        fields = (
            "id",
            "state",
            "phase",
            "filename",
            "size",
            "endpoint",
            "model",
            "version",
            "interval",
            "queue_position",
            "progress",
            "warnings",
            "summary",
            "result",
            "failure",
            "attempt",
            "created_by",
            "created_at",
            "started_at",
            "ended_at",
        )

    def get_endpoint(self, batch: BatchPrediction) -> str | None:
        return batch.endpoint or None

    def get_queue_position(self, batch: BatchPrediction) -> int | None:
        return self.places.get(batch.pk) if batch.state == WorkState.QUEUED else None

    @cached_property
    def places(self) -> dict[UUID, int]:
        """The queue as it stands, looked at once for all of an answer."""
        return queue_positions()

    @extend_schema_field(BatchProgressSerializer)
    def get_progress(self, batch: BatchPrediction) -> dict[str, Any]:
        return batch.describe_progress()

    @extend_schema_field(BatchWarningSerializer(many=True))
    def get_warnings(self, batch: BatchPrediction) -> Any:
        found = batch.found
        return BatchWarningSerializer(found.warnings if found else (), many=True).data

    @extend_schema_field(SummarySerializer(allow_null=True))
    def get_summary(self, batch: BatchPrediction) -> dict[str, Any] | None:
        if batch.state != WorkState.SUCCEEDED:
            return None
        tally = batch.outcome
        return {
            "answered": tally.rows - tally.failed,
            "failed": tally.failed,
            "faults": [
                {"reason": reason, "rows": told["count"], "first_row": told["row"]}
                for reason, told in tally.frequent_faults()
            ],
            "labels": tally.labels,
            "values": tally.describe_values(),
            "defused_cells": tally.defused,
        }

    @extend_schema_field(ResultSerializer(allow_null=True))
    def get_result(self, batch: BatchPrediction) -> dict[str, Any] | None:
        found = batch.found
        if not batch.has_result or found is None:
            return None
        return {
            "format": found.format,
            "size": batch.result_size,
            "columns": found.names,
            "added_columns": found.added,
            "expires_at": batch.expires_at,
        }
