"""The catalogue as a page of documentation: `docs/model-templates.md` is what this returns, and a test compares the
two."""

from modelyard.catalog import list_templates
from modelyard.catalog.spec import Choice, Flag, Integer, ModelTemplate, Parameter, Real, WeightsName

HEAD = """# Model templates

A model template is a network with everything around it: preprocessing, training, stopping rules, export. People
choose one, and
may leave every setting as it is. This page is written by `manage.py document_model_templates`.
"""


def describe_catalogue() -> str:
    """Return the page, in Markdown."""
    return "\n".join([HEAD, *(_describe(template) for template in list_templates())])


def _describe(template: ModelTemplate) -> str:
    rows = [
        f"| `{parameter.name}` | {_default(parameter)} | {_range(parameter)} | {parameter.help} |"
        for parameter in template.parameters
    ]
    task = "classification or regression" if template.task == "either" else template.task
    kind = f"`{template.slug}`, version {template.version}: {task} of {template.input_kind}."
    head = f"## {template.title}\n\n{kind}"
    table = "| setting | default | allowed | what it does |\n|---|---|---|---|"
    return "\n\n".join(
        [head, template.summary, *([template.details] if template.details else []), "\n".join([table, *rows]), ""]
    )


def _default(parameter: Parameter) -> str:
    value = parameter.default_value
    return "none" if value is None else f"{str(value).lower() if isinstance(value, bool) else value}"


def _range(parameter: Parameter) -> str:
    match parameter:
        case Integer() | Real():
            return f"{parameter.minimum:g} to {parameter.maximum:g}{' ' + parameter.unit if parameter.unit else ''}"
        case Choice():
            return ", ".join(f"`{choice}`" for choice in parameter.choices)
        case Flag():
            return "true, false"
        case WeightsName():
            return "a name"
        case _:
            return ""
