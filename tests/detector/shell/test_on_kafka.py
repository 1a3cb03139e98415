"""The same worker over Apache Kafka: from a frame to a lead event, in two hops, through a restart."""

import time
import uuid
from pathlib import Path
from typing import Any

import pytest

from contracts.messages import UNATTRIBUTED
from detector import backfilling
from detector.store import DetectorStore
from detector.store.audit import Scope
from detector.verify import verify
from eventlog.log_kafka import KafkaLog
from tests.detector.shell.samples import usage_event
from tests.detector.shell.world import RULEBOOK, World

TURNS_MAX = 60
OPENED = """
measures:
  opened: {count: Opened, window: 7d}
rules:
  keen: {lead: pql, when: [opened >= 3], on_enable: {backfill: 1d}, say: "{opened} opened"}
"""


def turn_until_sent(world: World, number: int) -> None:
    """A turn waits for records; the broker answers when it answers."""
    for _ in range(TURNS_MAX):
        world.worker.run_once(0.2)
        if len(world.sent()) == number:
            return


def test_an_event_without_account_becomes_a_lead_over_kafka(tmp_path: Path, calm_store: DetectorStore, kafka: str) -> None:
    world = World(tmp_path, calm_store, KafkaLog(kafka, f"t{uuid.uuid4().hex[:8]}."))
    world.apply()
    counted: dict[str, Any] = {"name": "Contact Count Changed", "person": "ada"}
    world.arrive(
        usage_event("g1", "group", person="ada", account="acme"), usage_event("m1", properties={"total": 410}, **counted)
    )
    turn_until_sent(world, 1)
    assert world.leads() == [("acme", "pql", "open")]

    world.restart()
    world.send(usage_event("m2", properties={"total": 500}, **counted), topic=UNATTRIBUTED)
    turn_until_sent(world, 2)

    assert [event.data["revision"] for event in world.sent()] == [1, 2]
    assert world.halted() == []
    world.close()


def test_the_log_is_read_again_for_a_rulebook_over_kafka_through_restarts(
    tmp_path: Path, calm_store: DetectorStore, kafka: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backfilling, "NEAR_RECORDS", 0)
    world = World(tmp_path, calm_store, KafkaLog(kafka, f"t{uuid.uuid4().hex[:8]}."))
    world.apply()
    now = round(time.time() * 1000)
    for n in range(30):
        world.send(usage_event(f"m{n}", name="Opened", account=f"acc-{n % 10}", at=now, received_at=now))
    world.apply(RULEBOOK + OPENED)
    for n in range(TURNS_MAX):
        world.worker.run_once(0.2)
        if n % 5 == 4 and n < 15:
            world.restart()
        if len(world.sent()) == 10:
            break
    signals = [(each.account, [of["rule"] for of in each.data["signals"]]) for each in world.sent()]
    assert sorted(signals) == [(f"acc-{n}", ["keen"]) for n in range(10)]
    assert world.store.backfills.all() == {}
    assert verify(world.log, world.store, Scope(), lambda _: None).differences == []
    assert world.halted() == []
    world.close()
