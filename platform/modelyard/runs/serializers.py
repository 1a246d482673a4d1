"""How runs and model templates look in the platform API, and what is taken from a caller."""

from typing import Any
from uuid import UUID

from django.utils.functional import cached_property
from drf_spectacular.utils import extend_schema_field, extend_schema_serializer
from rest_framework import serializers

from modelyard.quotas.pricing import Prices, read_prices
from modelyard.runs.calibrating import look_back
from modelyard.runs.costing import cost_of_run
from modelyard.runs.models import Epoch, LogLine, Priority, RunState, TrainingRun
from modelyard.runs.queueing import queue_positions

PROGRESS = ("epoch", "epochs", "step", "steps", "fraction", "eta_seconds")
PARTS = ("train", "validation", "test")
USAGE = ("cpu_seconds", "gpu_seconds", "peak_memory_bytes", "wall_seconds")


class NewRunSerializer(serializers.Serializer[Any]):
    """What a run is asked for with. Whether it fits the data and the template is for the service to say."""

    dataset_version = serializers.UUIDField()
    model_template = serializers.CharField(max_length=60)
    target = serializers.CharField(
        required=False, allow_null=True, allow_blank=True, trim_whitespace=False, default=None
    )
    hyperparameters = serializers.DictField(required=False, default=dict)
    options = serializers.DictField(required=False, default=dict)
    name = serializers.CharField(required=False, allow_blank=True, max_length=120, default="")


class ProgressSerializer(serializers.Serializer[Any]):
    """How far the run is; null while unknown."""

    epoch = serializers.IntegerField(allow_null=True)
    epochs = serializers.IntegerField(allow_null=True)
    step = serializers.IntegerField(allow_null=True)
    steps = serializers.IntegerField(allow_null=True)
    fraction = serializers.FloatField(allow_null=True)
    eta_seconds = serializers.FloatField(allow_null=True)


class MetricsSerializer(serializers.Serializer[Any]):
    """Name to value, for each part of the rows; empty until the run has succeeded."""

    train = serializers.DictField(child=serializers.FloatField(allow_null=True))
    validation = serializers.DictField(child=serializers.FloatField(allow_null=True))
    test = serializers.DictField(child=serializers.FloatField(allow_null=True))


class ProducedModelSerializer(serializers.Serializer[Any]):
    name = serializers.CharField(source="model.name")
    version = serializers.IntegerField(source="number")


class FailureSerializer(serializers.Serializer[Any]):
    code = serializers.CharField()
    message = serializers.CharField()
    hint = serializers.CharField(allow_blank=True)


@extend_schema_serializer(component_name="RunUsage")
class UsageSerializer(serializers.Serializer[Any]):
    """What the run took so far; zero while it waits."""

    cpu_seconds = serializers.FloatField()
    gpu_seconds = serializers.FloatField()
    peak_memory_bytes = serializers.IntegerField()
    wall_seconds = serializers.FloatField()


@extend_schema_serializer(component_name="RunEstimate")
class EstimateSerializer(serializers.Serializer[Any]):
    """What the run was expected to take, learned from so many runs of this installation. `off_…` says how far what it
    took lies beyond that: 0 within, negative below; null until the run has succeeded."""

    low_seconds = serializers.FloatField(source="seconds.low")
    high_seconds = serializers.FloatField(source="seconds.high")
    low_memory_bytes = serializers.FloatField(source="memory.low")
    high_memory_bytes = serializers.FloatField(source="memory.high")
    learned_from = serializers.IntegerField()
    off_seconds = serializers.FloatField(allow_null=True)
    off_memory_bytes = serializers.FloatField(source="off_memory", allow_null=True)


class NoteSerializer(serializers.Serializer[Any]):
    """Something worth knowing about the data, found when the run was asked for."""

    code = serializers.CharField()
    message = serializers.CharField()
    column = serializers.CharField(allow_null=True)


