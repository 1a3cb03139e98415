"""All figures that have a goal, into the tables of docs/performance.md: `python -m benchmarks [--long] [--smoke] [FIGURE …]`.

`make bench` writes the first table; `make bench-long` (`--long`) the second, with what takes longer: many accounts, and all
peers. A figure that fails says so in its row; the others go on, and the exit code is 1. `--smoke` runs everything once over few
events, to see that it works, and prints the table instead.
"""

import argparse
import signal
import sys
import time
import traceback
from datetime import UTC, datetime

from benchmarks.figures import LONG, SHORT, Effort
from benchmarks.measure import machine
from benchmarks.peers.engines import ENGINES, NOBODY_DOES
from benchmarks.servers import versions
from benchmarks.table import Failed, Row, put_into_page, table

SMOKE = Effort(
    runs=1,
    warm_up=100_000,
    events=600_000,
    peer_events=300_000,
    hop_events=100_000,
    steady_s=0.0,
    ingest_s=0.5,
    leads=20,
    rest_s=2.0,
)

LONG_EFFORT = Effort(runs=3, peer_events=3_000_000)
"""The fastest peer, 200,000 events/s, is then measured for ten seconds too; three runs, for there is much to run."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="FIGURE", help="; ".join([*SHORT, *LONG]))
    parser.add_argument("--long", action="store_true")
    parser.add_argument("--smoke", action="store_true")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # what was started ends too
    figures = LONG if arguments.long else SHORT
    effort = SMOKE if arguments.smoke else LONG_EFFORT if arguments.long else Effort()
    rows: list[Row | Failed] = []
    began = time.monotonic()
    for name, figure in figures.items():
        if arguments.names and name not in arguments.names:
            continue
        started = time.monotonic()
        try:
            rows += (found := figure(effort))
            print("\n".join(row.line() for row in found))
        except Exception as error:  # whatever it is, the other figures go on
            traceback.print_exc()
            rows.append(Failed(name, f"{type(error).__name__}: {error}"))
        print(f"{name}: {time.monotonic() - started:.0f} s\n", flush=True)
    command = f"make bench{'-long' if arguments.long else ''}"
    text = f"{_about(command, time.monotonic() - began)}\n\n{table(rows)}"
    if arguments.smoke or arguments.names:
        print(text)
    else:
        put_into_page(command, text)
    return int(any(isinstance(row, Failed) for row in rows))


def _about(command: str, took_s: float) -> str:
    peers = "\n".join(f"- {peer.title}: {peer.promises}; {peer.lacks}." for peer in ENGINES.values())
    return (
        f"`{command}`, {datetime.now(UTC):%Y-%m-%d}, {took_s / 60:.0f} minutes. {machine()}; {versions()}.\n\n"
        f"What the peers promise, and what they do not do (beside that, {NOBODY_DOES}):\n\n{peers}"
    )


if __name__ == "__main__":
    sys.exit(main())
