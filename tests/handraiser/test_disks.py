"""A data folder on a disk that several machines share is refused; every other one is taken."""

from pathlib import Path

import pytest

from handraiser.disks import refuse_shared_disk
from handraiser.errors import CommandError

MOUNTS = """\
22 1 254:1 / / rw,relatime - ext4 /dev/vda1 rw
29 22 0:25 / /mnt/team\\040files rw,relatime shared:12 - nfs4 nas:/export rw,vers=4.2
30 29 254:2 / /mnt/team\\040files/local rw - xfs /dev/vdb rw
31 22 0:26 / /mnt/remote rw - fuse.sshfs host:/ rw
32 22 254:3 / /mnt/twice rw - cifs //nas/twice rw
33 22 254:3 / /mnt/twice rw - btrfs /dev/vdc rw
34 22 0:27 / /mnt/přehled\\040dat rw - fuse.ceph-fuse ceph-fuse rw
35 22 0:28 / /mnt/host rw - virtiofs host rw
36 22 0:29 / /mnt/odd\\134nname rw - fuse.rclone remote: rw
"""


@pytest.fixture
def mounts(tmp_path: Path) -> Path:
    file = tmp_path / "mountinfo"
    file.write_text(MOUNTS)
    return file


@pytest.mark.parametrize(
    ("folder", "kind"),
    [
        ("/mnt/team files/x/y", "nfs4"),
        ("/mnt/remote", "fuse.sshfs"),
        ("/mnt/přehled dat/x", "fuse.ceph-fuse"),
        ("/mnt/odd\\nname", "fuse.rclone"),
    ],
)
def test_a_network_disk_is_refused_and_what_to_use_is_said(mounts: Path, folder: str, kind: str) -> None:
    with pytest.raises(CommandError) as refused:
        refuse_shared_disk(Path(folder), mounts)
    assert refused.value.code == "shared_disk"
    assert f"network disk ({kind})" in refused.value.message
    assert "Kafka and PostgreSQL" in refused.value.message


@pytest.mark.parametrize("folder", ["/var/lib/handraiser", "/mnt/team files/local/x", "/mnt/teams", "/mnt/twice/x", "/mnt/host"])
def test_a_disk_of_this_machine_is_taken(mounts: Path, folder: str) -> None:
    refuse_shared_disk(Path(folder), mounts)


def test_where_nothing_is_known_nothing_is_refused(tmp_path: Path) -> None:
    refuse_shared_disk(tmp_path, tmp_path / "nowhere")
