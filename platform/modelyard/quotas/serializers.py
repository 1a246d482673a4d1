"""Quotas as JSON."""

from rest_framework import serializers

from modelyard.quotas.services import QuotaStatus


class QuotaSerializer(serializers.Serializer[QuotaStatus]):
    """One limit; `reserved` is held by work in progress, `period` is "YYYY-MM" for monthly kinds, else empty."""

    kind = serializers.CharField()
    title = serializers.CharField()
    unit = serializers.CharField()
    limit = serializers.IntegerField()
    used = serializers.IntegerField()
    reserved = serializers.IntegerField()
    left = serializers.IntegerField()
    period = serializers.CharField(allow_blank=True)
