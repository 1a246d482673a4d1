"""A budget: units leased ahead, so that taking one costs a subtraction and not a question to Redis."""

from collections import deque
from collections.abc import Callable

from workers.serving.problems import Problem

Then = Callable[[Problem | None], None]


class Budget:
    """Units of one kind that a workspace may still use here. `held` is ours already; `block` is how many to ask
    for at a time; until `empty_until` (loop time) it is known that there is nothing to lease."""

    __slots__ = ("block", "empty_until", "held", "taken", "waiters")

    def __init__(self) -> None:
        self.held = 0
        self.block = 1
        self.taken = 0
        self.empty_until = 0.0
        self.waiters: deque[tuple[int, Then]] = deque()

    def give_back(self, amount: int) -> None:
        self.held += amount
        self.taken -= amount

    @property
    def wanted(self) -> int:
        """How many more units to ask for: what waits, and a block ahead."""
        waiting = sum(amount for amount, _ in self.waiters)
        return max(0, waiting + self.block - self.held)

    @property
    def low(self) -> bool:
        return self.held * 2 < self.block or bool(self.waiters)

    def grant(self, amount: int, refusal: Callable[[int], Problem] | None) -> None:
        """Add leased units and serve who waits. Who cannot be served is refused; without a `refusal` they wait on."""
        self.held += amount
        waiters, self.waiters = self.waiters, deque()
        for needed, then in waiters:
            if needed <= self.held:
                self.held -= needed
                self.taken += needed
                then(None)
            elif refusal is not None:
                then(refusal(needed))
            else:
                self.waiters.append((needed, then))
