"""Moments are read in many writings, counted in periods and written back as they came."""

from datetime import datetime, timedelta

import numpy as np
import pytest

from modelyard.features.series.calendars import Calendar, Irregular, are_plain, read_stamp

FIRST = datetime(2020, 1, 1)


def days(count: int, step: int = 1) -> list[str]:
    return [f"{FIRST + timedelta(days=step * day):%Y-%m-%d}" for day in range(count)]


def fit(texts: list[str]) -> Calendar:
    plain = are_plain(texts)
    moments = np.array([read_stamp(text, plain=plain) for text in texts])
    return Calendar.fit(texts, moments, np.zeros(len(texts), np.int64), plain=plain)


SERIES = {
    "months": ([f"1949-{month:02d}" for month in range(1, 13)], "month", (12,), "1950-01"),
    "month ends": (["2020-01-31", "2020-02-29", "2020-03-31"], "month", (12,), "2020-04-30"),
    "quarters": (
        [f"{year} Q{quarter}" for year in (1998, 1999) for quarter in (1, 2, 3, 4)],
        "quarter",
        (4,),
        "2000 Q1",
    ),
    "short quarters": ([f"1998Q{quarter}" for quarter in (1, 2, 3, 4)], "quarter", (4,), "1999Q1"),
    "weeks": ([f"2020-W{week:02d}" for week in range(1, 53)], "week", (52,), "2020-W53"),
    "saturdays": ([text for place, text in enumerate(days(30, 7)) if place not in (3, 4)], "week", (52,), "2020-07-29"),
    "days": (days(40), "day", (7, 364), "2020-02-10"),
    "hours": (
        [f"{FIRST + timedelta(hours=hour):%Y-%m-%d %H:%M:%S}" for hour in range(60)],
        "hour",
        (24, 168),
        "2020-01-03 12:00:00",
    ),
    "seconds since 1970": ([str(1577836800 + 900 * step) for step in range(9)], "15 minutes", (96, 672), "1577844900"),
    "milliseconds": ([str(1577836800000 + 60000 * step) for step in range(9)], "minute", (60, 1440), "1577837340000"),
    "years": ([str(year) for year in range(1950, 1990)], "year", (1,), "1990"),
    "steps": ([str(step) for step in range(3, 30)], "step", (1,), "30"),
    "days first": ([f"{day:02d}/02/2021" for day in range(1, 29)], "day", (7, 364), "01/03/2021"),
}


@pytest.mark.parametrize("name", SERIES)
def test_stamps_come_back_as_they_were_written(name: str) -> None:
    texts, period, seasons, following = SERIES[name]
    calendar = fit(texts)
    indexes = [calendar.index(calendar.read(text if calendar.unit != "numbers" else float(text))) for text in texts]
    assert [str(calendar.write(index)) for index in indexes] == texts
    assert (calendar.describe(), calendar.seasons()) == (period, seasons)
    assert str(calendar.write(indexes[-1] + 1)) == following
    assert Calendar.from_json(calendar.to_json()) == calendar


def test_days_without_weekends_are_working_days() -> None:
    texts = [text for place, text in enumerate(days(60)) if (place + 2) % 7 < 5]
    calendar = fit(texts)
    assert (calendar.describe(), calendar.seasons()) == ("working day", (5,))
    indexes = [calendar.index(calendar.read(text)) for text in texts]
    assert np.diff(indexes).tolist() == [1] * (len(texts) - 1)


def test_stamps_that_are_a_little_off_keep_to_their_period() -> None:
    texts = [(FIRST + timedelta(hours=hour, seconds=hour % 7)).isoformat() for hour in range(60)]
    calendar = fit(texts)
    assert calendar.describe() == "hour"
    assert np.diff(calendar.indexes(np.array([calendar.read(text) for text in texts]))).tolist() == [1] * 59


def test_moments_without_a_distance_are_refused_with_the_place() -> None:
    random = np.random.default_rng(0)
    moments = np.cumsum(random.exponential(40_000, 60)).round()
    texts = [(FIRST + timedelta(seconds=int(moment))).isoformat() for moment in moments]
    with pytest.raises(Irregular) as caught:
        fit(texts)
    assert 0 <= caught.value.place < 60


def test_series_of_one_moment_each_have_no_calendar() -> None:
    moments = np.array([read_stamp(text) for text in days(3)])
    with pytest.raises(Irregular, match="single moment"):
        Calendar.fit(days(3), moments, np.arange(3), plain=False)
