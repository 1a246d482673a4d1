"""Keys as JSON."""

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from modelyard.accounts.keys import MOST_DAYS, MOST_OVERLAP_HOURS, SCOPES
from modelyard.accounts.models import ApiKey

KEY_STATES = ("active", "expired", "revoked")


class KeySerializer(serializers.ModelSerializer[ApiKey]):
    """A key without its secret."""

    user = serializers.EmailField(source="user.email", read_only=True)
    scopes = serializers.ListField(child=serializers.ChoiceField(choices=SCOPES), read_only=True)
    endpoints = serializers.ListField(child=serializers.CharField(), read_only=True)
    state = serializers.ChoiceField(choices=KEY_STATES, read_only=True)

    class Meta:
        model = ApiKey
        fields: tuple[str, ...] = (
            "id",
            "name",
            "user",
            "scopes",
            "endpoints",
            "state",
            "created_at",
            "expires_at",
            "revoked_at",
            "last_used_at",
        )
        read_only_fields = fields


class MadeKeySerializer(KeySerializer):
    """A key just made. `key` is the secret text: it is in this answer only (a repeated answer has null)."""

    key = serializers.SerializerMethodField()

    class Meta(KeySerializer.Meta):
        fields: tuple[str, ...] = (*KeySerializer.Meta.fields, "key")
        read_only_fields = fields

    @extend_schema_field({"type": ["string", "null"]})
    def get_key(self, key: ApiKey) -> str:
        text: str = self.context["text"]
        return text


class NewKeySerializer(serializers.Serializer[ApiKey]):
    """What a new key shall be."""

    name = serializers.CharField(max_length=120)
    scopes = serializers.ListField(child=serializers.ChoiceField(choices=SCOPES), allow_empty=False)
    endpoints = serializers.ListField(child=serializers.CharField(max_length=60), required=False, max_length=100)
    expires_in_days = serializers.IntegerField(
        min_value=1, max_value=MOST_DAYS, required=False, allow_null=True, default=None
    )


class RotationSerializer(serializers.Serializer[ApiKey]):
    """How long the old key goes on working."""

    overlap_hours = serializers.IntegerField(min_value=0, max_value=MOST_OVERLAP_HOURS, required=False, default=24)
