"""One small forecaster of three shops, trained once."""

from pathlib import Path

import pytest

from modelyard.contracts import artifact
from modelyard.contracts.jsonfile import read_json
from modelyard.features.series.features import SeriesFeatures
from tests.series.samples import export, prepare, shop_sales, train
from workers.training.forecasting.whole import Forecaster


@pytest.fixture(scope="session")
def forecaster(tmp_path_factory: pytest.TempPathFactory) -> Forecaster:
    folder = tmp_path_factory.mktemp("shops")
    return train(folder / "run", prepare(folder / "data", shop_sales()))


@pytest.fixture(scope="session")
def exported(forecaster: Forecaster, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return export(tmp_path_factory.mktemp("artifact"), forecaster)


@pytest.fixture(scope="session")
def features(exported: Path) -> SeriesFeatures:
    return SeriesFeatures.from_json(read_json(exported / artifact.FEATURES))