class RunSerializer(serializers.ModelSerializer[TrainingRun]):
    """A training run."""

    state = serializers.ChoiceField(RunState.choices)
    dataset_version = serializers.UUIDField(source="dataset_version_id", allow_null=True)
    target = serializers.CharField(source="plan.target", allow_null=True)
    hyperparameters = serializers.DictField(source="plan.hyperparameters")
    priority = serializers.ChoiceField(Priority.choices, read_only=True)
    queue_position = serializers.SerializerMethodField()
    progress = serializers.SerializerMethodField()
    metrics = serializers.SerializerMethodField()
    model = serializers.SerializerMethodField()
    failure = FailureSerializer(allow_null=True)
    estimate = serializers.SerializerMethodField()
    usage = serializers.SerializerMethodField()
    cost = serializers.SerializerMethodField()
    notes = NoteSerializer(many=True)

    class Meta:
        model = TrainingRun
        fields = (
            "id",
            "name",
            "state",
            "phase",
            "dataset_version",
            "model_template",
            "target",
            "hyperparameters",
            "priority",
            "queue_position",
            "progress",
            "metrics",
            "model",
            "failure",
            "estimate",
            "usage",
            "cost",
            "notes",
            "device",
            "attempt",
            "created_at",
            "started_at",
            "ended_at",
        )

    def get_queue_position(self, run: TrainingRun) -> int | None:
        return self.places.get(run.pk) if run.state == RunState.QUEUED else None

    @cached_property
    def places(self) -> dict[UUID, int]:
        """The queue as it stands, looked at once for all runs of an answer."""
        return queue_positions()

    @extend_schema_field(ProgressSerializer)
    def get_progress(self, run: TrainingRun) -> dict[str, Any]:
        return {name: run.progress.get(name) for name in PROGRESS}

    @extend_schema_field(MetricsSerializer)
    def get_metrics(self, run: TrainingRun) -> dict[str, Any]:
        return {part: run.metrics.get(part, {}) for part in PARTS}

    @extend_schema_field(ProducedModelSerializer(allow_null=True))
    def get_model(self, run: TrainingRun) -> dict[str, Any] | None:
        version = getattr(run, "model_version", None)
        return None if version is None else dict(ProducedModelSerializer(version).data)

    @extend_schema_field(EstimateSerializer(allow_null=True))
    def get_estimate(self, run: TrainingRun) -> dict[str, Any] | None:
        found = look_back(run)
        return None if found is None else dict(EstimateSerializer(found).data)

    @extend_schema_field(UsageSerializer)
    def get_usage(self, run: TrainingRun) -> dict[str, Any]:
        return {name: run.usage.get(name, 0) for name in USAGE}

    @extend_schema_field(serializers.DictField(child=serializers.CharField(), allow_null=True))
    def get_cost(self, run: TrainingRun) -> dict[str, str] | None:
        if run.ended_at is None:
            return None
        cost = cost_of_run(run, self.prices)
        return None if cost is None else cost.to_json()

    @cached_property
    def prices(self) -> Prices:
        """Read once for all runs of an answer."""
        return read_prices()


class EpochSerializer(serializers.ModelSerializer[Epoch]):
    """One epoch: `metrics` as training reported them."""

    epoch = serializers.IntegerField(source="number")

    class Meta:
        model = Epoch
        fields = ("epoch", "metrics")


class LogLineSerializer(serializers.ModelSerializer[LogLine]):
    """One line of the log."""

    class Meta:
        model = LogLine
        fields = ("at", "level", "message")


class ModelTemplateSerializer(serializers.Serializer[Any]):
    """A model template; `hyperparameters` is a JSON Schema. `fits` is null unless a data set version was named."""

    slug = serializers.CharField()
    version = serializers.IntegerField()
    title = serializers.CharField()
    summary = serializers.CharField()
    task = serializers.CharField()
    input_kind = serializers.CharField()
    needs_target = serializers.BooleanField()
    hyperparameters = serializers.DictField()
    fits = serializers.BooleanField(allow_null=True)
