"""Reads what strangers uploaded: `python -m workers.ingesting VERSION_DIR`, a child process without secrets or network.

The variables below have to stand before NumPy and Arrow are imported: one thread each and the C allocator, so that
the process fits into the address space that its supervisor allows it.
"""

import os

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "ARROW_NUM_THREADS"):
    os.environ.setdefault(_name, "1")
os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")
