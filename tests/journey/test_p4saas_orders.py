"""A SaaS company's history out of order, doubled and in other batches: the same signals as in order of time.

Through a real worker over a real log and database. Every twentieth customer; with HANDRAISER_SOAK=1 all of them.
"""

import os
import random
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from contracts.messages import UsageEvent
from detector.store import DetectorStore
from detector.tables import metadata
from runtime.database import open_database
from runtime.settings import Settings
from tests.detector.shell.samples import usage_event
from tests.detector.shell.world import World
from tests.journey.p4saas_expected import milliseconds
from tests.journey.p4saas_material import History, account_of, rows, rulebook
from tests.journey.p4saas_signals import Signal, ask_program, signals, signals_told

EVERY = 1 if os.environ.get("HANDRAISER_SOAK") else 20
NOW = int(datetime(2026, 6, 1, 12, tzinfo=UTC).timestamp() * 1000)
"""A month begins in the middle of the history: counters start again."""

Message = dict[str, Any]
Shuffle = Callable[[History], Sequence[Message]]


@pytest.fixture(scope="module")
def history(test_data: Path) -> History:
    return History(test_data / "p4saas", NOW, EVERY)


@pytest.fixture(scope="module")
def want(history: History) -> set[Signal]:
    return signals(ask_program(history.messages, history.settings))


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    engine = open_database(Settings(data=tmp_path), "detector")
    metadata.create_all(engine)
    world = World(tmp_path, DetectorStore(engine))
    yield world
    world.close()
    engine.dispose()


def shuffled(messages: Sequence[Message], seed: int) -> list[Message]:
    return random.Random(seed).sample(messages, len(messages))


def doubled(history: History) -> list[Message]:
    """Each a second time, some at once, some much later, and in no order."""
    at_once = [each for message in history.filed for each in [message] * (1 + (int(message["messageId"][3:]) % 2))]
    return at_once + shuffled(history.messages, 2)


ORDERS: dict[str, tuple[Shuffle, int, int]] = {
    # the order; events in a frame; frames in a batch of the worker, which commits each
    "in order of time": (lambda history: history.messages, 100, 10),
    "as in the files": (lambda history: history.filed, 100, 10),
    "newest first": (lambda history: history.messages[::-1], 100, 10),
    "shuffled": (lambda history: shuffled(history.messages, 1), 100, 10),
    "doubled": (doubled, 100, 10),
    "shuffled, in small batches": (lambda history: shuffled(history.messages, 3), 7, 10),
    "shuffled, in one batch": (lambda history: shuffled(history.messages, 4), 1_000, 1_000_000),
}


@pytest.mark.timeout(900 if EVERY == 1 else 60)
@pytest.mark.parametrize("order", ORDERS)
def test_the_signals_are_those_of_the_calm_order(history: History, want: set[Signal], world: World, order: str) -> None:
    arrange, in_frame, in_batch = ORDERS[order]
    world.now = NOW
    world.apply(rulebook(history.settings))
    world.drain()
    events = [usage(message) for message in arrange(history)]
    for n, start in enumerate(range(0, len(events), in_frame), 1):
        world.send(*events[start : start + in_frame])
        if n % in_batch == 0:
            world.drain()
            if n % (4 * in_batch) == 0:
                world.restart()
    world.drain()
    got = signals_told(world.store, "p4saas", map(account_of, history.messages))
    assert (sorted(got - want)[:5], sorted(want - got)[:5]) == ([], [])


def test_the_file_is_as_much_out_of_order_as_is_said(test_data: Path) -> None:
    before: dict[str, str] = {}
    late = 0
    for row in rows(test_data / "p4saas", "events"):
        late += row["event_timestamp"] < before.get(row["customer_id"], "")
        before[row["customer_id"]] = row["event_timestamp"]
    assert late == 35_444


def test_the_sample_has_signals_of_every_kind(want: set[Signal]) -> None:
    kinds = {(lead_type, rule) for _, lead_type, rule, _, _ in want}
    assert kinds == {(kind, rule) for kind in ("pql", "xql") for rule in ("limit/exports", "limit/invites", "onboarded", "burst")}
    assert {step for _, _, rule, step, _ in want if rule.startswith("limit/")} == {"80%", "100%"}


def usage(message: Message) -> UsageEvent:
    """As ingest makes it: received now, whenever it happened."""
    at = milliseconds(message["timestamp"])
    more = {"traits": message["traits"]} if "traits" in message else {}
    return usage_event(
        message["messageId"],
        message["type"],
        at,
        project="p4saas",
        account=account_of(message),
        person=message["userId"],
        name=message.get("event"),
        received_at=NOW,
        **more,
    )
