"""Model templates, found by scanning this folder: every sub-folder with a `spec.py` is one."""

from functools import cache
from importlib import import_module
from pathlib import Path

from modelyard.catalog.spec import ModelTemplate
from modelyard.errors import NotFound


@cache
def list_templates() -> tuple[ModelTemplate, ...]:
    """Return every model template, in alphabetical order of their slugs."""
    folder = Path(__file__).parent
    slugs = sorted(path.parent.name for path in folder.glob("*/spec.py"))
    return tuple(_load(slug) for slug in slugs)


def get_template(slug: str) -> ModelTemplate:
    """Raises `NotFound`, naming the templates that there are."""
    for template in list_templates():
        if template.slug == slug:
            return template
    raise NotFound(f"there is no model template {slug!r}; there are {', '.join(t.slug for t in list_templates())}")


def _load(slug: str) -> ModelTemplate:
    template = import_module(f"modelyard.catalog.{slug}.spec").TEMPLATE
    if not isinstance(template, ModelTemplate) or template.slug != slug:
        raise TypeError(f"catalog/{slug}/spec.py must define TEMPLATE, a ModelTemplate with slug {slug!r}")
    return template
