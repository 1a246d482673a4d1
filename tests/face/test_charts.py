"""The axes of the charts that the browser draws."""

from typing import Any

import pytest
from playwright.sync_api import Browser

from modelyard.environment import ROOT
from tests.browser import open_page

SCALE = (ROOT / "static" / "js" / "charts" / "scale.js").read_text(encoding="utf-8")
DRAW = "([ends, axis]) => roundTicks(...widen(ends, axis), 5, axis)"


@pytest.mark.parametrize(
    ("ends", "axis", "marks"),
    [
        ([0, 0], {"min": 0, "whole": True}, [0, 1]),
        ([0, 0], {}, [0, 0.25, 0.5, 0.75, 1]),
        ([3, 3], {"min": 0, "whole": True}, [0, 1, 2, 3]),
        ([20, 20], {}, [18, 19, 20, 21, 22]),
        ([1, 1], {"min": 0, "max": 1}, [0, 0.2, 0.4, 0.6, 0.8, 1]),
    ],
    ids=["nothing happened", "all zero", "every day alike", "one value", "a share"],
)
def test_an_axis_never_leads_below_its_end(
    browser: Browser, ends: list[float], axis: dict[str, Any], marks: list[float]
) -> None:
    page, _ = open_page(browser)
    page.add_script_tag(type="module", content=f"{SCALE}\nObject.assign(window, {{ widen, roundTicks }});")
    page.wait_for_function("() => window.widen")
    assert page.evaluate(DRAW, [ends, axis]) == pytest.approx(marks)
    page.close()
