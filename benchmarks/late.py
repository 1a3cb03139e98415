"""Late events: what one costs the detector's core, in CPU.

`python -m benchmarks.late [--events N]`. The shipped rulebook, 2,000 accounts with two days behind them. An event is late if its
timestamp lies anywhere within the 24 hours before it arrives; no event is read from a log or written to a database. Each share
of late events begins with the same accounts, and the figure is the median of three runs. What a late event costs is the rise
over the run in order, divided by the share.
"""

import argparse
import random
import statistics
import time

import msgspec

from benchmarks.measure import report
from contracts.messages import EVENTS, EventType, Place, UsageEvent
from detector.core.account import Account
from detector.core.judge import process
from detector.core.rulebook.compile import compile_rulebook
from detector.core.rulebook.parse import parse
from detector.core.rulebook.program import Program
from detector.rulebooks import bases, trial

SHARES = (0.0, 0.01, 0.1, 0.5)
RUNS = 3
ACCOUNTS = 2_000
PAST_EVENTS = 50
"""Of each account, over the two days before."""
DAY_MS = 86_400_000
SPAN_MS = 3_600_000
"""The measured events arrive within an hour."""
NOW = 1_780_000_000_000
PROJECT = "acme-mail"
NAMES = [
    "Contact Count Changed",
    "Email Sent",
    "Automation Opened",
    "Campaign Sent",
    "Signed Up",
    "Contacts Imported",
    *(f"Page {n} Viewed" for n in range(14)),
]


def usage_event(n: int, dice: random.Random, at: int, received_at: int) -> UsageEvent:
    account = f"account-{n % ACCOUNTS}"
    track: EventType = "track"
    return UsageEvent(
        project=PROJECT,
        id=f"message-{n:012}",
        type=track,
        name=dice.choice(NAMES),
        account=account,
        person=f"{account}-person-{dice.randrange(8)}",
        timestamp=at,
        received_at=received_at,
        original_timestamp=at,
        properties=msgspec.Raw(msgspec.json.encode({"total": dice.randrange(450)})),
    )


def place(offset: int, time_ms: int) -> Place:
    return Place(topic=EVENTS, partition=0, offset=offset, time=time_ms)


def run(program: Program, share: float, events: int, seed: int) -> tuple[float, float, int]:
    """(CPU µs an event, of a late one, lead events made)."""
    dice = random.Random(seed)
    accounts = {f"account-{n}": Account.new(PROJECT, f"account-{n}") for n in range(ACCOUNTS)}
    past = ACCOUNTS * PAST_EVENTS
    for n in range(past):
        event = usage_event(n, dice, at := NOW - 2 * DAY_MS + 2 * DAY_MS * n // past, at)
        process(program, accounts[event.account or ""], event, place(n, at))
    arriving = []
    for n in range(past, past + events):
        received = NOW + SPAN_MS * (n - past) // events
        at = received - dice.randrange(DAY_MS) if dice.random() < share else received
        event = usage_event(n, dice, at, received)
        arriving.append((accounts[event.account or ""], event, place(n, received)))
    made = took = late_took = late = 0
    for account, event, where in arriving:
        began = time.process_time_ns()
        made += len(process(program, account, event, where))
        took += (this := time.process_time_ns() - began)
        if event.timestamp < event.received_at:
            late += 1
            late_took += this
    return took / events / 1000, late_took / max(late, 1) / 1000, made


def measure(events: int) -> list[tuple[str, str]]:
    program = compile_rulebook(parse(trial(), bases()).rulebook, 1)
    found: dict[float, list[tuple[float, float, int]]] = {share: [] for share in SHARES}
    for seed in range(RUNS):
        for share in SHARES:  # in turn, so that what else the machine does falls on all alike
            found[share].append(run(program, share, events, seed))
    in_order = statistics.median(cost for cost, _, _ in found[0.0])
    rows = [("events", f"{events:,} of {ACCOUNTS:,} accounts that have {PAST_EVENTS} each behind them; {RUNS} runs")]
    for share, runs in found.items():
        costs, of_late, made = zip(*runs, strict=True)
        cost, late = statistics.median(costs), statistics.median(of_late)
        text = f"{cost:.1f} µs an event ({min(costs):.1f} to {max(costs):.1f}), {cost / in_order:.2f} × in order"
        text += f"; a late one {late:.0f} µs, {late / in_order:.1f} ×" if share else ""
        rows.append((f"{share:.0%} late", f"{text}; {made[0]:,} lead events"))
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=100_000)
    report("Late events", measure(parser.parse_args().events))


if __name__ == "__main__":
    main()
