"""Confine this process, then become another: `python -I -S confining.py ORDERS COMMAND…`.

ORDERS is JSON: {"parent": pid, "limits": {"RLIMIT_AS": bytes, …}, "isolate": bool}. A script of its own rather than
`preexec_fn`, which is not safe in a process with threads. Standard library only; it runs without site-packages.
"""

import contextlib
import ctypes
import json
import os
import resource
import signal
import sys
from pathlib import Path

PR_SET_PDEATHSIG = 1
PR_SET_NO_NEW_PRIVS = 38
CLONE_NEWUSER = 0x10000000
CLONE_NEWNET = 0x40000000


def main() -> None:
    orders, command = json.loads(sys.argv[1]), sys.argv[2:]
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != orders["parent"]:
        sys.exit("the worker ended before its child began")
    for name, value in orders["limits"].items():
        _limit(getattr(resource, name), value)
    if orders["isolate"]:
        libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
        _leave_network(libc)
    os.execv(command[0], command)  # noqa: S606 (the worker's own command line, no shell)


def _limit(kind: int, value: int) -> None:
    _soft, hard = resource.getrlimit(kind)
    most = value if hard == resource.RLIM_INFINITY else min(value, hard)
    resource.setrlimit(kind, (most, most))


def _leave_network(libc: ctypes.CDLL) -> None:
    """A network namespace with nothing in it, where the kernel lets an ordinary user have one."""
    user, group = os.getuid(), os.getgid()
    if libc.unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0:
        return
    with contextlib.suppress(OSError):
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"{user} {user} 1")
        Path("/proc/self/gid_map").write_text(f"{group} {group} 1")


if __name__ == "__main__":
    main()
