"""Small sets of texts in the ingested form."""

from pathlib import Path

import numpy as np

from tests.training.tables import write_table

GOOD = ("lovely", "bright", "kind", "happy", "sunny", "好", "喜欢", "春风")
BAD = ("awful", "dark", "rude", "sad", "rainy", "坏", "讨厌", "秋雨")
OTHER = ("the", "shop", "was", "and", "we", "went", "today", "店", "今天", "我们")


def make_texts(rows: int = 120, seed: int = 0) -> dict[str, list[str | None]]:
    """Texts of English and Chinese words, of which those of one class tell `label`; with a gap."""
    random = np.random.default_rng(seed)
    labels = random.choice(["good", "bad"], rows)
    texts: list[str | None] = []
    for label in labels:
        words = [*random.choice(GOOD if label == "good" else BAD, 2), *random.choice(OTHER, 5)]
        texts.append(" ".join(random.permutation(words)))
    texts[3] = None
    return {
        "text": texts,
        "price": [f"{number:.2f}" for number in random.uniform(1, 9, rows)],
        "shop": random.choice([f"shop {number}" for number in range(12)], rows).tolist(),
        "label": labels.tolist(),
    }


def write_texts(folder: Path) -> Path:
    return write_table(folder, make_texts())
