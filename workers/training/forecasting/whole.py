"""A forecaster from its plan to the files of an artifact."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from modelyard.contracts import artifact
from modelyard.contracts.jsonfile import write_json
from modelyard.contracts.plan import Plan
from modelyard.contracts.reference import Reference
from modelyard.contracts.sentences import Sentence
from workers.training.forecasting.preparing import SeriesMaterial, prepare_series
from workers.training.forecasting.reporting import report_forecasts
from workers.training.forecasting.rows import SeriesRows, sign_series
from workers.training.forecasting.training import ForecastSolution, train_forecaster
from workers.training.golden import encode_rows
from workers.training.solution import Job


@dataclass(frozen=True, kw_only=True)
class Forecaster:
    """A trained forecaster with its report."""

    material: SeriesMaterial
    solution: ForecastSolution
    report: dict[str, Any]

    def export(self, folder: Path) -> None:
        """Write everything but the lineage."""
        material, solution = self.material, self.solution
        features = material.features if solution.learned else material.features.without_window()
        golden = SeriesRows(material.panel, material.pasts, material.period).golden()
        predictions = material.decoder.decode(solution.ask(features.transform(golden)))
        write_json(folder / artifact.GOLDEN, {"rows": encode_rows(golden), "predictions": predictions})
        write_json(folder / artifact.REFERENCE, Reference(columns=(), part="test").to_json())
        write_json(folder / artifact.REPORT, self.report)
        write_json(folder / artifact.FEATURES, features.to_json())
        write_json(folder / artifact.DECODER, material.decoder.to_json())
        signature = sign_series(material.panel, features)
        write_json(folder / artifact.SIGNATURE, signature.to_json())
        solution.core.export(folder)


def prepare(plan: Plan, hyperparameters: Mapping[str, Any], *more: Sentence) -> SeriesMaterial:
    """Read the series of a plan; `more` is what else the person should know."""
    material = prepare_series(replace(plan, hyperparameters=dict(hyperparameters)))
    return replace(material, notices=(*material.notices, *more))


def make_forecaster(job: Job, material: SeriesMaterial, hyperparameters: Mapping[str, Any]) -> Forecaster:
    solution = train_forecaster(job, material, hyperparameters)
    job.speaker.phase("evaluating")
    return Forecaster(material=material, solution=solution, report=report_forecasts(material, solution))
