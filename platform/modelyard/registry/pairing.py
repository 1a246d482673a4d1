"""Two models on the same test rows: their difference on each draw of the rows, which chance cannot explain away.

Training measures every model on draws that follow from its test rows alone (`docs/report.md`), so that models with the
same test rows were measured on the same draws.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

FEWEST_DRAWS = 100


@dataclass(frozen=True, kw_only=True)
class Paired:
    """The middle 95 % of the differences, newer minus older, and the share of draws in which the newer has more."""

    low: float
    high: float
    share_higher: float

    @property
    def is_sure(self) -> bool:
        """Whether the two differ in nearly every draw."""
        return self.low > 0 or self.high < 0


def were_tested_alike(older: Mapping[str, Any], newer: Mapping[str, Any]) -> bool:
    """Whether two reports are about the same test rows."""
    digests = [(report.get("intervals") or {}).get("rows_digest") for report in (older, newer)]
    return digests[0] is not None and digests[0] == digests[1]


def pair(older: Mapping[str, Any], newer: Mapping[str, Any], name: str) -> Paired | None:
    """Compare a metric of two reports draw by draw; None where they cannot be."""
    if not were_tested_alike(older, newer):
        return None
    draws = [report["intervals"].get("draws", {}).get(name) or [] for report in (older, newer)]
    before, after = (np.array(values, dtype=np.float64) for values in draws)
    if len(before) != len(after):
        return None
    differences = (after - before)[np.isfinite(after - before)]
    if len(differences) < FEWEST_DRAWS:
        return None
    low, high = np.percentile(differences, (2.5, 97.5))
    return Paired(low=float(low), high=float(high), share_higher=float((differences > 0).mean()))
