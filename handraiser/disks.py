"""The disk under a data folder: SQLite needs one of this very machine, and refuses nothing by itself."""

import os
import re
from pathlib import Path

from handraiser.errors import CommandError

MOUNTS = Path("/proc/self/mountinfo")
"""Of Linux; elsewhere nothing is known, and nothing refused."""
NETWORK = ("nfs", "nfs4", "cifs", "smb3", "afs")
CLUSTER = ("ceph", "glusterfs", "lustre", "beegfs", "gpfs", "ocfs2", "gfs2")
FUSE = ("ceph-fuse", "sshfs", "s3fs", "gcsfuse", "juicefs", "rclone")
SHARED = frozenset((*NETWORK, *CLUSTER, *FUSE))
"""File systems that several machines may use at once; FUSE ones are named `fuse.<name>`. What a virtual machine has of its host
(9p, virtiofs: containers on a laptop) is not among them."""
ESCAPED = re.compile(rb"\\([0-3][0-7]{2})")
"""Blanks and the like in a mount point, as bytes: `\\040`."""


def refuse_shared_disk(folder: Path, mounts: Path = MOUNTS) -> None:
    """Raises CommandError if `folder` lies on a file system that other machines can use too.

    SQLite's write-ahead log is memory that processes of one machine share (sqlite.org/wal.html): two machines on one folder
    would damage it, and locks that would keep one of them out do not work on all of these file systems.
    """
    kind = _kind(folder.resolve(), mounts)
    if kind.removeprefix("fuse.") in SHARED:
        raise CommandError(
            "shared_disk",
            f"The data folder {folder} is on a network disk ({kind}), and SQLite works on a disk of this machine only. Choose a "
            "local folder with --data; for several machines use Kafka and PostgreSQL (docs/settings.md).",
        )


def _kind(folder: Path, mounts: Path) -> str:
    """The type of the file system that holds `folder`: of the mount point that is nearest above it, the newest."""
    try:
        lines = mounts.read_bytes().splitlines()
    except OSError:
        return ""
    best, kind = -1, ""
    for line in lines:
        before, _, after = line.partition(b" - ")
        point = Path(os.fsdecode(ESCAPED.sub(lambda found: bytes([int(found[1], 8)]), before.split()[4])))
        if folder.is_relative_to(point) and len(point.parts) >= best:
            best, kind = len(point.parts), after.split()[0].decode()
    return kind
