"""What can go wrong, in the words of the domain. Nothing here knows HTTP; `web_errors` maps these to answers."""

from collections.abc import Mapping


class ModelyardError(Exception):
    """A failure that a person can be told about: `message` says what came, what was wanted and what to do."""

    code = "error"

    def __init__(self, message: str, *, code: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        if code is not None:
            self.code = code


class InvalidInput(ModelyardError):
    """Something that was sent does not fit. `problems` maps the name of the parameter to what is wrong with it."""

    code = "invalid_input"

    def __init__(self, problems: Mapping[str, str], *, code: str | None = None) -> None:
        self.problems = dict(problems)
        super().__init__("; ".join(f"{name}: {text}" for name, text in self.problems.items()), code=code)


class NotFound(ModelyardError):
    """No such object, or one that this person must not know of."""

    code = "not_found"


class NotAllowed(ModelyardError):
    """The object may be known to this person, but this act is not theirs."""

    code = "not_allowed"


class Conflict(ModelyardError):
    """The object is in a state in which this cannot be done."""

    code = "conflict"


class QuotaExceeded(ModelyardError):
    """A limit of the workspace is spent. `kind` names it (see `modelyard.quotas.kinds`)."""

    code = "quota_exceeded"

    def __init__(self, message: str, *, kind: str) -> None:
        super().__init__(message)
        self.kind = kind


class TooLarge(ModelyardError):
    """More bytes than this installation takes in one piece."""

    code = "too_large"


class StorageFull(ModelyardError):
    """The disk that holds files has no room left."""

    code = "storage_full"


class StorageAway(ModelyardError):
    """The object store that holds files does not answer; later it may."""

    code = "storage_away"


class StorageDamaged(ModelyardError):
    """A stored file is missing or is not what was stored."""

    code = "storage_damaged"
