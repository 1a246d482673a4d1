"""The words that speak for each class, as people see them."""

from typing import Any

from django.template.loader import render_to_string


def show(words: list[dict[str, Any]], *, several_texts: bool = False) -> str:
    return render_to_string("registry/_words.html", {"report": {"words": words}, "several_texts": several_texts})


def entry(label: str, *words: str, column: str = "text") -> dict[str, Any]:
    said = [{"word": word, "probability": 0.99, "rows": 1234, "share": 0.5} for word in words]
    return {"column": column, "label": label, "words": said}


def test_each_class_has_its_words_with_their_texts() -> None:
    page = show([entry("spam", "free money", "<b>&"), entry("ham")])
    assert "free money" in page
    assert "&lt;b&gt;&amp;" in page
    assert "1,234" in page
    assert "none that stands out" in page


def test_columns_are_named_where_there_are_several() -> None:
    page = show([entry("spam", "win", column="title"), entry("spam", "now", column="body")], several_texts=True)
    assert "title" in page
    assert "body" in page
    assert "title" not in show([entry("spam", "win", column="title")])
