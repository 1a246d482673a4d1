"""A test for the tests: with any one safeguard taken out of the code, a test that names it turns red."""

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue

import pytest

from tests.safeguards.copies import ROOT, Safeguard, Verdict, copy_tree, try_without
from tests.safeguards.table import SAFEGUARDS

AT_ONCE = 2
Verdicts = dict[str, Future[Verdict]]


@pytest.fixture(scope="module")
def verdicts(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Verdicts]:
    """What the children say of the safeguards that are asked for here, a few at a time."""
    copies: SimpleQueue[Path] = SimpleQueue()
    for _ in range(AT_ONCE):
        copy = tmp_path_factory.mktemp("copy")
        copy_tree(copy)
        copies.put(copy)

    def judge(safeguard: Safeguard) -> Verdict:
        copy = copies.get()
        try:
            return try_without(safeguard, copy)
        finally:
            copies.put(copy)

    chosen = {item.callspec.id for item in request.session.items if item.module is request.module and _is_judged(item)}
    with ThreadPoolExecutor(AT_ONCE) as threads:
        yield {one.name: threads.submit(judge, one) for one in SAFEGUARDS if one.name in chosen}
        threads.shutdown(cancel_futures=True)


def _is_judged(item: pytest.Function) -> bool:
    return "verdicts" in item.fixturenames


def test_names_are_different() -> None:
    assert len({one.name for one in SAFEGUARDS}) == len(SAFEGUARDS) >= 25


@pytest.mark.parametrize("safeguard", SAFEGUARDS, ids=lambda one: one.name)
def test_the_safeguard_is_where_the_table_says(safeguard: Safeguard) -> None:
    assert (ROOT / safeguard.file).read_text().count(safeguard.text) == 1
    assert (ROOT / safeguard.witness.partition("::")[0]).is_file()


@pytest.mark.parametrize("safeguard", SAFEGUARDS, ids=lambda one: one.name)
def test_without_the_safeguard_its_witness_fails(safeguard: Safeguard, verdicts: Verdicts) -> None:
    verdict = verdicts[safeguard.name].result()
    assert not verdict.fault(safeguard.witness), verdict.said
