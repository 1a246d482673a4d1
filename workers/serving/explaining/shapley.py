"""Shapley values: how the difference between an answer and the usual one is shared out among the players of a game.

Players are columns, pieces of text or parts of a picture; those that are absent have the value of a background row.
What a player adds depends on who is there already, so the mean over all orders of joining is taken: all coalitions
where players are few, else orders drawn at random in pairs, each with its reverse (Štrumbelj and Kononenko, 2014;
Mitchell, Cooper, Frank and Holmes, "Sampling permutations for Shapley value estimation", JMLR 2022).
Every background row gets as many orders, so the shares add up to the difference from the mean over the background.
"""

import math
from collections.abc import Generator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

MOST_EXACT = 7
"""Players up to which all coalitions are asked: 128 for each background row."""
USUAL_EVALUATIONS = 1024
FEWEST_PAIRS, MOST_PAIRS = 2, 32
SEED = 20260101
Masks = NDArray[np.bool_]
Numbers = NDArray[np.float64]


class Game(Protocol):
    """What is explained. There is at least one background row."""

    players: int
    backgrounds: int
    evaluations: int
    """About how often the network may be asked."""

    def value(self, present: Masks, backgrounds: NDArray[np.intp]) -> Numbers:
        """Return the answer for each coalition, shape (coalitions, players), with its background row."""
        ...


@dataclass(frozen=True, kw_only=True)
class Shares:
    """`base` plus all `values` is `answer`. `errors` are standard errors of the values, 0 where they are exact."""

    base: float
    answer: float
    values: Numbers
    errors: Numbers


Work = Generator[None, None, Shares]
"""Stops after every few evaluations, so that others get their turn."""


def count_evaluations(game: Game) -> int:
    """How often the network is asked."""
    if game.players <= MOST_EXACT:
        return game.backgrounds << game.players
    return 2 * _count_pairs(game) * game.backgrounds * (game.players - 1) + game.backgrounds + 1


def share_out(game: Game, chunk: int) -> Work:
    """Compute the shares, `chunk` evaluations at a time. The same game has the same shares."""
    return _enumerate(game, chunk) if game.players <= MOST_EXACT else _sample(game, chunk)


def _count_pairs(game: Game) -> int:
    wanted = game.evaluations // (2 * game.players * game.backgrounds)
    return min(max(wanted, FEWEST_PAIRS), MOST_PAIRS)


def _enumerate(game: Game, chunk: int) -> Work:
    """All coalitions with every background row, weighted by how many orders they come up in."""
    players, count = game.players, 1 << game.players
    coalitions = (np.arange(count)[:, None] >> np.arange(players) & 1).astype(bool)
    means = np.zeros(count)
    for start in range(0, count * game.backgrounds, chunk):
        places = np.arange(start, min(start + chunk, count * game.backgrounds))
        found = game.value(coalitions[places // game.backgrounds], places % game.backgrounds)
        np.add.at(means, places // game.backgrounds, found / game.backgrounds)
        yield
    sizes = coalitions.sum(axis=1)
    weights = [1.0 / (players * math.comb(players - 1, size)) for size in range(players)]
    values = np.zeros(players)
    for player in range(players):
        without = np.flatnonzero(~coalitions[:, player])
        gains = means[without + (1 << player)] - means[without]
        values[player] = np.array(weights)[sizes[without]] @ gains
    return Shares(base=float(means[0]), answer=float(means[-1]), values=values, errors=np.zeros(players))


def _sample(game: Game, chunk: int) -> Work:
    """From each background row some pairs of walks to the row: the players join in an order, then in its reverse."""
    players, backgrounds, pairs = game.players, game.backgrounds, _count_pairs(game)
    random = np.random.default_rng([SEED, players])
    forth = random.permuted(np.tile(np.arange(players), (backgrounds * pairs, 1)), axis=1)
    turns = np.stack([forth, players - 1 - forth], axis=1).reshape(-1, players)  # of each walk, when each player joins
    starts = np.repeat(np.arange(backgrounds), 2 * pairs)
    nobody, everybody = np.zeros((backgrounds, players), bool), np.ones((1, players), bool)
    bases, answer = game.value(nobody, np.arange(backgrounds)), game.value(everybody, np.zeros(1, np.intp))
    steps = np.empty((len(turns), players + 1))
    steps[:, 0], steps[:, -1] = bases[starts], answer[0]
    between = steps[:, 1:-1]
    for start in range(0, between.size, chunk):
        walks, joined = np.divmod(np.arange(start, min(start + chunk, between.size)), players - 1)
        between[walks, joined] = game.value(turns[walks] <= joined[:, None], starts[walks])
        yield
    gains = np.take_along_axis(np.diff(steps, axis=1), turns, axis=1)
    by_pair = gains.reshape(backgrounds, pairs, 2, players).mean(axis=2)
    errors = np.sqrt(by_pair.var(axis=1, ddof=1).sum(axis=0) / pairs) / backgrounds
    return Shares(base=float(bases.mean()), answer=float(answer[0]), values=by_pair.mean(axis=(0, 1)), errors=errors)
