"""Categories with an order: sizes, grades, months, ranges of age."""

import re
from collections.abc import Sequence

FEWEST = 3
"""Levels; with two there is nothing to order."""

_MONTHS = "january february march april may june july august september october november december"

SCALES: tuple[tuple[str, ...], ...] = (
    ("none", "very low", "low", "medium low", "medium", "medium high", "high", "very high", "extreme"),
    ("very low", "low", "moderate", "high", "very high"),
    ("low", "normal", "high", "critical"),
    ("low", "mid", "high"),
    ("tiny", "very small", "small", "medium", "large", "very large", "huge"),
    ("xxs", "xs", "s", "m", "l", "xl", "xxl", "xxxl"),
    ("never", "rarely", "seldom", "sometimes", "often", "usually", "always"),
    ("terrible", "very poor", "poor", "fair", "average", "good", "very good", "excellent", "outstanding"),
    ("bad", "ok", "good", "great"),
    ("strongly disagree", "disagree", "neutral", "agree", "strongly agree"),
    ("very dissatisfied", "dissatisfied", "neutral", "satisfied", "very satisfied"),
    ("none", "mild", "moderate", "severe", "very severe"),
    ("minor", "moderate", "major", "critical"),
    ("intern", "junior", "mid", "senior", "lead", "principal"),
    ("beginner", "intermediate", "advanced", "expert"),
    ("bronze", "silver", "gold", "platinum", "diamond"),
    ("infant", "child", "teenager", "adult", "senior"),
    ("first", "second", "third", "fourth", "fifth", "sixth"),
    ("primary", "secondary", "tertiary"),
    ("high school", "college", "bachelor", "master", "phd"),
    ("high school", "associate", "bachelors", "masters", "doctorate"),
    ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"),
    ("mon", "tue", "wed", "thu", "fri", "sat", "sun"),
    tuple(_MONTHS.split(" ")),
    ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"),
    ("极低", "很低", "低", "中低", "中", "中高", "高", "很高", "极高"),
    ("小", "中", "大", "特大"),
    ("很差", "差", "一般", "良好", "好", "很好", "优秀"),
    ("不及格", "及格", "中", "良", "优"),
    ("从不", "很少", "有时", "经常", "总是"),
    ("非常不同意", "不同意", "中立", "同意", "非常同意"),
    ("初级", "中级", "高级", "专家"),
    ("小学", "初中", "高中", "大专", "本科", "硕士", "博士"),
    ("星期一", "星期二", "星期三", "星期四", "星期五", "星期六", "星期日"),
    ("周一", "周二", "周三", "周四", "周五", "周六", "周日"),
)
_NUMBER = r"[$€£¥]?\d+(?:[.,]\d+)*[km%]?"
_NUMBERED = re.compile(
    rf"(?P<below><=?|≤|under|below|less than|up to)?\s*(?P<word>[^\W\d]*)[\s_-]*(?P<low>{_NUMBER})"
    rf"(?:\s*(?:-|–|—|~|to|bis|至|到)\s*(?P<high>{_NUMBER}))?"
    r"\s*(?P<above>\+|and (?:over|above|more|older)|or (?:over|more|older)|以上)?\s*(?P<unit>[^\W\d]*)"
)
_ABOVE = re.compile(r"(?:>=?|≥|over|above|more than)\s*")
_BETWEEN = re.compile(r"[\s_-]+")


def find_order(levels: Sequence[str]) -> list[int] | None:
    """Return the rank of each level, 0 upwards; None where the levels are not of one scale."""
    if len(levels) < FEWEST:
        return None
    plain = [_BETWEEN.sub(" ", level.strip().lower()) for level in levels]
    if len(set(plain)) < len(plain):
        return None
    for scale in SCALES:
        if set(plain) <= set(scale):
            return _rank([float(scale.index(word)) for word in plain])
    numbers = [_read(level.strip().lower()) for level in levels]
    known = [number for number in numbers if number is not None]
    if len(known) < len(levels) or len({words for words, _ in known}) > 1:
        return None
    places = [place for _, place in known]
    return _rank(places) if len(set(places)) == len(places) else None


def _read(level: str) -> tuple[str, float] | None:
    """Return the word before the number and where the level stands; None for a level without a number."""
    bare = _ABOVE.sub("", level)
    match = _NUMBERED.fullmatch(bare)
    if match is None:
        return None
    digits = match["low"].strip("$€£¥km%").replace(",", "")
    if digits.count(".") > 1:
        return None
    place = float(digits)
    if match["below"]:
        place -= 0.5
    if match["above"] or bare != level:
        place += 0.5
    return match["word"], place


def _rank(places: list[float]) -> list[int]:
    order = sorted(places)
    return [order.index(place) for place in places]
