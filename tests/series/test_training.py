"""From rows to a forecaster: what it learns, what it tells, and what it refuses."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from modelyard.contracts import artifact
from modelyard.contracts.jsonfile import read_json
from modelyard.contracts.signature import Signature
from modelyard.features import load_decoder, load_features
from tests.series.samples import KINDS, SHOPS, Columns, export, months, prepare, shop_sales, train
from workers.training.failures import TrainingFailure
from workers.training.forecasting.blending import Evidence, blend_scaled, choose_blend
from workers.training.forecasting.whole import Forecaster
from workers.training.verifying import Verifier

SINGLE = {"day": "time", "sales": "number"}


def daily(values: list[Any]) -> Columns:
    first = np.datetime64("2021-01-01")
    days: list[str | None] = [str(first + step) for step in range(len(values))]
    return {"day": days, "sales": [None if value is None else str(value) for value in values]}


def weekly_season(count: int) -> list[float]:
    return [20.0 + 5.0 * (step % 7) for step in range(count)]


def test_it_beats_the_last_season_on_a_trend(forecaster: Forecaster) -> None:
    report = forecaster.report
    assert report["headline"]["name"] == "mase"
    assert report["headline"]["value"] < 0.6 * report["baseline"]["metrics"]["mase"]
    assert {"mase", "smape", "wql", "mae", "coverage"} == set(report["metrics"]["test"])
    assert report["data"]["rows"]["test"] == 3 * 6


def test_every_exported_form_repeats_the_golden_rows(exported: Path) -> None:
    differences = Verifier(exported).compare()
    assert set(differences) == {artifact.CORE_ONNX, artifact.CORE_KERAS}
    assert max(differences.values()) < 1e-4


def test_the_report_shows_forecasts_beside_the_truth(forecaster: Forecaster) -> None:
    forecast = forecaster.report["forecast"]
    assert (forecast["horizon"], forecast["period"], forecast["season"], forecast["series"]) == (6, "month", 12, 3)
    assert [one["series"] for one in forecast["examples"]] == sorted(SHOPS, key=SHOPS.index)
    example = forecast["examples"][0]
    assert example["timestamps"] == months(60)[-6:]
    assert len(example["median"]) == len(example["truth"]) == 6
    assert all(low <= middle <= high for low, middle, high in zip(
        example["low"], example["median"], example["high"], strict=True
    ))  # fmt: skip
    assert [one["step"] for one in forecast["steps"]] == [1, 2, 3, 4, 5, 6]
    board = forecaster.report["training"]["leaderboard"]
    assert "seasonal_naive" in {one["kind"] for one in board}
    assert sum(one["weight"] for one in board) == pytest.approx(1.0)


def test_the_signature_names_the_columns_and_what_a_request_may_carry(exported: Path) -> None:
    signature = Signature.from_json(read_json(exported / artifact.SIGNATURE))
    kinds = {item.name: item.kind for item in signature.inputs}
    assert kinds == {"shop": "category", "month": "date", "horizon": "count", "history": "history", "start": "date"}
    assert signature.output.kind == "forecast"
    assert signature.output.labels[0] == "0.1"


def test_a_network_learns_where_it_is_wanted(tmp_path: Path) -> None:
    settings = {"network": "always", "steps": 100, "width": 8, "depth": 1}
    forecaster = train(tmp_path / "run", prepare(tmp_path / "data", shop_sales(72), **settings))
    assert forecaster.solution.history
    assert "network" in forecaster.solution.blend.weights
    differences = Verifier(export(tmp_path / "artifact", forecaster)).compare()
    assert max(differences.values()) < 1e-4


def test_the_same_plan_gives_the_same_forecasts(tmp_path: Path) -> None:
    settings = {"network": "always", "steps": 20, "width": 8, "depth": 1}
    reports = [
        train(tmp_path / name, prepare(tmp_path / "data", shop_sales(), **settings)).report["metrics"]
        for name in ("first", "second")
    ]
    assert reports[0] == reports[1]


def test_gaps_are_filled_and_told_of(tmp_path: Path) -> None:
    columns = daily(weekly_season(120))
    for name in columns:
        columns[name] = [value for place, value in enumerate(columns[name]) if place not in (30, 31, 50)]
    columns["sales"][60] = None
    material = prepare(tmp_path, columns, SINGLE, horizon=7)
    assert [str(notice) for notice in material.notices] == [
        "4 periods without a value were filled in by season and neighbours."
    ]
    assert len(material.pasts[0]) == 120
    np.testing.assert_allclose(material.pasts[0], weekly_season(120), atol=1.0)


def test_a_few_repeated_moments_are_averaged(tmp_path: Path) -> None:
    columns = daily(weekly_season(60))
    columns["day"].append(columns["day"][10])
    columns["sales"].append("100")
    material = prepare(tmp_path, columns, SINGLE, horizon=7)
    assert "their mean counts" in str(material.notices[0])
    assert material.pasts[0][10] == pytest.approx((weekly_season(11)[10] + 100) / 2)


def test_short_and_constant_series_are_forecast_beside_others(tmp_path: Path) -> None:
    columns = shop_sales()
    for name, count, value in (("short", 4, "7"), ("constant", 60, "5")):
        columns["month"] += months(count)
        columns["shop"] += [name] * count
        columns["sales"] += [value] * count
    forecaster = train(tmp_path / "run", prepare(tmp_path / "data", columns))
    assert any("too short to be tested" in str(notice) for notice in forecaster.material.notices)
    answers = answer(export(tmp_path / "artifact", forecaster), {"shop": "short"}, {"shop": "constant"})
    assert answers[0]["values"] == pytest.approx([7.0] * 6, rel=0.01)
    assert answers[1]["values"] == pytest.approx([5.0] * 6, rel=0.01)


def test_counts_never_fall_below_zero(tmp_path: Path) -> None:
    random = np.random.default_rng(5)
    counts = np.where(random.random(140) < 0.3, random.poisson(3, 140), 0).tolist()
    forecaster = train(tmp_path / "run", prepare(tmp_path / "data", daily(counts), SINGLE, horizon=14))
    [found] = answer(export(tmp_path / "artifact", forecaster), {})
    assert min(found["quantiles"]["0.1"]) >= 0.0
    assert np.isfinite(found["values"]).all()


def test_a_column_known_in_advance_moves_the_forecast(tmp_path: Path) -> None:
    random = np.random.default_rng(2)
    promotion = random.random(150) < 0.2
    values = np.array(weekly_season(150)) + 30.0 * promotion + random.normal(0, 0.5, 150)
    columns = {**daily(values.round(2).tolist()), "promo": ["yes" if one else "no" for one in promotion]}
    kinds = {**SINGLE, "promo": "flag"}
    forecaster = train(tmp_path / "run", prepare(tmp_path / "data", columns, kinds, horizon=7))
    folder = export(tmp_path / "artifact", forecaster)
    stamp = {"day": str(np.datetime64("2021-01-01") + 151)}
    without, with_it = answer(folder, {**stamp, "promo": False}, {**stamp, "promo": True})
    assert with_it["values"][0] - without["values"][0] == pytest.approx(30.0, abs=4.0)
    future = [{"promo": False}, {"promo": True}]
    assert answer(folder, {"future": future, "horizon": 2})[0]["values"][1] == pytest.approx(with_it["values"][0])


def test_series_without_a_validation_stretch_are_forecast_by_simple_rules(tmp_path: Path) -> None:
    columns = {name: values[:10] for name, values in daily(weekly_season(30)).items()}
    forecaster = train(tmp_path / "run", prepare(tmp_path / "data", columns, SINGLE, horizon=6))
    assert forecaster.report["metrics"]["validation"] == {}
    assert len(answer(export(tmp_path / "artifact", forecaster), {})[0]["values"]) == 6


def test_ranges_reckon_with_what_befell_all_series_at_once() -> None:
    draws = np.random.default_rng(5)
    shocks = draws.normal(size=(40, 4, 1, 1))
    truth = shocks + 0.3 * draws.normal(size=(40, 4, 30, 8))
    inside = []
    for trial in truth:
        seen = Evidence(
            names=("zero",),
            medians=np.zeros((90, 8, 1)),
            truth=trial[:3].reshape(90, 8),
            quantiles=None,
            cuts=np.repeat(np.arange(3), 30),
        )
        ranges = blend_scaled(choose_blend(seen, 1), seen.names, np.zeros((30, 8, 1)), None)
        inside.append(np.mean((ranges[..., 0] <= trial[3]) & (trial[3] <= ranges[..., -1])))
    assert np.mean(inside) > 0.76


def answer(folder: Path, *rows: dict[str, Any]) -> list[dict[str, Any]]:
    """Answer rows as the predictor does."""
    import onnxruntime as ort

    features = load_features(read_json(folder / artifact.FEATURES))
    decoder = load_decoder(read_json(folder / artifact.DECODER))
    session = ort.InferenceSession(str(folder / artifact.CORE_ONNX), providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return decoder.decode(dict(zip(names, session.run(names, features.transform(rows)), strict=True)))


def irregular() -> Columns:
    random = np.random.default_rng(0)
    moments = np.cumsum(random.exponential(40_000, 60)).round().astype(int)
    first = np.datetime64("2021-01-01T00:00:00")
    return {"day": [str(first + moment) for moment in moments.tolist()], "sales": [str(step) for step in range(60)]}


def sparse() -> Columns:
    first = np.datetime64("2021-01-01")
    steps = [0, 1, 2, 3, 400, 401, 402, 900, 901, 902]
    return {"day": [str(first + step) for step in steps], "sales": [str(step) for step in steps]}


def without_names() -> tuple[Columns, dict[str, str]]:
    return shop_sales(), {"month": "time", "sales": "number"}


@pytest.mark.parametrize(
    ("columns", "kinds", "settings", "code", "words"),
    [
        (irregular(), SINGLE, {}, "irregular", "row"),
        (sparse(), SINGLE, {}, "irregular", "% of the periods"),
        (*without_names(), {}, "repeated_moments", "repeat a moment"),
        (shop_sales(), KINDS, {"horizon": 58}, "too_short", "too few to forecast 58"),
        ({**daily(weekly_season(20)), "day": ["soon"] * 20}, SINGLE, {}, "bad_time", "row 1: 'soon'"),
        (daily([None] * 19 + [1]), SINGLE, {}, "too_short", "no series has more than"),
        ({"day": ["2021-01-01"] * 9, "sales": ["1"] * 9}, SINGLE, {}, "irregular", "single moment"),
        (daily(weekly_season(20)), {**SINGLE, "price": "number"}, {}, "column_vanished", "'price'"),
    ],
)
def test_rows_that_are_no_series_are_refused(
    tmp_path: Path, columns: Columns, kinds: dict[str, str], settings: dict[str, Any], code: str, words: str
) -> None:
    with pytest.raises(TrainingFailure, match=words) as caught:
        prepare(tmp_path, columns, kinds, **settings)
    assert caught.value.code == code
