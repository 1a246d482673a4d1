"""What a version rests on, in words: data, template, settings, seed, libraries, who, when, on what."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from modelyard.catalog import get_template
from modelyard.errors import NotFound
from modelyard.registry.models import ModelVersion
from modelyard.templatetags.display import as_number, duration, exact, file_size, from_timestamp, number


@dataclass(frozen=True, kw_only=True)
class Fact:
    """One line; `code` ones are digests and the like."""

    term: str
    value: str
    code: bool = False


@dataclass(frozen=True, kw_only=True)
class Lineage:
    """The parts of a lineage that are shown."""

    facts: list[Fact]
    hyperparameters: list[Fact]
    libraries: list[Fact]


def lineage_of(version: ModelVersion) -> Lineage:
    """Say what `version` rests on; what is not known is left out."""
    lineage: Mapping[str, Any] = version.lineage
    plan: Mapping[str, Any] = lineage.get("plan") or {}
    facts = [
        *_threshold_facts(lineage),
        *_data_facts(plan),
        *_template_facts(plan),
        *_run_facts(version, lineage, plan),
    ]
    return Lineage(
        facts=[fact for fact in facts if fact.value],
        hyperparameters=_hyperparameters(plan),
        libraries=_libraries(lineage),
    )


def plain_value(value: Any) -> str:
    """A setting as people read it."""
    if value is None:
        return _("not set")
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    return number(value) if as_number(value) is not None and not isinstance(value, str) else str(value)


def _threshold_facts(lineage: Mapping[str, Any]) -> list[Fact]:
    chosen = lineage.get("threshold")
    if not chosen:
        return []
    words = _("version %(number)s, naming “%(label)s” from %(threshold)s")
    said = {"number": chosen["version"], "label": chosen["label"], "threshold": f"{chosen['threshold']:.4g}"}
    return [Fact(term=_("Made from"), value=words % said)]


def _data_facts(plan: Mapping[str, Any]) -> list[Fact]:
    origin = plan.get("lineage") or {}
    dataset, data_version = origin.get("dataset") or {}, origin.get("dataset_version") or {}
    name = dataset.get("name", "")
    return [
        Fact(term=_("Data"), value=f"{name} v{data_version['number']}" if data_version.get("number") else name),
        Fact(term=_("File"), value=data_version.get("filename", "")),
        Fact(term=_("Data SHA-256"), value=plan.get("data_sha256") or "", code=True),
        Fact(term=_("Target"), value=plan.get("target") or ""),
    ]


def _template_facts(plan: Mapping[str, Any]) -> list[Fact]:
    weights = plan.get("weights") or {}
    slug, number_of_template = plan.get("model_template", ""), plan.get("model_template_version", "")
    return [
        Fact(term=_("Model template"), value=f"{_template_title(slug)} v{number_of_template}" if slug else ""),
        Fact(term=_("Pre-trained weights"), value=weights.get("name", "")),
        Fact(term=_("Weights SHA-256"), value=weights.get("sha256", ""), code=True),
        Fact(term=_("Seed"), value=str(plan["seed"]) if "seed" in plan else "", code=True),
    ]


def _run_facts(version: ModelVersion, lineage: Mapping[str, Any], plan: Mapping[str, Any]) -> list[Fact]:
    device = lineage.get("device") or {}
    training = version.report.get("training") or {}
    seconds, answering = training.get("seconds"), training.get("seconds_a_row")
    return [
        Fact(term=_("Trained by"), value=str(version.created_by) if version.created_by else ""),
        Fact(term=_("Trained at"), value=exact(from_timestamp(lineage.get("ended_at")) or version.created_at)),
        Fact(term=_("Training time"), value=duration(seconds) if seconds is not None else ""),
        Fact(term=_("Time of a prediction"), value=f"{1000 * answering:.1f} ms" if answering else ""),
        Fact(term=_("Device"), value=str(device.get("name") or device.get("kind") or "")),
        Fact(term=_("Model SHA-256"), value=version.sha256, code=True),
        Fact(term=_("Size"), value=file_size(version.size)),
    ]


def _hyperparameters(plan: Mapping[str, Any]) -> list[Fact]:
    values: Mapping[str, Any] = plan.get("hyperparameters") or {}
    titles = _parameter_titles(plan.get("model_template", ""))
    return [Fact(term=titles.get(name, name), value=plain_value(value)) for name, value in values.items()]


def _template_title(slug: str) -> str:
    try:
        return str(get_template(slug).title)
    except NotFound:
        return slug


def _parameter_titles(slug: str) -> dict[str, str]:
    try:
        return {parameter.name: str(parameter.title) for parameter in get_template(slug).parameters}
    except NotFound:
        return {}


def _libraries(lineage: Mapping[str, Any]) -> list[Fact]:
    versions = {"python": lineage.get("python"), **(lineage.get("libraries") or {})}
    return [Fact(term=name, value=str(value), code=True) for name, value in versions.items() if value]
