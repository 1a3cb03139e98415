"""Large memory lies in huge pages meanwhile, and nothing else is touched."""

import mmap
import platform
import threading
import time
from pathlib import Path

import pytest

from runtime import pages
from runtime.pages import PAGE, huge_pages, regions

MAPS = """\
55d1a2000000-55d1a4a00000 rw-p 00000000 00:00 0                          [heap]
7f0000000000-7f0002000000 r--p 00000000 fe:00 1234                       /usr/lib/x86_64-linux-gnu/libc.so.6
7f1000000000-7f1002000000 rw-p 00000000 fe:00 1234                       /tmp/a file with spaces
7f2000000000-7f2000800000 rw-p 00000000 00:00 0
7f3000000000-7f3002000000 ---p 00000000 00:00 0
7f4000000000-7f4002000000 rw-s 00000000 00:00 0
7f5000100000-7f5003f00000 rw-p 00000000 00:00 0
7ffd00000000-7ffd02000000 rw-p 00000000 00:00 0                          [stack]
"""


def test_only_large_memory_of_this_process_alone_counts_in_whole_pages() -> None:
    assert list(regions(MAPS)) == [
        (0x55D1A2000000, 0x55D1A4A00000),
        (0x7F5000200000, 0x7F5003E00000),
    ]


def _huge_kb() -> int:
    """AnonHugePages of this process."""
    rollup = Path("/proc/self/smaps_rollup").read_text("ascii")
    return next(int(line.split()[1]) for line in rollup.splitlines() if line.startswith("AnonHugePages:"))


def test_what_a_process_keeps_comes_to_lie_in_them(monkeypatch: pytest.MonkeyPatch) -> None:
    if not pages._are_given() or tuple(map(int, platform.release().split(".")[:2])) < (6, 1):
        pytest.skip("needs Linux 6.1 or newer that gives huge pages: before, they come in the kernel's own time")
    monkeypatch.setattr(pages, "EVERY_S", 0.05)
    size = 4 * pages.REGION_MIN
    with mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS) as kept:
        for at in range(0, size, 4096):
            kept[at] = 7
        before = _huge_kb()
        with huge_pages():
            until = time.monotonic() + 20
            while _huge_kb() - before < (size - 2 * PAGE) // 1024 and time.monotonic() < until:
                time.sleep(0.05)
        assert _huge_kb() - before >= (size - 2 * PAGE) // 1024
        assert all(kept[at] == 7 for at in range(0, size, 4096)), "and it is what it was"
    assert "huge-pages" not in {thread.name for thread in threading.enumerate()}


@pytest.mark.parametrize("said", ["always madvise [never]\n", None])
def test_where_the_operator_wants_none_nothing_happens(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, said: str | None) -> None:
    enabled = tmp_path / "enabled"
    if said is not None:
        enabled.write_text(said)
    monkeypatch.setattr(pages, "_ENABLED", enabled)
    with huge_pages():
        assert "huge-pages" not in {thread.name for thread in threading.enumerate()}
