"""The audit log: marked as it is written, chained once it is committed, guarded by the database, verified."""
