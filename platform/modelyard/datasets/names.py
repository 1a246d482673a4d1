"""Names of files and data sets: text to show, never a path."""

from pathlib import PurePosixPath

from django.utils.translation import gettext as _

from modelyard.errors import InvalidInput
from modelyard.names import clean_text

FILENAME_LENGTH = 200
DATASET_LENGTH = 120


def clean_filename(text: str) -> str:
    """Return the last part of what a client calls the file, fit to be shown; "file" where nothing is left."""
    last = PurePosixPath(text.replace("\\", "/").replace("\0", "")).name
    whole = clean_text(last, len(last))
    ending = PurePosixPath(whole).suffix[:10]
    short = whole if len(whole) <= FILENAME_LENGTH else whole[: FILENAME_LENGTH - len(ending)] + ending
    return short if short.strip(". ") else "file"


def check_dataset_name(text: str) -> str:
    """Return the cleaned name of a data set. Raises `InvalidInput`."""
    name = clean_text(text, len(text) + 1)
    if not name:
        raise InvalidInput({"name": _("must not be empty; say in a few words what the data is about")})
    if len(name) > DATASET_LENGTH:
        words = _("must have at most %(most)d characters, got %(length)d")
        raise InvalidInput({"name": words % {"most": DATASET_LENGTH, "length": len(name)}})
    return name


def name_from_file(filename: str) -> str:
    """A name for a data set whose person gave none: the file's, without its ending."""
    stem = PurePosixPath(clean_filename(filename)).stem.strip(". ")
    return clean_text(stem, DATASET_LENGTH - 5) or "data"
