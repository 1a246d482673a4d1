"""Parquet bodies, read by a child process: `python -m workers.serving.columnar`.

Arrow in the predictor itself would cost every installation some 45 MB of memory, and a fault in its native code that a
hostile file finds would take everybody's calls along. So a confined child without network reads what comes, started
when the first Parquet body comes and gone again when none has come for a while.

    request     `REQUEST`: most rows, most bytes once unpacked, length; then the file
    reply       `REPLY`: a status as HTTP has it, length; then the columns as JSON (200), or what is wrong
"""

from struct import Struct

REQUEST = Struct("<QQQ")
REPLY = Struct("<HQ")
IDLE_SECONDS = 60.0
"""After so long without a file the child ends."""
