"""Which numbers of the numeric core's inputs are of which column."""

from modelyard.features.columns import CodedColumn
from modelyard.features.table import TableFeatures
from modelyard.features.text_rows import FIGURES, TextRows

Places = dict[str, dict[str, list[int]]]
"""For every column the indexes of its numbers in each input."""


def find_places(features: TableFeatures) -> Places:
    """Where the numbers of the columns of a table are."""
    places: Places = {}
    start = coded = 0
    for column in features.columns:
        if isinstance(column, CodedColumn):
            places[column.name] = {"codes": [coded]}
            coded += 1
            continue
        numbers = list(range(start, start + column.width))
        numbers += [
            features.raw_width + position for position, index in enumerate(features.indicators) if index in numbers
        ]
        places[column.name] = {"numbers": numbers}
        start += column.width
    return places


def find_text_places(features: TextRows) -> Places:
    """The same for texts, whose columns have a part of each array and figures, and for what is beside them."""
    places: Places = {}
    for place, name in enumerate(features.texts):
        figures = list(range(place * FIGURES, (place + 1) * FIGURES))
        places[name] = {**features.places_of_text(place), "numbers": figures}
    return {**places, **find_places_beside(features)}


def find_places_beside(features: TextRows) -> Places:
    """Where the numbers of the columns are that are no texts."""
    if features.table is None:
        return {}
    shift = {"numbers": len(features.texts) * FIGURES, "codes": 0}
    return {
        name: {array: [shift[array] + index for index in indexes] for array, indexes in found.items()}
        for name, found in find_places(features.table).items()
    }
