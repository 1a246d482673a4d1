"""The figures of the serving benchmark: kept, added up, held against the aims, written. The measuring itself is not
tested here: what it says depends on the machine."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bench.serving import report, wire
from bench.serving.aims import find_best, list_aims
from bench.serving.contestants import CONTESTANTS, PEERS
from bench.serving.environments import PEERS as PEER_FOLDERS
from bench.serving.equivalence import Verdict
from bench.serving.load import Measured, write_requests
from bench.serving.machine import Facts
from bench.serving.models import COLUMNS, Rows, TableModel, open_session
from bench.serving.processes import compose_answer
from bench.serving.results import Case, Results, Standing
from bench.serving.wire import Answer

FACTS = Facts(
    at="2026-11-23 12:00 UTC",
    processor="a processor",
    cores=2,
    memory_gb=24.0,
    system="Linux",
    python="3.11.7",
    load=(0.1, 0.2, 0.3),
    commit="abc",
)
QUIET = Measured(rate=100, median=1, slowest=2, errors=0, cpu=1e-5, server=1, client=0.5, foreign=0)
CASE = Case("table", "rows", 1, 64)


@pytest.fixture
def results() -> Results:
    return Results(facts=FACTS, options={"rounds": 2, "fewer": 1, "seconds": 1})


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> TableModel:
    return TableModel(tmp_path_factory.mktemp("model"))


def test_a_ratio_is_taken_within_a_round(results: Results) -> None:
    for ours, theirs in ((1000, 100), (300, 30), (2000, 100)):
        results.note(CASE, "modelyard", replace(QUIET, rate=ours))
        results.note(CASE, "fastapi", replace(QUIET, rate=theirs))
    assert results.ratio((CASE, "modelyard"), (CASE, "fastapi")) == 10


def test_rounds_that_others_disturbed_do_not_count_while_there_are_quiet_ones(results: Results) -> None:
    results.note(CASE, "fastapi", replace(QUIET, rate=10, foreign=0.9))
    assert results.median(CASE, "fastapi", "rate") == 10
    results.note(CASE, "fastapi", replace(QUIET, rate=50))
    assert results.median(CASE, "fastapi", "rate") == 50


def test_an_aim_that_is_missed_is_shown_as_missed(results: Results) -> None:
    results.note(CASE, "modelyard", replace(QUIET, rate=119))
    results.note(CASE, "mosec-batching", QUIET)
    aim = list_aims(results)[0]
    assert (aim.aim, aim.reached, aim.met) == (1.2, 1.19, False)
    assert "| at least 1.2 × | 1.19 × | **no** |" in report.compose(results)


def test_what_was_not_measured_is_neither_met_nor_missed(results: Results) -> None:
    assert {aim.met for aim in list_aims(results)} == {None}


def test_neither_modelyard_nor_the_constant_body_is_the_best_peer(results: Results) -> None:
    results.note(CASE, "modelyard", replace(QUIET, rate=900))
    results.note(CASE, "constant", replace(QUIET, rate=9000))
    results.note(CASE, "kserve", QUIET)
    assert find_best(results, CASE) == "kserve"


def test_figures_are_kept_and_a_later_run_adds_to_them(results: Results, tmp_path: Path) -> None:
    results.note(CASE, "fastapi", QUIET)
    standing = Standing(cold_seconds=1, memory_mb=2, loaded_mb=3, proportional_mb=2, difference=0)
    results.standings["table"] = {"fastapi": standing}
    results.another_model_mb = 1.5
    results.save(tmp_path / "figures.json")

    later = Results(facts=FACTS, options=results.options)
    later.note(CASE, "mosec", QUIET)
    later.adopt(Results.load(tmp_path / "figures.json"))
    assert set(later.rates[CASE.key]) == {"fastapi", "mosec"}
    assert later.standings["table"]["fastapi"] == standing
    assert later.another_model_mb == 1.5


def test_only_the_marked_block_of_a_page_is_written(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"before\n{report.BEGIN}\nold\n{report.END}\nafter\n")
    report.write_into(page, "new")
    assert page.read_text() == f"before\n{report.BEGIN}\n\nnew\n{report.END}\nafter\n"


def test_a_page_without_a_marked_block_is_left_alone(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("nothing\n")
    with pytest.raises(ValueError, match="has no block"):
        report.write_into(page, "new")
    assert page.read_text() == "nothing\n"


@pytest.mark.parametrize("name", PEERS)
def test_every_peer_has_pinned_requirements(name: str) -> None:
    folder = CONTESTANTS[name].environment
    assert folder is not None
    lines = (PEER_FOLDERS / folder / "requirements.txt").read_text().splitlines()
    assert all("==" in line for line in lines if not line.startswith("#"))


def test_peers_compute_what_the_artifact_computes(model: TableModel) -> None:
    rows = model.sample(50, seed=1)
    session = open_session(model.whole.read_bytes())
    (found,) = session.run(None, {"rows": rows.matrix.astype(np.float32)})
    assert np.abs(found - model.expect(rows)).max() < 1e-6


def test_an_answer_of_modelyard_is_read_back(model: TableModel) -> None:
    answer = Answer(200, compose_answer(model, 3), {})
    found = wire.decode_named_rows(model, answer)
    assert np.abs(found - model.expect(model.sample(3, seed=1))).max() < 1e-6


def test_the_load_sends_what_was_encoded(model: TableModel, tmp_path: Path) -> None:
    request = wire.encode_named_rows(model, Rows(np.ones((1, len(COLUMNS)))))
    write_requests(tmp_path / "requests", [request, request])
    head, rest = (tmp_path / "requests").read_bytes().split(b"\n", 1)
    path, headers, body = head.split()
    assert path.decode() == wire.PREDICT
    assert rest[int(headers) : int(headers) + int(body)] == request.body


def test_an_answer_of_another_and_a_refusal_are_told_apart_from_equal_ones() -> None:
    verdict = Verdict()
    alone = np.array([[0.25, 0.75]])
    for found in (alone + 1e-6, alone[:, ::-1], None, np.zeros((2, 2))):
        verdict.note(found, alone)
    assert (verdict.calls, verdict.equal) == (4, 1)
