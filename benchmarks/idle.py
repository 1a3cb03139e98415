"""The embedded stack with nothing to do: how long its first start takes, the memory of all its processes, their CPU at rest.

`python -m benchmarks.idle [--seconds N] [--runs N]`. `handraiser up` on an empty folder, until it answers that it is ready.
Memory is what is resident in each process, added up: what they share counts for each of them.
"""

import argparse
import time
from dataclasses import dataclass

from benchmarks.measure import cpu_s, processes, report, resident_mb
from benchmarks.servers import place
from benchmarks.service import running
from tests.journey.product import Product

REST_S = 5.0
SETTLE_S = 2.0
"""After the start, before it counts as at rest."""


@dataclass(frozen=True, slots=True)
class Idle:
    """`cpu`: of one core."""

    start_s: float
    memory_mb: float
    cpu: float
    processes: int

    def __str__(self) -> str:
        memory = f"{self.memory_mb:.0f} MB in {self.processes} processes"
        return f"ready in {self.start_s:.2f} s; {memory}; {self.cpu:.2%} of a core at rest"


def measure(seconds: float) -> Idle:
    with place("embedded") as (data, settings):
        began = time.monotonic()
        with running(Product(data, settings)) as product:
            start_s = time.monotonic() - began
            pid = product.processes["up"].pid
            time.sleep(SETTLE_S)
            before = cpu_s(pid)
            time.sleep(seconds)
            cpu = (cpu_s(pid) - before) / seconds
            return Idle(start_s, resident_mb(pid), cpu, len(processes(pid)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=REST_S)
    parser.add_argument("--runs", type=int, default=1)
    arguments = parser.parse_args()
    report("Idle (embedded)", [("handraiser up", str(measure(arguments.seconds))) for _ in range(arguments.runs)])


if __name__ == "__main__":
    main()
