"""The profile of a version as a person sees it: what ingesting found, with the kinds that were corrected by hand."""

from dataclasses import replace

from django.db import transaction
from django.utils.translation import gettext as _

from modelyard.accounts.models import Role, User
from modelyard.accounts.services import require_role
from modelyard.contracts.profile import COLUMN_KINDS, ColumnKind, Profile
from modelyard.datasets.models import DatasetVersion, VersionState
from modelyard.errors import Conflict, InvalidInput

CHOOSABLE: tuple[ColumnKind, ...] = tuple(kind for kind in COLUMN_KINDS if kind != "empty")
"""A column without values has nothing to be anything else; nor can a column with values be made empty."""


def profile_of(version: DatasetVersion) -> Profile:
    """Return the profile with corrected kinds. Raises `Conflict` while the file is still being read."""
    if version.profile is None:
        raise Conflict(_("the file is still being read; wait until the version is ready"), code="not_ready")
    profile = Profile.from_json(version.profile)
    columns = tuple(replace(column, kind=version.kinds.get(column.name, column.kind)) for column in profile.columns)
    return replace(profile, columns=columns)


def correct_kind(version: DatasetVersion, column: str, kind: str, *, by: User) -> DatasetVersion:
    """Say by hand what a column is. Raises `InvalidInput`, `Conflict`, `NotAllowed`."""
    return correct_kinds(version, {column: kind}, by=by)


@transaction.atomic
def correct_kinds(version: DatasetVersion, kinds: dict[str, str], *, by: User) -> DatasetVersion:
    """Correct several columns at once, all or none; the guessed kind takes a correction back."""
    require_role(by, version.dataset.workspace, Role.EDITOR)
    held = DatasetVersion.objects.select_for_update().select_related("dataset__workspace").get(pk=version.pk)
    if held.state != VersionState.READY or held.profile is None:
        raise Conflict(_("kinds can be corrected once the file has been read"), code="not_ready")
    profile = Profile.from_json(held.profile)
    corrected = dict(held.kinds)
    for name, kind in kinds.items():
        guessed = _guessed_kind(profile, name, kind)
        corrected.pop(name, None)
        if kind != guessed:
            corrected[name] = kind
    held.kinds = corrected
    held.save(update_fields=["kinds"])
    return held


def _guessed_kind(profile: Profile, name: str, kind: str) -> ColumnKind:
    """The kind that ingesting found in column `name`, after checking that `kind` may be put in its place."""
    found = profile.column(name)
    if found is None:
        raise InvalidInput({f"kinds.{name}": _("there is no such column in this version")})
    if found.kind == "empty" and kind != "empty":
        raise InvalidInput({f"kinds.{name}": _("all values of this column are missing; it can be nothing else")})
    if kind not in CHOOSABLE and kind != found.kind:
        words = _("must be one of %(kinds)s, got %(kind)s")
        raise InvalidInput({f"kinds.{name}": words % {"kinds": ", ".join(CHOOSABLE), "kind": str(kind)[:40]}})
    return found.kind
