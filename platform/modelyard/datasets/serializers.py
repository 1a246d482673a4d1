"""How data sets look in the platform API, and what is taken from a caller."""

from typing import Any

from drf_spectacular.utils import extend_schema_serializer
from rest_framework import serializers

from modelyard.contracts.profile import ColumnProfile, Profile
from modelyard.datasets.comparison import ColumnChange, Comparison
from modelyard.datasets.models import Dataset, DatasetVersion, VersionState
from modelyard.datasets.profiles import profile_of


class VersionBriefSerializer(serializers.ModelSerializer[DatasetVersion]):
    """A version without what was found in it."""

    class Meta:
        model = DatasetVersion
        fields = ("id", "number", "state", "filename", "size", "sha256", "created_at")


class DatasetSerializer(serializers.ModelSerializer[Dataset]):
    """A data set with its versions, newest first."""

    versions = serializers.SerializerMethodField()

    class Meta:
        model = Dataset
        fields = ("id", "name", "created_at", "versions")

    def get_versions(self, dataset: Dataset) -> list[dict[str, Any]]:
        return list(VersionBriefSerializer(dataset.versions.all(), many=True).data)


class NewVersionStateSerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    number = serializers.IntegerField()
    state = serializers.ChoiceField(VersionState.choices)


class CreatedDatasetSerializer(serializers.Serializer[Any]):
    """The answer to a new data set."""

    id = serializers.UUIDField()
    name = serializers.CharField()
    version = NewVersionStateSerializer()


class NewVersionSerializer(serializers.Serializer[Any]):
    """A file in a multipart form, or the id of a finished upload."""

    file = serializers.FileField(required=False, allow_empty_file=True, max_length=None)
    upload = serializers.UUIDField(required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if ("file" in attrs) == ("upload" in attrs):
            raise serializers.ValidationError(
                {"file": "send either a multipart field `file` or the id of a finished upload as `upload`"}
            )
        return attrs


class NewDatasetSerializer(NewVersionSerializer):
    """The same, and a name; without one the data set is called after the file."""

    name = serializers.CharField(required=False, allow_blank=True, max_length=500, default="", trim_whitespace=True)


class CorrectionSerializer(serializers.Serializer[Any]):
    """Kinds corrected by hand, by column name."""

    kinds = serializers.DictField(child=serializers.CharField(max_length=40), allow_empty=False)


class ProblemSerializer(serializers.Serializer[Any]):
    code = serializers.CharField()
    message = serializers.CharField()
    row = serializers.IntegerField(allow_null=True)
    column = serializers.CharField(allow_null=True)


class BarSerializer(serializers.Serializer[Any]):
    count = serializers.IntegerField()
    low = serializers.FloatField(allow_null=True)
    high = serializers.FloatField(allow_null=True)
    value = serializers.CharField(allow_null=True)


class ColumnSerializer(serializers.Serializer[ColumnProfile]):
    """One column: its kind as corrected, the kind that was guessed, and its profile."""

    name = serializers.CharField()
    kind = serializers.CharField()
    guessed_kind = serializers.CharField()
    missing = serializers.IntegerField()
    distinct = serializers.IntegerField()
    minimum = serializers.FloatField(allow_null=True)
    maximum = serializers.FloatField(allow_null=True)
    mean = serializers.FloatField(allow_null=True)
    median = serializers.FloatField(allow_null=True)
    deviation = serializers.FloatField(allow_null=True)
    bars = BarSerializer(many=True)
    examples = serializers.ListField(child=serializers.CharField())


@extend_schema_serializer(component_name="DatasetVersion")
class VersionSerializer(VersionBriefSerializer):
    """A version with everything that was found in it; empty while the file is being read."""

    dataset = serializers.UUIDField(source="dataset_id")
    kind = serializers.SerializerMethodField()
    rows = serializers.IntegerField(default=None, allow_null=True)
    columns = ColumnSerializer(many=True, default=[])
    classes = BarSerializer(many=True, default=[])
    preview = serializers.ListField(
        child=serializers.ListField(child=serializers.CharField(allow_null=True)), default=[]
    )
    warnings = ProblemSerializer(many=True, default=[])
    problems = ProblemSerializer(many=True, default=[])
    details = serializers.DictField(default={}, help_text="how the file was understood, and what was left out of it")

    class Meta(VersionBriefSerializer.Meta):
        fields = (  # type: ignore[assignment]
            *VersionBriefSerializer.Meta.fields,
            "dataset",
            "kind",
            "rows",
            "columns",
            "classes",
            "preview",
            "warnings",
            "problems",
            "details",
        )

    def get_kind(self, version: DatasetVersion) -> str | None:
        return version.profile["kind"] if version.profile else None

    def to_representation(self, version: DatasetVersion) -> dict[str, Any]:
        brief = VersionBriefSerializer(version).data
        profile = profile_of(version) if version.profile else None
        found = {} if profile is None else profile.to_json()
        if version.profile:
            for shown, guessed in zip(found["columns"], version.profile["columns"], strict=True):
                shown["guessed_kind"] = guessed["kind"]
        names = ("kind", "rows", "columns", "classes", "preview", "warnings", "problems", "details")
        empty = Profile(kind=None).to_json() | {"rows": None}
        return {**brief, "dataset": str(version.dataset_id), **{name: found.get(name, empty[name]) for name in names}}


class ColumnChangeSerializer(serializers.Serializer[ColumnChange]):
    """One column in both versions; `shift` is the share of rows whose values moved, as far as the profiles tell."""

    name = serializers.CharField()
    change = serializers.ChoiceField(["added", "removed", "changed", "same"])
    older_kind = serializers.CharField(source="older.kind", default=None, allow_null=True)
    newer_kind = serializers.CharField(source="newer.kind", default=None, allow_null=True)
    older_missing = serializers.FloatField()
    newer_missing = serializers.FloatField()
    shift = serializers.FloatField(allow_null=True)
    appeared = serializers.ListField(child=serializers.CharField())
    vanished = serializers.ListField(child=serializers.CharField())


class ComparisonSerializer(serializers.Serializer[Comparison]):
    """The differences from the older to the newer version."""

    older = serializers.IntegerField(source="older.number")
    newer = serializers.IntegerField(source="newer.number")
    same_bytes = serializers.BooleanField()
    older_rows = serializers.IntegerField()
    newer_rows = serializers.IntegerField()
    columns = ColumnChangeSerializer(many=True)
    classes = ColumnChangeSerializer(allow_null=True)
