"""Ingest: `/v1/batch` of 100 events and of 1, acknowledged after durable, embedded log.

`python -m benchmarks.ingest [--seconds N]`. The bound, in the same run with the same client: a bare FastAPI application that
reads the body and answers.
"""

import argparse
import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
from fastapi import FastAPI, Request

from benchmarks.measure import cpu_s, report
from benchmarks.servers import place
from tests.journey.product import Product, free_port, wait_until

CONNECTIONS = 32

bare = FastAPI()


@bare.post("/v1/batch")
async def read_and_answer(request: Request) -> dict[str, bool]:
    await request.body()
    return {"success": True}


def body(size: int, n: int) -> bytes:
    events = [
        {
            "type": "track",
            "messageId": f"m-{n}-{k}",
            "userId": f"user-{k % 50}",
            "event": "Contact Count Changed",
            "timestamp": "2026-01-01T00:00:00.000Z",
            "properties": {"total": k, "source": "web", "campaign": "spring"},
            "context": {"groupId": f"account-{(n * 7 + k) % 5000}", "library": {"name": "analytics-python", "version": "2.2.3"}},
        }
        for k in range(size)
    ]
    return json.dumps({"batch": events, "sentAt": "2026-01-01T00:00:00.000Z"}).encode()


async def load(url: str, key: str, size: int, seconds: float) -> tuple[int, float]:
    """(events acknowledged, wall seconds) of CONNECTIONS clients that each wait for their answer."""
    acknowledged, end = 0, time.monotonic() + seconds
    bodies = [body(size, n) for n in range(256)]

    async def client(number: int) -> None:
        nonlocal acknowledged
        async with httpx.AsyncClient(base_url=url, auth=(key, ""), timeout=30) as http:
            n = number
            while time.monotonic() < end:
                answer = await http.post("/v1/batch", content=bodies[n % 256])
                assert answer.status_code == 200, answer.text
                acknowledged += size
                n += 1

    began = time.monotonic()
    await asyncio.gather(*(client(number) for number in range(CONNECTIONS)))
    return acknowledged, time.monotonic() - began


@contextmanager
def process(command: list[str], environment: dict[str, str], url: str) -> Iterator[subprocess.Popen[bytes]]:
    running = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_until(f"{command} answers", lambda: answers(url), 30)
        yield running
    finally:
        running.terminate()
        running.wait()


def answers(url: str) -> bool:
    try:
        httpx.get(f"{url}/live")
    except httpx.TransportError:
        return False
    return True


def drive(pid: int, url: str, key: str, size: int, seconds: float) -> tuple[float, float]:
    """(events/s a core of process `pid`, events/s wall)."""
    asyncio.run(load(url, key, size, 1.0))  # warm
    before = cpu_s(pid)
    events, wall = asyncio.run(load(url, key, size, seconds))
    return events / (cpu_s(pid) - before), events / wall


def measure(seconds: float) -> list[tuple[str, str]]:
    rows: list[tuple[str, str]] = []
    with place("embedded") as (data, settings):
        product = Product(data, settings)
        product.start()
        key = product.create_project("bench")
        product.stop()
        ours, theirs = free_port(), free_port()
        ours_command = [sys.executable, "-m", "handraiser", "ingest", "--data", str(data), "--port", str(ours)]
        bare_command = [sys.executable, "-m", "uvicorn", "benchmarks.ingest:bare", "--port", str(theirs), "--no-access-log"]
        with (
            process(ours_command, product.environment, f"http://127.0.0.1:{ours}") as service,
            process([*bare_command, "--log-level", "warning"], product.environment, f"http://127.0.0.1:{theirs}") as bound,
        ):
            for size in (100, 1):
                core, wall = drive(service.pid, f"http://127.0.0.1:{ours}", key, size, seconds)
                bare_core, bare_wall = drive(bound.pid, f"http://127.0.0.1:{theirs}", key, size, seconds)
                rows += [
                    (f"{size} a request", f"{core:,.0f} events/s a core; {wall:,.0f} events/s wall, {CONNECTIONS} connections"),
                    ("  bound: bare FastAPI", f"{bare_core:,.0f} events/s a core; {bare_wall:,.0f} events/s wall"),
                    ("  ratio", f"{core / bare_core:.1%} of the bound"),
                ]
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=10.0)
    report("Ingest, acknowledged after durable (embedded log)", measure(parser.parse_args().seconds))


if __name__ == "__main__":
    assert Path("pyproject.toml").exists(), "run it from the project's folder"
    main()
