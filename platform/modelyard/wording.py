"""What was said in English and kept, in the language of the reader."""

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext

from modelyard.contracts.profile import Problem
from modelyard.contracts.sentences import Sentence, say


def in_words(said: Problem | Mapping[str, Any]) -> str:
    """The message of a problem, a note or a failure in the active language; as it was said where that is unknown.

    A translation is looked up by the template of its sentence, so templates that are not ours are never filled in.
    """
    if isinstance(said, Problem):
        return translate(said.sentence, said.message)
    kept = said.get("sentence")
    try:
        return translate(Sentence.from_json(kept) if kept else None, str(said.get("message", "")))
    except (LookupError, TypeError):
        return str(said.get("message", ""))


def translate(sentence: Sentence | None, message: str) -> str:
    """`sentence` in the active language; without one a translation of the whole `message`, or else `message`."""
    if sentence is None:
        return _look_up(message)
    if _look_up(sentence.template) == sentence.template:
        return message
    try:
        return say(sentence, _look_up)
    except (LookupError, ValueError, TypeError):
        return message


def _look_up(text: str) -> str:
    return gettext(text) if text else ""
