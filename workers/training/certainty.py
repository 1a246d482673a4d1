"""How sure a model may be: held-out answers choose a temperature for probabilities, or intervals around values.

The test part has no say in it.
"""

from dataclasses import dataclass, replace

import numpy as np

from modelyard.features.decoder import ClassDecoder, ValueDecoder
from workers.training.calibrating import Calibration, calibrate, temper
from workers.training.conforming import fit_intervals
from workers.training.preparing import Material
from workers.training.solution import HeldOut, Solution


@dataclass(frozen=True, kw_only=True)
class Certainty:
    """`material` has the decoder that knows of intervals. `held_out` are the answers that it all rests on, tempered."""

    material: Material
    held_out: HeldOut
    calibration: Calibration | None = None


def settle_certainty(material: Material, solution: Solution) -> Certainty:
    """Temper the solution where that helps, or find intervals."""
    held_out = solution.held_out or _ask_validation(material, solution)
    truth, groups = material.truth[held_out.rows], material.groups[held_out.rows]
    if isinstance(material.decoder, ClassDecoder):
        of_members = solution.held_out is not None and not material.plan.split.keeps_parts
        calibration = calibrate(truth, held_out.outputs, groups, material.plan.seed, of_members=of_members)
        if calibration.temperature != 1.0:
            solution.temper(calibration.temperature)
            outputs = temper(held_out.outputs.astype(np.float64), calibration.temperature)
            held_out = replace(held_out, outputs=outputs.astype(np.float32))
        return Certainty(material=material, held_out=held_out, calibration=calibration)
    assert isinstance(material.decoder, ValueDecoder)
    intervals = fit_intervals(material.decoder, held_out.outputs, truth, groups, material.plan.seed)
    if intervals is not None:
        decoder = ValueDecoder.from_json({**material.decoder.to_json(), "intervals": intervals.to_json()})
        output = replace(material.signature.output, levels=intervals.levels)
        material = replace(material, decoder=decoder, signature=replace(material.signature, output=output))
    return Certainty(material=material, held_out=held_out)


def _ask_validation(material: Material, solution: Solution) -> HeldOut:
    rows = material.parts.validation
    return HeldOut(rows=rows, outputs=next(iter(solution.ask(material.take(rows)).values())))
