"""Taking what was deleted out of the places where databases keep what nobody refers to any more.

SQLite overwrites deleted content (`secure_delete` in the settings), but its log of writes holds former pages until it
is emptied. Redis holds what was set in its append-only file until that is written anew. PostgreSQL clears its pages by
VACUUM, in its own time.
"""

import logging
from functools import partial

from django.db import DatabaseError, connection, transaction
from redis.exceptions import RedisError

from modelyard.redis_connection import redis

log = logging.getLogger(__name__)
SQLITE = "sqlite"
PATIENCE_MS = 200
"""How long whoever deletes waits for readers; what is left then is emptied by the clock."""


def purge_on_commit() -> None:
    """Purge once what is being deleted is gone, once for all deletions of a transaction."""
    transaction.on_commit(partial(purge, rewrite=True), robust=True)


def purge(*, rewrite: bool = False) -> bool:
    """Empty the logs, as far as nobody reads them now. False where something is left, for the next time."""
    emptied = _empty_write_ahead_log()
    if rewrite:
        _rewrite_append_only_file()
    return emptied


def _empty_write_ahead_log() -> bool:
    if connection.vendor != SQLITE or connection.in_atomic_block:
        return True
    try:
        with connection.cursor() as cursor:
            cursor.execute(f"PRAGMA busy_timeout={PATIENCE_MS}")
            cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            busy = cursor.fetchone()
            cursor.execute(f"PRAGMA busy_timeout={int(connection.settings_dict['OPTIONS'].get('timeout', 5)) * 1000}")
    except DatabaseError as fault:
        log.info("the log of the database is emptied later: %s", fault)
        return False
    return not busy or busy[0] == 0


def _rewrite_append_only_file() -> None:
    try:
        redis().bgrewriteaof()
    except (RedisError, OSError) as fault:
        log.info("Redis does not rewrite its file now: %s", fault)
