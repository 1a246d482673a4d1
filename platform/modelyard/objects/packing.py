"""A folder inside a folder travels as one tar: thousands of small images are one object."""

import tarfile
from pathlib import Path

from modelyard.objects.faults import Damaged


def pack(folder: Path, target: Path) -> None:
    """Write the regular files below `folder` to a tar; links and the like stay behind. The same files, the same tar."""
    with tarfile.open(target, "w", format=tarfile.PAX_FORMAT) as archive:
        for path in sorted(folder.rglob("*")):
            if path.is_symlink() or not path.is_file():
                continue
            member = archive.gettarinfo(path, arcname=path.relative_to(folder).as_posix())
            member.uid = member.gid = 0
            member.uname = member.gname = ""
            member.mode = 0o600
            member.mtime = int(member.mtime)
            member.type, member.linkname = tarfile.REGTYPE, ""  # a file with two names is stored as a file
            member.size = path.stat().st_size
            with path.open("rb") as file:
                archive.addfile(member, file)


def unpack(source: Path, folder: Path) -> None:
    """Write what `pack` packed below `folder`, and nothing outside of it. Raises `Damaged`."""
    folder.mkdir(mode=0o700)
    try:
        with tarfile.open(source, "r:") as archive:
            archive.extractall(folder, filter="data")
    except tarfile.TarError as fault:
        raise Damaged(f"a packed folder cannot be read: {fault}") from fault
