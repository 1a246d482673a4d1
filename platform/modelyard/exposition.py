"""Metrics as Prometheus reads them (text format 0.0.4), and who may read them.

They name workspaces and endpoints, so they are not for everybody: with MODELYARD_METRICS_TOKEN set, whoever sends it as
`Authorization: Bearer …`; without, only a program on the same machine that comes directly, not through a proxy.
"""

import hmac
import ipaddress
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
FORWARDED = ("x-forwarded-for", "forwarded", "via")
"""Headers of proxies: what has one does not come directly, whatever its address says."""
_ESCAPES = str.maketrans({"\\": r"\\", "\n": r"\n", '"': r"\""})


@dataclass(frozen=True, kw_only=True)
class Metric:
    """A family of figures."""

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    help: str


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One figure of the family `metric`; `suffix` is one of a histogram's parts: _bucket, _sum, _count."""

    metric: str
    labels: Mapping[str, str]
    value: float
    suffix: str = ""


def write_exposition(metrics: Iterable[Metric], figures: Iterable[Figure]) -> str:
    """Write the families that have figures, each once, in the order of `metrics`."""
    by_metric: dict[str, list[Figure]] = {}
    for figure in figures:
        by_metric.setdefault(figure.metric, []).append(figure)
    lines: list[str] = []
    for metric in metrics:
        if metric.name in by_metric:
            lines += [f"# HELP {metric.name} {metric.help}", f"# TYPE {metric.name} {metric.kind}"]
            lines += [_write_figure(figure) for figure in by_metric[metric.name]]
    return "\n".join(lines) + "\n"


def histogram(metric: str, labels: Mapping[str, str], bounds: Iterable[float], counts: Iterable[int]) -> list[Figure]:
    """The buckets of a histogram, each with all that lie below its bound; the last count is of those above all."""
    figures, total = [], 0
    for bound, count in zip((*bounds, float("inf")), counts, strict=True):
        total += count
        within = "+Inf" if bound == float("inf") else f"{bound:g}"
        figures.append(Figure(metric=metric, labels={**labels, "le": within}, value=total, suffix="_bucket"))
    return [*figures, Figure(metric=metric, labels=labels, value=total, suffix="_count")]


def may_read(token: str, *, authorization: str, peer: str, headers: Iterable[str]) -> bool:
    """Whether metrics may be told to a caller at the address `peer` who sent `headers` (names in lower case)."""
    if token:
        scheme, _, said = authorization.partition(" ")
        return scheme.lower() == "bearer" and hmac.compare_digest(said.strip().encode(), token.encode())
    try:
        is_local = ipaddress.ip_address(peer).is_loopback
    except ValueError:
        is_local = False
    return is_local and not any(name in FORWARDED for name in headers)


def _write_figure(figure: Figure) -> str:
    labels = ",".join(f'{name}="{text.translate(_ESCAPES)}"' for name, text in figure.labels.items())
    value = f"{figure.value:.17g}" if figure.value != int(figure.value) else str(int(figure.value))
    return (
        f"{figure.metric}{figure.suffix}{{{labels}}} {value}" if labels else f"{figure.metric}{figure.suffix} {value}"
    )
