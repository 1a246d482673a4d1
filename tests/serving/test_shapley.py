"""The shares of an answer, on games whose Shapley values are known."""

import itertools
import math
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from workers.serving.explaining.shapley import MOST_EXACT, Shares, count_evaluations, share_out

FEW, MANY = MOST_EXACT, 12
Rule = Callable[[NDArray[np.float64]], NDArray[np.float64]]


class MixedRows:
    """Rows of numbers under a rule; absent numbers are those of the background."""

    evaluations = 1024

    def __init__(self, rule: Rule, row: NDArray[np.float64], background: NDArray[np.float64]) -> None:
        self.rule, self.row, self.background = rule, row, background
        self.players, self.backgrounds = len(row), len(background)
        self.asked = 0

    def value(self, present: NDArray[np.bool_], backgrounds: NDArray[np.intp]) -> NDArray[np.float64]:
        self.asked += len(present)
        return self.rule(np.where(present, self.row, self.background[backgrounds]))


def compute(game: MixedRows, chunk: int = 100) -> Shares:
    work = share_out(game, chunk)
    while True:
        try:
            next(work)
        except StopIteration as end:
            shares: Shares = end.value
            return shares


def draw(players: int, seed: int = 0) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    random = np.random.default_rng(seed)
    return random.normal(size=players), random.normal(size=(8, players))


def tangled(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Products and a bend, so that what a number adds depends on the others."""
    return np.tanh(rows[:, 0] * rows[:, 1] + rows[:, 2]) + np.prod(rows[:, -3:], axis=1)


@pytest.mark.parametrize("players", [1, 3, FEW, FEW + 1, MANY, 40])
def test_shares_of_a_linear_rule_are_its_weights_times_the_way_from_the_mean(players: int) -> None:
    row, background = draw(players)
    weights = np.arange(players) - 2.0
    shares = compute(MixedRows(lambda rows: rows @ weights + 5.0, row, background))

    np.testing.assert_allclose(shares.values, weights * (row - background.mean(axis=0)), atol=1e-10)
    np.testing.assert_allclose(shares.errors, 0.0, atol=1e-10)


@pytest.mark.parametrize("players", [FEW, MANY])
def test_shares_add_up_from_the_mean_of_the_background_to_the_answer(players: int) -> None:
    row, background = draw(players)
    shares = compute(MixedRows(tangled, row, background))

    assert shares.base == pytest.approx(tangled(background).mean(), abs=1e-12)
    assert shares.answer == pytest.approx(tangled(row[None])[0], abs=1e-12)
    assert shares.base + shares.values.sum() == pytest.approx(shares.answer, abs=1e-12)


@pytest.mark.parametrize("players", [FEW, MANY])
def test_a_number_that_the_rule_ignores_gets_nothing(players: int) -> None:
    row, background = draw(players)
    shares = compute(MixedRows(tangled, row, background))

    assert (shares.values[3 : players - 3] == 0).all()
    assert (shares.errors[3 : players - 3] == 0).all()


def test_numbers_that_play_the_same_part_get_the_same() -> None:
    row, background = draw(FEW)
    row[1], background[:, 1] = row[0], background[:, 0]
    shares = compute(MixedRows(lambda rows: rows[:, 0] * rows[:, 1] * rows[:, 2], row, background))

    assert shares.values[0] == pytest.approx(shares.values[1], abs=1e-12)


def test_few_players_get_the_mean_over_all_orders() -> None:
    row, background = draw(5)
    game = MixedRows(tangled, row, background)
    wanted = np.zeros(5)
    for order in itertools.permutations(range(5)):
        present = np.zeros((1, 5), bool)
        before = tangled(background).mean()
        for player in order:
            present[0, player] = True
            now = game.value(np.repeat(present, 8, axis=0), np.arange(8)).mean()
            wanted[player] += (now - before) / math.factorial(5)
            before = now

    np.testing.assert_allclose(compute(game).values, wanted, atol=1e-12)


def test_sampled_shares_are_off_by_about_their_standard_errors() -> None:
    """The same numbers as few players, whose shares are exact, and as many, of which the others say nothing."""
    row, background = draw(FEW)
    exact = compute(MixedRows(tangled, row, background)).values
    silent = np.zeros(MANY - FEW)

    def heed_the_known(rows: NDArray[np.float64]) -> NDArray[np.float64]:
        return tangled(rows[:, :FEW])

    wide = np.hstack([background, np.zeros((8, MANY - FEW))])
    sampled = compute(MixedRows(heed_the_known, np.concatenate([row, silent]), wide))

    off = np.abs(sampled.values[:FEW] - exact)
    assert (off <= 4 * sampled.errors[:FEW] + 1e-9).all()
    assert sampled.errors.max() > 0


@pytest.mark.parametrize("players", [FEW, MANY])
def test_the_same_game_has_the_same_shares_whatever_the_chunk(players: int) -> None:
    row, background = draw(players)
    one, other = (compute(MixedRows(tangled, row, background), chunk) for chunk in (7, 1000))

    np.testing.assert_allclose(one.values, other.values, atol=1e-12)


@pytest.mark.parametrize("players", [1, FEW, FEW + 1, MANY, 60])
def test_the_network_is_asked_as_often_as_was_counted_before(players: int) -> None:
    row, background = draw(players)
    game = MixedRows(lambda rows: rows.sum(axis=1), row, background)
    compute(game)

    assert game.asked == count_evaluations(game)


def test_a_game_without_players_is_its_answer() -> None:
    shares = compute(MixedRows(lambda rows: np.full(len(rows), 3.0), np.zeros(0), np.zeros((1, 0))))

    assert (shares.base, shares.answer, len(shares.values)) == (3.0, 3.0, 0)
