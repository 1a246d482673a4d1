"""`manage.py makemessages`, which also finds the words of the model templates.

The catalogue knows no Django and marks nothing for translation, so its words are written where gettext looks, for as
long as it looks.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.core.management.commands.makemessages import Command as MakeMessages

from modelyard.catalog import list_templates
from modelyard.catalog.spec import Choice, ModelTemplate, Parameter

WORDS = Path("words_of_the_catalogue.py")


class Command(MakeMessages):
    """Updates `locale/` from the code, the pages and the catalogue."""

    def handle(self, *args: Any, **options: Any) -> None:
        words = sorted({word for template in list_templates() for word in words_of(template) if word})
        WORDS.write_text("".join(f"gettext_noop({word!r})\n" for word in words), encoding="utf-8")
        try:
            super().handle(*args, **options)
        finally:
            WORDS.unlink()


def words_of(template: ModelTemplate) -> Iterator[str]:
    """Everything that a model template says to people."""
    yield from (template.title, template.summary, template.details, *template.examples, *template.terms)
    for parameter in template.parameters:
        yield from words_of_parameter(parameter)


def words_of_parameter(parameter: Parameter) -> Iterator[str]:
    """What a hyper-parameter says: its title, help and unit, and the titles of its choices."""
    yield from (parameter.title, parameter.help, getattr(parameter, "unit", ""))
    if isinstance(parameter, Choice):
        yield from parameter.choices.values()
