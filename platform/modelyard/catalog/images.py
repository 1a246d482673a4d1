"""What the templates for images share: how large the network sees an image, and how long training takes."""

from modelyard.catalog.spec import Choice, Estimate, Integer
from modelyard.contracts.profile import Profile

SECONDS_AROUND = (20.0, 70.0)
"""Start, export and verification, which no setting changes."""
SPEED = (1.5e10, 8e10)
"""Floating-point operations a second: a busy pair of CPU cores, an idle one."""

AUGMENTATIONS = {
    "auto": "Automatic (shift, turn, zoom; where there is colour also brightness and covered parts)",
    "none": "None",
    "light": "Light (small shifts)",
    "photo": "Photos (also mirrored left to right)",
}


def size_parameter(limit: int, *, maximum: int) -> Integer:
    return Integer(
        name="size",
        title="Image size",
        help=f"Side in pixels to which every image is resized. Empty: the size of the data, at most {limit}.",
        default=None,
        minimum=4,
        maximum=maximum,
        optional=True,
        unit="pixels",
    )


def augmentation_parameter(default: str) -> Choice:
    return Choice(
        name="augmentation",
        title="Variations",
        help="Show the network slightly changed copies of the images, so that it learns what does not matter. "
        "Choose mirrored photos only where left and right mean the same.",
        default=default,
        choices=AUGMENTATIONS,
    )


def choose_size(side: float, limit: int, step: int = 4) -> int:
    """The side of the network's input for images whose typical side is `side`."""
    return int(max(2 * step, min(limit, step * round(side / step))))


def typical_side(profile: Profile) -> float:
    """The median side of the images, 64 where the profile does not say."""
    sides = [profile.details.get(name) for name in ("median_width", "median_height")]
    known = [float(side) for side in sides if isinstance(side, (int, float))]
    return sum(known) / len(known) if known else 64.0


def estimate_from_work(work: float, steps: float, max_minutes: float) -> Estimate:
    """A range for so many floating-point operations in so many steps."""
    low, high = (min(max_minutes * 60, work / speed + 0.002 * steps) for speed in reversed(SPEED))
    return Estimate(low=SECONDS_AROUND[0] + low, high=SECONDS_AROUND[1] + high)
