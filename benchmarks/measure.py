"""What every benchmark needs: CPU and memory of a service's processes, cores to run on, and what machine this is."""

import os
import platform
import statistics
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path

TICKS_PER_S = os.sysconf("SC_CLK_TCK")
PACKAGES = ("kafka-python", "msgspec", "sqlalchemy", "uvicorn", "fastapi")


def processes(pid: int) -> list[int]:
    """`pid` and all processes that come from it."""
    found = [pid]
    for parent in found:
        for task in Path(f"/proc/{parent}/task").glob("*/children"):
            found += map(int, task.read_text().split())
    return found


def cpu_s(pid: int) -> float:
    """CPU seconds (user + system) that process `pid` and those that come from it have used, ended ones too."""
    return sum(_cpu_s(each) for each in processes(pid))


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11:15])) / TICKS_PER_S


def resident_mb(pid: int, *, peak: bool = False) -> float:
    """Of process `pid` and those that come from it, MB (2^20 bytes). What they share counts for each of them."""
    name = "VmHWM" if peak else "VmRSS"
    lines = [line for each in processes(pid) for line in Path(f"/proc/{each}/status").read_text().splitlines()]
    return sum(int(line.split()[1]) for line in lines if line.startswith(name)) / 1024


def cores() -> tuple[set[int], set[int]]:
    """(for what is measured: one; for brokers, databases and clients: the others, or the same where there is only one)."""
    everyone = sorted(os.sched_getaffinity(0))
    return {everyone[-1]}, set(everyone[:-1]) or set(everyone)


MEASURED, OTHERS = cores()


@contextmanager
def on(where: set[int]) -> Iterator[None]:
    """Processes that this thread starts meanwhile run on these cores."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, where)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def machine() -> str:
    """One line that says where and with what a figure was measured."""
    cpu = "unknown CPU"
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            cpu = line.partition(":")[2].strip()
            break
    packages = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    return f"{cpu}, {os.cpu_count()} cores, Python {platform.python_version()}, {packages}"


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that `share` of all do not exceed."""
    return statistics.quantiles(values, n=1000, method="inclusive")[round(share * 1000) - 1]


def report(title: str, rows: Sequence[tuple[str, str]]) -> None:
    width = max(len(name) for name, _ in rows)
    print(f"\n{title}\n  {machine()}\n  {' '.join(sys.argv)}")
    for name, value in rows:
        print(f"  {name:<{width}}  {value}", flush=True)
