"""Questions that tests ask the ledger."""

from modelyard.accounts.models import Workspace
from modelyard.quotas import services


def status(workspace: Workspace, kind: str) -> services.QuotaStatus:
    return next(one for one in services.overview(workspace) if one.kind == kind)


def assert_balanced() -> None:
    assert services.audit() == []
