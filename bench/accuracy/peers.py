"""One peer on one table; run by the environment of the peers, never by that of Modelyard.

    python peers.py NAME FOLDER SECONDS TARGET

FOLDER holds train.csv, test.csv and meta.json; the predictions of the test file are written to TARGET. All peers get
columns as pandas reads them; those that take no dates get their parts (year, month, day, weekday, hour). AutoGluon gets
SECONDS of time, the others take what their defaults need.
"""

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import pandas as pd

DATE_SHARE = 0.9


def main(name: str, folder: Path, seconds: float, target: Path) -> None:
    meta = json.loads((folder / "meta.json").read_text())
    train, test = (
        pd.read_csv(folder / meta["files"][part], sep=meta.get("delimiter", ",")) for part in ("train", "test")
    )
    column = meta["target"]
    predict = {"autogluon": _ask_autogluon, "lightgbm": _ask_lightgbm, "hgb": _ask_hgb, "ydf": _ask_ydf}[name]
    regression = meta["task"] == "regression"
    answers = predict(train, test.drop(columns=[column]), column, regression, seconds)
    answers.to_csv(target, index=False)


def _ask_autogluon(train: Any, test: Any, column: str, regression: bool, seconds: float) -> Any:
    from autogluon.tabular import TabularPredictor

    metric = "root_mean_squared_error" if regression else "roc_auc" if train[column].nunique() == 2 else "accuracy"
    with tempfile.TemporaryDirectory() as scratch:
        predictor = TabularPredictor(label=column, path=scratch, eval_metric=metric, verbosity=0)
        predictor.fit(train, presets="medium_quality", time_limit=seconds, num_cpus=2, num_gpus=0)
        if regression:
            return pd.DataFrame({"prediction": predictor.predict(test).to_numpy()})
        return _named(predictor.predict_proba(test))


def _ask_lightgbm(train: Any, test: Any, column: str, regression: bool, _seconds: float) -> Any:
    import lightgbm

    rows, queries = _prepare(train.drop(columns=[column]), test)
    kind = lightgbm.LGBMRegressor if regression else lightgbm.LGBMClassifier
    return _fit(kind(verbose=-1, n_jobs=2), rows, train[column], queries, regression)


def _ask_hgb(train: Any, test: Any, column: str, regression: bool, _seconds: float) -> Any:
    from sklearn import ensemble

    rows, queries = _prepare(train.drop(columns=[column]), test)
    rare = [name for name in rows if isinstance(rows[name].dtype, pd.CategoricalDtype) and rows[name].nunique() > 250]
    rows, queries = rows.drop(columns=rare), queries.drop(columns=rare)
    kind = ensemble.HistGradientBoostingRegressor if regression else ensemble.HistGradientBoostingClassifier
    return _fit(kind(categorical_features="from_dtype", random_state=0), rows, train[column], queries, regression)


def _ask_ydf(train: Any, test: Any, column: str, regression: bool, _seconds: float) -> Any:
    import ydf

    rows, queries = _prepare(train.drop(columns=[column]), test)
    for frame in (rows, queries):
        for name in frame:
            if isinstance(frame[name].dtype, pd.CategoricalDtype):
                frame[name] = frame[name].astype(object).where(frame[name].notna(), "").astype(str)
    rows[column] = train[column] if regression else train[column].astype(str)
    task = ydf.Task.REGRESSION if regression else ydf.Task.CLASSIFICATION
    model = ydf.GradientBoostedTreesLearner(label=column, task=task, num_threads=2).train(rows, verbose=0)
    found = model.predict(queries)
    if regression:
        return pd.DataFrame({"prediction": found})
    labels = model.label_classes()
    table = {labels[0]: 1 - found, labels[1]: found} if len(labels) == 2 else dict(zip(labels, found.T, strict=True))
    return _named(pd.DataFrame(table))


def _fit(model: Any, rows: Any, target: Any, queries: Any, regression: bool) -> Any:
    model.fit(rows, target if regression else target.astype(str))
    if regression:
        return pd.DataFrame({"prediction": model.predict(queries)})
    return _named(pd.DataFrame(model.predict_proba(queries), columns=model.classes_))


def _named(shares: Any) -> Any:
    answers = pd.DataFrame({"prediction": shares.idxmax(axis=1)})
    return pd.concat([answers, shares.add_prefix("p_").reset_index(drop=True)], axis=1)


def _prepare(train: Any, test: Any) -> tuple[Any, Any]:
    """Dates become their parts, other texts categories, alike in both."""
    both = pd.concat([train, test], keys=["train", "test"])
    for name in list(both):
        if both[name].dtype != object:
            continue
        moments = pd.to_datetime(both[name], errors="coerce", format="ISO8601")
        if moments.notna().sum() >= DATE_SHARE * both[name].notna().sum():
            parts = moments.dt
            for part in ("year", "month", "day", "weekday", "hour"):
                both[f"{name} {part}"] = getattr(parts, part)
            both = both.drop(columns=[name])
        else:
            both[name] = both[name].astype("category")
    both.columns = [f"c{index}" for index in range(both.shape[1])]
    return both.loc["train"].copy(), both.loc["test"].copy()


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), float(sys.argv[3]), Path(sys.argv[4]))
