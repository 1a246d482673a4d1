"""Acts of keeping and letting go, for views, workers and commands; each part has a module of its own."""

from modelyard.keeping.erasing import erase_dataset, erase_model, erase_person, erase_runs, erase_workspace
from modelyard.keeping.exporting import make_export, reconcile_exports, request_export
from modelyard.keeping.receipts import purge_after_deletions
from modelyard.keeping.retention import apply_retention, set_retention

__all__ = [
    "apply_retention",
    "erase_dataset",
    "erase_model",
    "erase_person",
    "erase_runs",
    "erase_workspace",
    "make_export",
    "purge_after_deletions",
    "reconcile_exports",
    "request_export",
    "set_retention",
]
