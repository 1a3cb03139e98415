"""The same worker over Apache Kafka: from a frame to a lead event, in two hops, through a restart."""

import uuid
from pathlib import Path
from typing import Any

from contracts.messages import UNATTRIBUTED
from detector.store import DetectorStore
from eventlog.log_kafka import KafkaLog
from tests.detector.shell.samples import usage_event
from tests.detector.shell.world import World

TURNS_MAX = 60


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
