"""What `manage.py check --deploy` looks at beyond Django's own checks."""

from typing import Any

from django.conf import settings
from django.core.checks import Error, Tags, register

from modelyard.objects.probing import probe


@register(Tags.files, deploy=True)
def check_object_store(**options: Any) -> list[Error]:
    """The bucket is there and can be written, read, listed and deleted from; a shared folder needs no check."""
    bucket = settings.ENVIRONMENT.bucket
    problem = "" if bucket is None else probe(bucket)
    return (
        [Error(f"{problem}.", hint="docs/object-store.md says what is needed.", id="modelyard.E001")] if problem else []
    )
