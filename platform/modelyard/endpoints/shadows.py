"""What predictors found comparing shadows, added up by release, every entry exactly once."""

import logging
from collections.abc import Iterable

from django.db.models import F

from modelyard.contracts.route import SHADOWS, Shadowing
from modelyard.endpoints.models import Release, ShadowResult
from modelyard.endpoints.streams import fold_stream

log = logging.getLogger(__name__)
COUNTED = ("compared", "agreed", "difference", "failed", "skipped")


def fold_shadows() -> int:
    """Fold the stream of comparisons; return how many entries there were. Raises `RedisError`."""
    return fold_stream(SHADOWS, "shadowing", Shadowing.from_json, _fold)


def _fold(found: Iterable[Shadowing]) -> None:
    for one in found:
        release = _release_of(one)
        if release is None:
            continue  # the endpoint was deleted meanwhile
        result, _made = ShadowResult.objects.get_or_create(release=release)
        more = {name: F(name) + getattr(one, name) for name in COUNTED}
        ShadowResult.objects.filter(pk=result.pk).update(**more)


def _release_of(found: Shadowing) -> Release | None:
    if not (found.release.isascii() and found.release.isdigit() and len(found.release) < 19):
        log.warning("a comparison of no release is left out: %.40r", found.release)
        return None
    release = Release.objects.select_related("endpoint").filter(pk=int(found.release)).first()
    if release is None or release.endpoint.route_field != f"{found.workspace}/{found.endpoint}":
        return None
    return release
