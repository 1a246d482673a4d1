"""Keeping what has to stay and letting go of the rest: backups, restoring, receipts of deletion, retention, exports."""
