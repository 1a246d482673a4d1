"""What a model template declares of itself. Pure data: reading the catalogue never imports TensorFlow."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from modelyard.contracts.profile import DataKind, Profile
from modelyard.contracts.weights import WeightsKind
from modelyard.errors import InvalidInput

Task = Literal["classification", "regression", "forecasting", "anomaly_detection"]
Method = Literal["network", "trees", "blend", "transfer", "forecasts"]
"""How training goes about it: see `workers.training`."""


@dataclass(frozen=True, kw_only=True)
class Parameter:
    """A hyper-parameter: name in code and API, title and help for people; `advanced` ones are folded away in the
    form."""

    name: str
    title: str
    help: str
    advanced: bool = False

    @property
    def default_value(self) -> Any:
        raise NotImplementedError

    def clean(self, value: Any) -> Any:
        """Return the value as training takes it. Raises `ValueError` saying what is wanted."""
        raise NotImplementedError

    def json_schema(self) -> dict[str, Any]:
        return {
            "title": self.title,
            "description": self.help,
            "default": self.default_value,
            "x-advanced": self.advanced,
        }


@dataclass(frozen=True, kw_only=True)
class Integer(Parameter):
    """A whole number from `minimum` to `maximum`; None where `optional` and left empty."""

    default: int | None
    minimum: int
    maximum: int
    optional: bool = False
    unit: str = ""

    @property
    def default_value(self) -> int | None:
        return self.default

    def clean(self, value: Any) -> int | None:
        if self.optional and value in (None, ""):
            return None
        number = _number(value)
        if number is None or number != int(number) or not self.minimum <= number <= self.maximum:
            raise ValueError(f"must be a whole number from {self.minimum} to {self.maximum}, got {_shown(value)}")
        return int(number)

    def json_schema(self) -> dict[str, Any]:
        kind: Any = ["integer", "null"] if self.optional else "integer"
        return {
            "type": kind,
            "minimum": self.minimum,
            "maximum": self.maximum,
            "x-unit": self.unit,
        } | super().json_schema()


@dataclass(frozen=True, kw_only=True)
class Real(Parameter):
    """A number from `minimum` to `maximum`; None where `optional` and left empty."""

    default: float | None
    minimum: float
    maximum: float
    optional: bool = False
    unit: str = ""

    @property
    def default_value(self) -> float | None:
        return self.default

    def clean(self, value: Any) -> float | None:
        if self.optional and value in (None, ""):
            return None
        number = _number(value)
        if number is None or not self.minimum <= number <= self.maximum:
            raise ValueError(f"must be a number from {self.minimum:g} to {self.maximum:g}, got {_shown(value)}")
        return number

    def json_schema(self) -> dict[str, Any]:
        kind: Any = ["number", "null"] if self.optional else "number"
        return {
            "type": kind,
            "minimum": self.minimum,
            "maximum": self.maximum,
            "x-unit": self.unit,
        } | super().json_schema()


@dataclass(frozen=True, kw_only=True)
class Choice(Parameter):
    """One of `choices`, a mapping of value to title."""

    default: str
    choices: Mapping[str, str]

    @property
    def default_value(self) -> str:
        return self.default

    def clean(self, value: Any) -> str:
        if not isinstance(value, str) or value not in self.choices:
            raise ValueError(f"must be one of {', '.join(self.choices)}, got {_shown(value)}")
        return value

    def json_schema(self) -> dict[str, Any]:
        return {"type": "string", "enum": list(self.choices), "x-titles": dict(self.choices)} | super().json_schema()


@dataclass(frozen=True, kw_only=True)
class Flag(Parameter):
    """Yes or no."""

    default: bool

    @property
    def default_value(self) -> bool:
        return self.default

    def clean(self, value: Any) -> bool:
        if isinstance(value, bool):
            return value
        words = {"true": True, "on": True, "1": True, "false": False, "off": False, "0": False, "": False}
        if isinstance(value, str) and value.lower() in words:
            return words[value.lower()]
        raise ValueError(f"must be true or false, got {_shown(value)}")

    def json_schema(self) -> dict[str, Any]:
        return {"type": "boolean"} | super().json_schema()


@dataclass(frozen=True, kw_only=True)
class WeightsName(Parameter):
    """One of the pre-trained networks for this kind of data that the operator provides, by its name; empty: the first.

    Which there are is known to the platform alone (`modelyard.runs.weights`).
    """

    kind: WeightsKind

    @property
    def default_value(self) -> str:
        return ""

    def clean(self, value: Any) -> str:
        if value is None:
            return ""
        if not isinstance(value, str) or len(value) > 200:
            raise ValueError(f"must be the name of pre-trained weights, got {_shown(value)}")
        return value.strip()

    def json_schema(self) -> dict[str, Any]:
        return {"type": "string"} | super().json_schema()


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """A range of wall-clock seconds on one CPU core pair, for people to plan with."""

    low: float
    high: float


@dataclass(frozen=True, kw_only=True)
class ModelTemplate:
    """A kind of model that people can train.

    `estimate(profile, hyperparameters)` gives the expected duration. `examples` are words for the gallery card,
    `terms` other words that its reports use;
    `largest_side` is the side in pixels to which larger images are scaled unless a person says otherwise. A `task` of
    "either" follows from the target, unless the hyper-parameter `task` says which. The folder of the template holds
    `spec.py` with a module-level `TEMPLATE`, and for the method "network" `network.py` (see
    `docs/adding-a-model-template.md`).
    """

    slug: str
    version: int
    title: str
    summary: str
    task: Task | Literal["either"]
    input_kind: DataKind
    parameters: tuple[Parameter, ...]
    estimate: Callable[[Profile, Mapping[str, Any]], Estimate]
    method: Method = "network"
    needs_target: bool = True
    largest_side: int = 64
    examples: tuple[str, ...] = ()
    details: str = ""
    tags: tuple[str, ...] = field(default=())
    terms: tuple[str, ...] = ()

    @property
    def needs_weights(self) -> WeightsKind | None:
        """For what kind of data the pre-trained weights are that it builds upon, which the operator provides."""
        return next((parameter.kind for parameter in self.parameters if isinstance(parameter, WeightsName)), None)

    def clean_hyperparameters(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return a value for every parameter, defaults filled in. Raises `InvalidInput` naming each one that does not
        fit."""
        known = {parameter.name: parameter for parameter in self.parameters}
        problems = {
            name: f"{self.slug} has no such hyper-parameter; it has {', '.join(known)}"
            for name in values
            if name not in known
        }
        cleaned: dict[str, Any] = {}
        for name, parameter in known.items():
            try:
                cleaned[name] = parameter.clean(values[name]) if name in values else parameter.default_value
            except ValueError as fault:
                problems[name] = str(fault)
        if problems:
            raise InvalidInput({f"hyperparameters.{name}": text for name, text in problems.items()})
        return cleaned

    def task_of(self, hyperparameters: Mapping[str, Any]) -> Task:
        """The task of a run, once it is settled. Raises `ValueError` where it is not."""
        task = hyperparameters["task"] if self.task == "either" else self.task
        if task in ("classification", "regression", "forecasting", "anomaly_detection"):
            return task
        raise ValueError(f"{self.slug} was not told whether to predict classes or numbers")

    def json_schema(self) -> dict[str, Any]:
        """The hyper-parameters as JSON Schema (2020-12)."""
        return {
            "type": "object",
            "additionalProperties": False,
            "properties": {parameter.name: parameter.json_schema() for parameter in self.parameters},
        }


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 40 else text[:37] + "…"
