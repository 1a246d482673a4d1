"""What child processes say in English is shown in the language of the reader."""

import re
from pathlib import Path

import pytest
from babel.messages.pofile import read_po
from django.utils import translation

from modelyard.contracts.jsonfile import read_json, write_json
from modelyard.contracts.profile import Problem, Profile
from modelyard.contracts.sentences import SPECS, Sentence, Several, say, sentence
from modelyard.translations import CATALOGUES
from modelyard.wording import in_words
from tests.ingesting.samples import ingest

SPEC = re.compile(r"{\w+:([^{}]*)}")
UNSORTED = sentence("The rows are not in the order of {name}.", name="“day”")


def chinese(problem: Problem) -> str:
    with translation.override("zh-hans"):
        return in_words(problem)


def test_a_sentence_is_english_until_it_is_translated() -> None:
    problem = Problem.saying("unsorted_dates", UNSORTED)
    assert problem.message == in_words(problem) == "The rows are not in the order of “day”."
    assert chinese(problem) == "各行没有按“day”的先后排列。"


def test_counts_and_lists_follow_the_language() -> None:
    said = sentence("Skipped {count:file}: {named}{more}.", count=1200, named=Several(("a", "b"), 3), more="")
    assert str(said) == "Skipped 1,200 files: a, b and 3 more."
    assert chinese(Problem.saying("skipped_files", said)) == "已跳过 1,200 个文件：a、b 等（另有 3 项）。"


def test_sentences_inside_sentences_are_translated_too() -> None:
    said = sentence("The {outer} holds another archive. Upload the table itself.", outer=sentence("gzip file"))
    assert chinese(Problem.saying("nested_archive", said)) == "gzip 文件中还有一个压缩包。请直接上传表格。"


def test_a_profile_keeps_its_sentences(tmp_path: Path) -> None:
    nested = sentence("{signs} of {name}{check}", signs=Several(("$", UNSORTED), 2), name="x", check=sentence(" Look."))
    profile = Profile(kind=None, problems=(Problem.saying("x", nested, row=3), Problem(code="y", message="plain")))
    write_json(tmp_path / "profile.json", profile.to_json())
    assert Profile.from_json(read_json(tmp_path / "profile.json")) == profile


def test_profiles_from_before_have_messages_only() -> None:
    old = {"code": "x", "message": "The rows are not in any order.", "row": None, "column": None}
    assert chinese(Problem.from_json(old)) == old["message"]


@pytest.mark.parametrize(
    "said",
    [
        Sentence("The rows are not in the order of {name}."),
        Sentence("{name.__class__}", {"name": "x"}),
        Sentence("", {}),
    ],
    ids=["value missing", "unknown template", "empty"],
)
def test_what_does_not_fit_is_shown_as_it_was_said(said: Sentence) -> None:
    assert chinese(Problem(code="x", message="As it was said.", sentence=said)) == "As it was said."


def test_a_template_of_a_stranger_cannot_blow_a_page_up() -> None:
    padded = Sentence("{text:>999999999}", {"text": "b"})
    assert len(chinese(Problem(code="x", message="", sentence=sentence(UNSORTED.template, name=padded)))) < 50


def test_failures_that_are_kept_as_json_are_translated() -> None:
    failure = {"code": "one_class", "message": "no row is left to train on", "sentence": {"template": 3}}
    with translation.override("zh-hans"):
        assert in_words(failure) == "no row is left to train on"
        failure["sentence"] = {"template": "no row is left to train on", "values": {}}
        assert in_words(failure) == "没有可用于训练的行"
        assert in_words({"message": ""}) == ""


@pytest.mark.parametrize("path", sorted(CATALOGUES.glob("*/LC_MESSAGES/django.po")), ids=lambda path: path.parts[-3])
def test_translations_count_with_words_of_their_own(path: Path) -> None:
    with path.open("rb") as file:
        texts = [str(message.string) for message in read_po(file) if message.id]
    assert {spec for text in texts for spec in SPEC.findall(text)} <= SPECS


def test_everything_said_of_a_bad_file_is_chinese(tmp_path: Path) -> None:
    rows = "".join(f"{number},{'€' if number % 2 else ''}{number},same,{number % 3}\n" for number in range(40))
    profile = ingest(tmp_path, "code,price,state,kind\n" + rows + "1,2\n3,4,5\n,,,\n").profile
    assert len(profile.warnings) > 3
    for warning in profile.warnings:
        assert warning.sentence is not None
        assert say(warning.sentence) == warning.message
        shown = re.sub("“.*?”", "", chinese(warning))
        assert not re.search("[A-Za-z]{4,}", shown), shown
