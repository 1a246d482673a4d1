"""Real data sets that come with scikit-learn, written as people would bring them."""

import io
import zipfile
from pathlib import Path

import numpy as np
from PIL import Image
from sklearn.datasets import load_breast_cancer, load_digits


def write_breast_cancer(path: Path) -> Path:
    """569 rows, 30 numbers and a diagnosis."""
    data = load_breast_cancer()
    lines = [",".join([*data.feature_names, "diagnosis"])]
    for values, label in zip(data.data, data.target, strict=True):
        lines.append(",".join([*(f"{value:g}" for value in values), "benign" if label else "malignant"]))
    path.write_text("\n".join(lines) + "\n")
    return path


def write_digits(path: Path, each: int = 60) -> Path:
    """8 x 8 grey images of the ten digits, in a zip with a folder for each."""
    data = load_digits()
    with zipfile.ZipFile(path, "w") as archive:
        for digit in range(10):
            for number, index in enumerate(np.flatnonzero(data.target == digit)[:each]):
                archive.writestr(f"digits/{digit}/{number}.png", png(data.images[index]))
    return path


def png(pixels: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray((pixels * 255 / 16).astype(np.uint8)).save(file, "PNG")
    return file.getvalue()


def write_shop_sales(path: Path, months: int = 60) -> Path:
    """Sales of two shops by month, written 2015-01, with a season and a trend."""
    lines = ["month,shop,sales"]
    for place, shop in enumerate(("Ulm", "Bonn")):
        for step in range(months):
            level = (100 + step) * (place + 1) * (1 + 0.3 * np.sin(2 * np.pi * step / 12))
            lines.append(f"{np.datetime64('2015-01') + step},{shop},{level:.2f}")
    path.write_text("\n".join(lines) + "\n")
    return path
