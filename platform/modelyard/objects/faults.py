"""The two ways in which an object store fails, for the operator's log; `storage` words them for people."""


class Unreachable(Exception):
    """The store did not answer, or answered with a fault, every time it was asked. Later it may."""


class Damaged(Exception):
    """What is in the store is missing or is not what was put there."""
