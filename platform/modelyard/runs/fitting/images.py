"""Images, whose class is the folder that they lie in."""

from django.utils.translation import gettext as _

from modelyard.contracts.profile import Profile
from modelyard.errors import InvalidInput
from modelyard.runs.fitting.base import MOST_CLASSES, Fit, list_class_notes, require_rows


def fit_folders(profile: Profile, target: str | None) -> Fit:
    if target:
        words = _("images are sorted by the folder they lie in; leave the target out, got %(name)s")
        raise InvalidInput({"target": words % {"name": target[:80]}})
    if len(profile.classes) < 2:
        raise InvalidInput({"dataset_version": _("all images lie in one class folder; at least 2 classes are needed")})
    if len(profile.classes) > MOST_CLASSES:
        words = _("there are %(count)d class folders; at most %(most)d classes can be told apart")
        said = {"count": len(profile.classes), "most": MOST_CLASSES}
        raise InvalidInput({"dataset_version": words % said})
    require_rows(profile.rows, "images")
    counts = [bar.count for bar in profile.classes]
    return Fit(kinds={}, notes=tuple(list_class_notes(counts, len(counts), None)))
