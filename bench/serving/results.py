"""All figures of a run, kept as JSON so that parts can be measured on their own and added."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from typing import Any, Self

import orjson

from bench.serving.load import Measured
from bench.serving.machine import Facts

CLEAN = 0.15
"""The share of a core that others may use in a round that counts as clean."""

MERGED = (
    "rates",
    "standings",
    "excuses",
    "bad_inputs",
    "big_bodies",
    "neighbours",
    "equivalence",
    "runtime",
    "scaling",
)
"""What an earlier run may have measured in part."""


@dataclass(frozen=True)
class Case:
    """What is sent: rows of a form, so many a request, over so many connections."""

    model: str
    form: str
    rows: int
    connections: int

    @property
    def key(self) -> str:
        return f"{self.model} {self.form} {self.rows} {self.connections}"


@dataclass(frozen=True, kw_only=True)
class Standing:
    """A server before and after it was loaded."""

    cold_seconds: float
    memory_mb: float
    loaded_mb: float
    proportional_mb: float
    difference: float


@dataclass(frozen=True, kw_only=True)
class Scaling:
    """Requests a second, and the cores' worth of time that the server used."""

    rate: float
    server: float
    errors: int


@dataclass(kw_only=True)
class Results:
    """`rates` by case and server, a figure for each round (None where a round failed)."""

    facts: Facts
    options: dict[str, Any]
    rates: dict[str, dict[str, list[Measured | None]]] = field(default_factory=dict)
    standings: dict[str, dict[str, Standing]] = field(default_factory=dict)
    excuses: dict[str, str] = field(default_factory=dict)
    bad_inputs: dict[str, dict[str, str]] = field(default_factory=dict)
    big_bodies: dict[str, dict[str, Any]] = field(default_factory=dict)
    neighbours: dict[str, dict[str, int]] = field(default_factory=dict)
    equivalence: dict[str, float] = field(default_factory=dict)
    runtime: dict[str, dict[str, float]] = field(default_factory=dict)
    another_model_mb: float | None = None
    with_grpc_mb: float | None = None
    scaling: dict[str, Scaling] = field(default_factory=dict)
    earlier: list[str] = field(default_factory=list)

    def note(self, case: Case, server: str, measured: Measured | None) -> None:
        self.rates.setdefault(case.key, {}).setdefault(server, []).append(measured)

    def clean(self, case: Case, server: str) -> list[Measured]:
        """The rounds in which the machine was quiet; all rounds if it never was."""
        rounds = [measured for measured in self.rates.get(case.key, {}).get(server, []) if measured is not None]
        return [measured for measured in rounds if measured.foreign < CLEAN] or rounds

    def median(self, case: Case, server: str, figure: str) -> float | None:
        rounds = self.clean(case, server)
        return median(getattr(measured, figure) for measured in rounds) if rounds else None

    def ratio(self, ours: tuple[Case, str], theirs: tuple[Case, str], figure: str = "rate") -> float | None:
        """The median of the ratios within a round: the machine's own speed drifts from round to round."""
        rounds = zip(self.rates.get(ours[0].key, {}).get(ours[1], []), self._rounds(*theirs), strict=False)
        ratios = [
            (getattr(one, figure) / getattr(other, figure), max(one.foreign, other.foreign))
            for one, other in rounds
            if one is not None and other is not None and getattr(other, figure)
        ]
        chosen = [ratio for ratio, foreign in ratios if foreign < CLEAN] or [ratio for ratio, _ in ratios]
        return median(chosen) if chosen else None

    def _rounds(self, case: Case, server: str) -> list[Measured | None]:
        return self.rates.get(case.key, {}).get(server, [])

    # -- kept

    def save(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(orjson.dumps(asdict(self), option=orjson.OPT_INDENT_2))

    @classmethod
    def load(cls, path: Path) -> Self:
        value = orjson.loads(path.read_bytes())
        value["facts"] = Facts(**{**value["facts"], "load": tuple(value["facts"]["load"])})
        value["rates"] = _nest(value["rates"], lambda rounds: [item and Measured(**item) for item in rounds])
        value["standings"] = _nest(value["standings"], lambda item: Standing(**item))
        value["scaling"] = {name: Scaling(**item) for name, item in value["scaling"].items()}
        return cls(**value)

    def adopt(self, older: "Results") -> None:
        """Take from an older run what this one did not measure."""
        self.earlier = sorted({*older.earlier, older.facts.at} - {self.facts.at})
        for name in MERGED:
            setattr(self, name, _merge(getattr(older, name), getattr(self, name)))
        for name in ("another_model_mb", "with_grpc_mb"):
            if getattr(self, name) is None:
                setattr(self, name, getattr(older, name))


def _nest(value: Mapping[str, Mapping[str, Any]], make: Any) -> dict[str, dict[str, Any]]:
    return {outer: {inner: make(item) for inner, item in items.items()} for outer, items in value.items()}


def _merge(older: Mapping[str, Any], newer: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(older)
    for name, value in newer.items():
        merged[name] = {**older[name], **value} if isinstance(value, dict) and name in older else value
    return merged
