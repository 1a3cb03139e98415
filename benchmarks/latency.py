"""POST to verified webhook, embedded, with 1,000 events/s in the background: p50 and p99.

`python -m benchmarks.latency [--leads N]`. Each probe is one event that makes a lead of an account of its own; its time runs from
before the POST until the receiver has verified the signature.
"""

import argparse
import threading
import time

from benchmarks.ingest import body
from benchmarks.measure import percentile, report
from benchmarks.servers import place
from detector.rulebooks import trial
from tests.journey.product import Product
from tests.journey.receiver import Receiver

BACKGROUND_BATCH = 100
BACKGROUND_EVENTS_PER_S = 1_000


def background(product: Product, key: str, stop: threading.Event, sent: list[int]) -> None:
    """1,000 events a second in batches of 100, on an even beat."""
    n, began = 0, time.monotonic()
    while not stop.is_set():
        product.http.post(f"{product.url('ingest')}/v1/batch", content=body(BACKGROUND_BATCH, n), auth=(key, ""))
        n += 1
        sent[0] = n * BACKGROUND_BATCH
        stop.wait(max(0.0, began + n * BACKGROUND_BATCH / BACKGROUND_EVENTS_PER_S - time.monotonic()))


def probe(product: Product, receiver: Receiver, key: str, n: int) -> float:
    """Milliseconds from the POST of one event to its verified webhook."""
    count = len(receiver.messages)
    event = {
        "type": "track",
        "userId": f"person-{n}",
        "event": "Contact Count Changed",
        "properties": {"total": 487},
        "context": {"groupId": f"probe-{n}"},
        "messageId": f"probe-{n}",
    }
    began = time.monotonic()
    product.send(key, [event])
    assert receiver.wait(lambda r: len(r.messages) > count, 30), "no webhook"
    return (time.monotonic() - began) * 1000


def measure(leads: int) -> list[tuple[str, str]]:
    with place("embedded") as (data, settings):
        product, receiver = Product(data, settings), Receiver()
        product.start()
        key = product.create_project("acme-mail")
        product.apply(trial())
        receiver.secret = product.add_endpoint("acme-mail", receiver.url)
        for n in range(20):
            probe(product, receiver, key, -n - 1)
        stop, sent = threading.Event(), [0]
        thread = threading.Thread(target=background, args=(product, key, stop, sent))
        began = time.monotonic()
        thread.start()
        times = [probe(product, receiver, key, n) for n in range(leads)]
        rate = sent[0] / (time.monotonic() - began)
        stop.set()
        thread.join()
        product.close()
        receiver.close()
        return [
            (
                "POST → verified webhook",
                f"p50 {percentile(times, 0.5):.1f} ms, p99 {percentile(times, 0.99):.1f} ms, {leads} leads",
            ),
            ("background", f"{rate:,.0f} events/s"),
        ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--leads", type=int, default=500)
    report("Latency (embedded)", measure(parser.parse_args().leads))


if __name__ == "__main__":
    main()
