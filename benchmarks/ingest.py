"""Ingest: `/v1/batch` of 100 events and of 1, acknowledged after durable.

`python -m benchmarks.ingest [embedded|kafka] [--seconds N] [--runs N]`. The service on one core, the client on others. The bound,
in the same run with the same client: a bare FastAPI application that reads the body and answers.
"""

import argparse
import http.client
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from fastapi import FastAPI, Request

from benchmarks.load import CONNECTIONS, drive
from benchmarks.measure import OTHERS, cpu_s, on, report
from benchmarks.servers import KINDS, place
from benchmarks.service import running, service
from tests.journey.product import Product, free_port, wait_until

SIZES = (100, 1)
SECONDS = 3.0
WARM_S = 1.0
START_WITHIN_S = 30

bare = FastAPI()


@bare.post("/v1/batch")
async def read_and_answer(request: Request) -> dict[str, bool]:
    await request.body()
    return {"success": True}


@dataclass(frozen=True, slots=True)
class Rate:
    """Events per CPU second of the service, and per second."""

    a_core: float
    a_second: float

    def __str__(self) -> str:
        return f"{self.a_core:,.0f} events/s a core; {self.a_second:,.0f} events/s wall"


@dataclass(frozen=True, slots=True)
class Served:
    """A running server of `/v1/batch`."""

    pid: int
    url: str
    key: str

    def rate(self, size: int, seconds: float) -> Rate:
        """With batches of `size`."""
        with on(OTHERS):
            drive(self.url, self.key, size, WARM_S)
            before = cpu_s(self.pid)
            events, wall = drive(self.url, self.key, size, seconds)
            return Rate(events / (cpu_s(self.pid) - before), events / wall)


@contextmanager
def ours(kind: str) -> Iterator[Served]:
    """`handraiser ingest`."""
    with place(kind) as (data, settings):
        with running(Product(data, settings)) as product:
            key = product.create_project("bench")
        arguments = [sys.executable, "-m", "handraiser", "ingest", "--data", str(data)]
        with _served(arguments, data.parent / "ingest.out", product.environment, key) as served:
            yield served


@contextmanager
def bound() -> Iterator[Served]:
    """The bare application under uvicorn, set up as ours is."""
    with place("embedded") as (data, _):
        arguments = [sys.executable, "-m", "uvicorn", "benchmarks.ingest:bare", "--no-access-log", "--log-level", "warning"]
        with _served(arguments, data.parent / "bare.out", dict(os.environ), "") as served:
            yield served


@contextmanager
def _served(arguments: list[str], printed: Path, environment: dict[str, str], key: str) -> Iterator[Served]:
    port = free_port()
    with service([*arguments, "--port", str(port)], printed, environment) as pid:
        wait_until(f"{arguments} answers", lambda: _answers(port), START_WITHIN_S)
        yield Served(pid, f"http://127.0.0.1:{port}", key)


def _answers(port: int) -> bool:
    asked = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        asked.request("GET", "/live")
        asked.getresponse()
    except (OSError, http.client.HTTPException):
        return False
    finally:
        asked.close()
    return True


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kinds", nargs="*", default=KINDS)
    parser.add_argument("--seconds", type=float, default=SECONDS)
    parser.add_argument("--runs", type=int, default=1)
    arguments = parser.parse_args()
    for kind in arguments.kinds:
        rows: list[tuple[str, str]] = []
        with ours(kind) as served, bound() as beside:
            for size in SIZES * arguments.runs:
                found, of = served.rate(size, arguments.seconds), beside.rate(size, arguments.seconds)
                ratio = f"{found.a_core / of.a_core:.1%} of the bound"
                rows += [(f"{size} a request", str(found)), ("  bound: bare FastAPI", str(of)), ("  ratio", ratio)]
        report(f"Ingest, acknowledged after durable ({kind}, {CONNECTIONS} connections)", rows)


if __name__ == "__main__":
    main()
