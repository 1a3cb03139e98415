"""POST to verified webhook with 1,000 events/s in the background: p50 and p99.

`python -m benchmarks.latency [embedded|kafka] [--leads N] [--runs N]`. `handraiser up`, or on Kafka and PostgreSQL each service
by itself; background, client and receiver are on the same cores. Each probe is one event that makes a lead of an account of its
own; its time runs from before the POST until the receiver has verified the signature. Between two probes passes a random while.
"""

import argparse
import asyncio
import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from benchmarks.load import steady
from benchmarks.measure import percentile, report
from benchmarks.servers import KINDS, place
from benchmarks.service import running
from detector.rulebooks import trial
from tests.journey.product import Product
from tests.journey.receiver import Receiver

BATCH = 100
BATCHES_PER_S = 10
LEADS = 100
WARM_LEADS = 20
PAUSE_MAX_S = 0.03
WEBHOOK_WITHIN_S = 30
ROOMY = """
noise:
  account:  {leads: 1000000, per: 14d}
  person:   {leads: 1000000, per: 90d}
  endpoint: {leads: 1000000, per: 1d}
  brake:    {leads: 1000000, times: 5}
"""
"""Caps on noise decide of each lead, and hold none back."""


@dataclass(slots=True)
class Stack:
    """A running product whose webhooks we receive, and what is sent to it in the background."""

    product: Product
    receiver: Receiver
    key: str
    background: subprocess.Popen[bytes]
    dice: random.Random = field(default_factory=lambda: random.Random(7))
    probes: int = 0

    def times(self, leads: int) -> list[float]:
        """Milliseconds, one a lead."""
        found = [self._probe() for _ in range(leads)]
        assert self.background.poll() is None, "the background has ended"
        return found

    def _probe(self) -> float:
        time.sleep(self.dice.uniform(0.0, PAUSE_MAX_S))
        self.probes += 1
        count = len(self.receiver.messages)
        event = {
            "type": "track",
            "userId": f"person-{self.probes}",
            "event": "Contact Count Changed",
            "properties": {"total": 487},
            "context": {"groupId": f"probe-{self.probes}"},
            "messageId": f"probe-{self.probes}",
        }
        began = time.monotonic()
        self.product.send(self.key, [event])
        assert self.receiver.wait(lambda r: len(r.messages) > count, WEBHOOK_WITHIN_S), f"no webhook: {self.product.printed()}"
        return (time.monotonic() - began) * 1000


@contextmanager
def stack(kind: str) -> Iterator[Stack]:
    """Warm: WARM_LEADS have come through."""
    receiver = Receiver()
    try:
        with place(kind) as (data, settings), running(Product(data, settings, services=kind == "kafka")) as product:
            key = product.create_project("acme-mail")
            product.apply(trial() + ROOMY)
            receiver.secret = product.add_endpoint("acme-mail", receiver.url, caps=True)
            command = [sys.executable, "-m", "benchmarks.latency", "--background", product.url("ingest")]
            with subprocess.Popen(command, env={**os.environ, "BENCH_KEY": key}) as background:
                try:
                    started = Stack(product, receiver, key, background)
                    started.times(WARM_LEADS)
                    yield started
                finally:
                    background.kill()
    finally:
        receiver.close()


def in_words(times: list[float]) -> str:
    return f"p50 {percentile(times, 0.5):.1f} ms, p99 {percentile(times, 0.99):.1f} ms, {len(times)} leads"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kinds", nargs="*", default=KINDS)
    parser.add_argument("--leads", type=int, default=LEADS)
    parser.add_argument("--runs", type=int, default=1)
    parser.add_argument("--background", metavar="URL", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.background:
        asyncio.run(steady(arguments.background, os.environ["BENCH_KEY"], BATCH, BATCHES_PER_S))
        return
    for kind in arguments.kinds:
        with stack(kind) as started:
            rows = [("POST → verified webhook", in_words(started.times(arguments.leads))) for _ in range(arguments.runs)]
        report(f"Latency ({kind}), {BATCH * BATCHES_PER_S:,} events/s in the background", rows)


if __name__ == "__main__":
    main()
