"""What a process keeps in memory lies in huge pages, where Linux has them to give.

Hundreds of megabytes of accounts are visited in no order, and with pages of 4 KiB an eighth of the time goes into finding where
they lie. Python takes memory from the kernel by the megabyte, so that the kernel does not see by itself where it could give pages
of two. See `madvise(2)` and the kernel's `admin-guide/mm/transhuge`.
"""

import ctypes
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

PAGE: Final = 2 * 1024 * 1024
REGION_MIN: Final = 16 * 1024 * 1024
"""Smaller ones are threads' stacks, which would only grow, and what is not worth it."""
EVERY_S: Final = 10.0
_MAPS: Final = Path("/proc/self/maps")
_ENABLED: Final = Path("/sys/kernel/mm/transparent_hugepage/enabled")
_HUGEPAGE: Final = 14
"""MADV_HUGEPAGE: from now on."""
_COLLAPSE: Final = 25
"""MADV_COLLAPSE: what is there already, at once; since Linux 6.1, before that the kernel does it in its own time.

It takes 3 ms a page, so each page is moved once; what comes and goes there later is the kernel's to move."""


@contextmanager
def huge_pages() -> Iterator[None]:
    """Meanwhile, from a thread beside. Nothing happens where the kernel has none, or was told to give none (`never`)."""
    ended = threading.Event()
    thread = threading.Thread(target=_keep, args=(ended,), name="huge-pages", daemon=True)
    if _are_given():
        thread.start()
    try:
        yield
    finally:
        ended.set()
        if thread.ident is not None:
            thread.join()


def _keep(ended: threading.Event) -> None:
    madvise = ctypes.CDLL(None).madvise
    madvise.argtypes = ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int
    moved: set[int] = set()
    while not ended.wait(EVERY_S):
        for begin, end in regions(_MAPS.read_text("ascii", "replace")):
            madvise(begin, end - begin, _HUGEPAGE)
            for page in range(begin, end, PAGE):
                if ended.is_set():
                    return  # who ends must not wait until gigabytes are moved
                if page not in moved:
                    madvise(page, PAGE, _COLLAPSE)  # refused for what is not in use, which is as well
                    moved.add(page)


def regions(maps: str) -> Iterator[tuple[int, int]]:
    """(first address, the one after the last), in whole pages, of large private memory; `maps`: of `/proc/self/maps`."""
    for line in maps.splitlines():
        addresses, permissions, _, _, _, *name = line.split(maxsplit=5)
        if permissions != "rw-p" or name not in ([], ["[heap]"]):
            continue
        first, last = (int(address, 16) for address in addresses.split("-"))
        begin, end = -(-first // PAGE) * PAGE, last // PAGE * PAGE
        if last - first >= REGION_MIN:
            yield begin, end


def _are_given() -> bool:
    try:
        return sys.platform == "linux" and "[never]" not in _ENABLED.read_text("ascii")
    except OSError:
        return False
