"""Lead events become deliveries: once each, with the checkpoint, or not at all."""

import json
import re

import pytest
import sqlalchemy as sa

from contracts.codec import encode
from contracts.messages import LEAD_EVENTS, Tick
from eventlog.port import TopicPartition, TopicState
from notifier.core.addresses import policy_for
from notifier.core.matching import Filters
from notifier.core.urls import parse_url
from notifier.health import report
from notifier.intake import Intake
from notifier.store import Checkpoint, CheckpointMovedError, Endpoint, Move, NewDelivery, NotifierStore
from notifier.tables import deliveries, endpoints, notifier_checkpoints
from tests.notifier.conftest import LeadEvents, StandingClock
from tests.notifier.leads import FULL
from tests.notifier.memory_log import KNOWN, ONLY, MemoryConsumer, MemoryLog

TARGET = parse_url("https://hooks.example.com/secret-path", policy_for(production=True))


@pytest.fixture
def log() -> MemoryConsumer:
    return MemoryConsumer()


@pytest.fixture
def intake(log: MemoryConsumer, store: NotifierStore, clock: StandingClock) -> Intake:
    return intake_of(log, store, clock)


def intake_of(consumer: MemoryConsumer, store: NotifierStore, clock: StandingClock) -> Intake:
    return Intake(MemoryLog(), consumer, KNOWN, store, clock)


@pytest.fixture
def crm(store: NotifierStore, clock: StandingClock) -> Endpoint:
    """An endpoint that hears everything."""
    return endpoint(store, clock)


def endpoint(store: NotifierStore, clock: StandingClock, filters: Filters | None = None) -> Endpoint:
    return store.add_endpoint("acme-mail", "crm", TARGET, filters or Filters(), clock())[0]


def opened(store: NotifierStore) -> list[tuple[str, str]]:
    query = sa.select(deliveries.c.endpoint_id, deliveries.c.lead_event_id).order_by(deliveries.c.lead_event_id)
    with store._engine.connect() as tx:
        return [(row.endpoint_id, row.lead_event_id) for row in tx.execute(query)]


def test_each_matching_endpoint_gets_one_delivery(
    log: MemoryConsumer, intake: Intake, store: NotifierStore, crm: Endpoint, lead_event: LeadEvents
) -> None:
    only_xql, _ = store.add_endpoint("acme-mail", "xql", TARGET, Filters(lead_types=("xql",)), crm.created_at)
    log.append(lead_event(1), lead_event(2, data={"lead_type": "xql"}))
    assert intake.run_once(0) == 3
    assert set(opened(store)) == {
        (crm.id, lead_event(1).id),
        (crm.id, lead_event(2).id),
        (only_xql.id, lead_event(2).id),
    }


def test_each_endpoint_gets_its_own_format_and_no_more_of_people_than_it_may(
    log: MemoryConsumer, intake: Intake, store: NotifierStore, clock: StandingClock, lead_event: LeadEvents
) -> None:
    for pii in ("full", "minimal"):
        store.add_endpoint("acme-mail", pii, TARGET, Filters(), clock(), format_="flat", pii=pii)
    log.append(lead_event(1, data=FULL))
    assert intake.run_once(0) == 2
    query = sa.select(endpoints.c.name, deliveries.c.body).join(endpoints, endpoints.c.id == deliveries.c.endpoint_id)
    with store._engine.connect() as tx:
        bodies = {row.name: json.loads(row.body) for row in tx.execute(query)}
    assert {name: body["last_name"] for name, body in bodies.items()} == {"full": "Lo", "minimal": "u_1"}


@pytest.mark.usefixtures("crm")
def test_a_repeated_lead_event_opens_no_second_delivery(
    log: MemoryConsumer, intake: Intake, store: NotifierStore, lead_event: LeadEvents
) -> None:
    log.append(lead_event(1), lead_event(1))
    assert intake.run_once(0) == 1
    log.append(lead_event(1), lead_event(2))
    assert intake.run_once(0) == 1
    assert len(opened(store)) == 2


@pytest.mark.usefixtures("crm")
def test_the_database_itself_refuses_a_second_delivery_of_a_pair(
    log: MemoryConsumer, intake: Intake, engine: sa.Engine, lead_event: LeadEvents
) -> None:
    log.append(lead_event(1))
    intake.run_once(0)
    copy = sa.select(sa.literal("dl_copy"), *[column for column in deliveries.c if column.name != "id"])
    with pytest.raises(sa.exc.IntegrityError), engine.begin() as tx:
        tx.execute(deliveries.insert().from_select([column.name for column in deliveries.c], copy))


def test_a_silent_lead_event_is_taken_in_and_opens_no_delivery(
    log: MemoryConsumer, intake: Intake, store: NotifierStore, crm: Endpoint, lead_event: LeadEvents
) -> None:
    log.append(lead_event(1, notify=False), lead_event(2))
    assert intake.run_once(0) == 1
    assert opened(store) == [(crm.id, lead_event(2).id)]
    assert store.checkpoints(LEAD_EVENTS)[0].next_offset == 2


def test_an_endpoint_made_later_hears_only_of_what_came_after_it(
    log: MemoryConsumer, intake: Intake, store: NotifierStore, clock: StandingClock, lead_event: LeadEvents
) -> None:
    log.append(lead_event(1))
    clock.pass_(120)
    late = endpoint(store, clock)
    log.append(lead_event(2))
    assert intake.run_once(0) == 1
    assert opened(store) == [(late.id, lead_event(2).id)]


def test_after_a_restart_reading_goes_on_at_the_checkpoint(
    log: MemoryConsumer, intake: Intake, store: NotifierStore, clock: StandingClock, lead_event: LeadEvents
) -> None:
    endpoint(store, clock)
    log.append(lead_event(1))
    assert intake.run_once(0) == 1
    log.append(lead_event(2))
    again = intake_of(log, store, clock)
    assert again.run_once(0) == 1
    assert log.position == 2


def test_of_two_that_read_the_same_records_one_writes_and_the_other_reads_on(
    log: MemoryConsumer, store: NotifierStore, clock: StandingClock, lead_event: LeadEvents
) -> None:
    endpoint(store, clock)
    other = MemoryConsumer()
    first, second = intake_of(log, store, clock), intake_of(other, store, clock)
    first.run_once(0)
    second.run_once(0)
    for consumer in (log, other):
        consumer.append(lead_event(1))
    assert [first.run_once(0), second.run_once(0)] == [1, 0]
    for consumer in (log, other):
        consumer.append(lead_event(2))
    assert [second.run_once(0), first.run_once(0)] == [1, 0]
    assert [lead_id for _, lead_id in opened(store)] == [lead_event(1).id, lead_event(2).id]


@pytest.mark.usefixtures("crm")
def test_when_the_database_fails_nothing_is_skipped(
    log: MemoryConsumer, intake: Intake, engine: sa.Engine, lead_event: LeadEvents
) -> None:
    log.append(lead_event(1))
    with engine.begin() as tx:
        tx.execute(sa.text("ALTER TABLE deliveries RENAME TO away"))
    with pytest.raises(sa.exc.DBAPIError):
        intake.run_once(0)
    with engine.begin() as tx:
        tx.execute(sa.text("ALTER TABLE away RENAME TO deliveries"))
    assert intake.run_once(0) == 1


@pytest.mark.parametrize("stored", [0, 99])
def test_a_checkpoint_outside_the_log_stops_and_says_so(
    log: MemoryConsumer, intake: Intake, engine: sa.Engine, lead_event: LeadEvents, stored: int
) -> None:
    log.append(*(lead_event(number) for number in range(1, 6)))
    log.begin = 3
    with engine.begin() as tx:
        tx.execute(notifier_checkpoints.insert().values(topic="lead-events", partition=0, next_offset=stored, version=7))
    assert intake.run_once(0) == 0
    assert re.search(rf"offset {stored}, which the log does not hold .*3 to 5.*notifier_checkpoints", intake.halted or "")


def test_without_a_checkpoint_reading_begins_at_the_earliest_record(
    log: MemoryConsumer, intake: Intake, store: NotifierStore, clock: StandingClock, lead_event: LeadEvents
) -> None:
    endpoint(store, clock)
    log.append(*(lead_event(number) for number in range(1, 6)))
    log.begin = 3
    assert intake.run_once(0) == 2


@pytest.mark.parametrize(("value", "says"), [(b"\x02l{}", "schema"), (encode(Tick(at=1)), "Tick")])
@pytest.mark.usefixtures("crm")
def test_a_record_that_is_no_lead_event_is_not_skipped(
    log: MemoryConsumer,
    intake: Intake,
    lead_event: LeadEvents,
    value: bytes,
    says: str,
) -> None:
    log.append(lead_event(1))
    log.values.append(value)
    log.append(lead_event(2))
    assert [intake.run_once(0) for _ in range(2)] == [1, 0]
    assert re.search(rf"lead-events\[0\] offset 1 .*{says}", intake.halted or "")
    assert log.shown == {ONLY: 1}


def test_a_defect_of_ours_ends_in_health_and_not_in_silence(log: MemoryConsumer, intake: Intake, lead_event: LeadEvents) -> None:
    log.append(lead_event(1))
    del log.values  # whatever a defect may be
    intake.run(lambda: None)
    assert intake.halted is not None
    assert "AttributeError" in intake.halted


def test_a_pool_without_a_free_connection_is_waited_for(
    log: MemoryConsumer, intake: Intake, lead_event: LeadEvents, store: NotifierStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    log.append(lead_event(1))
    tried: list[object] = []

    def no_connection(*arguments: object) -> int:
        tried.append(arguments)
        intake.stop()
        raise sa.exc.TimeoutError("QueuePool limit reached")

    monkeypatch.setattr(store, "take_in", no_connection)
    intake.run(lambda: None)
    assert len(tried) == 1
    assert intake.halted is None


def test_stop_wakes_the_poll(log: MemoryConsumer, intake: Intake) -> None:
    intake.stop()
    intake.run(lambda: None)
    assert log.woken == 1


@pytest.mark.usefixtures("crm")
def test_when_the_group_is_shared_out_anew_reading_begins_at_the_stored_checkpoint(
    log: MemoryConsumer, intake: Intake, store: NotifierStore, clock: StandingClock, lead_event: LeadEvents
) -> None:
    log.append(lead_event(1))
    assert intake.run_once(0) == 1
    log.append(lead_event(2), lead_event(3))
    between = MemoryConsumer()
    between.append(lead_event(1), lead_event(2))
    assert intake_of(between, store, clock).run_once(0) == 1
    log.generation, log.position = 2, None
    assert intake.run_once(0) == 1
    assert [lead_id for _, lead_id in opened(store)] == [lead_event(n).id for n in (1, 2, 3)]
    assert log.shown == {ONLY: 3}


@pytest.mark.usefixtures("crm")
def test_what_stood_still_is_tried_again_when_the_group_is_shared_out_anew(
    log: MemoryConsumer, intake: Intake, lead_event: LeadEvents
) -> None:
    log.values.append(encode(Tick(at=1)))
    assert intake.run_once(0) == 0
    assert intake.halted is not None
    log.values[0] = encode(lead_event(1))
    log.generation = 2
    assert intake.run_once(0) == 1
    assert intake.halted is None


@pytest.mark.usefixtures("crm")
def test_a_topic_that_was_made_anew_is_not_read_on_and_health_says_why(
    log: MemoryConsumer, store: NotifierStore, clock: StandingClock, lead_event: LeadEvents
) -> None:
    topics = MemoryLog()
    intake = Intake(topics, log, KNOWN, store, clock)
    log.append(*(lead_event(n) for n in range(1, 4)))
    assert intake.run_once(0) == 3
    topics.topic = TopicState(LEAD_EVENTS, 1, "id-2")
    log.append(lead_event(4))  # beyond the checkpoint: of its offset one cannot tell
    log.generation, log.position = 2, None
    assert intake.run_once(0) == 0
    problem, *_ = report(store, log.end_offsets(), clock(), intake.halted)["problems"]
    assert problem["code"] == "intake_halted"
    assert problem["what"].startswith(
        "Lead events of 1 of 1 partitions are not taken in. Topic lead-events was deleted and created"
    )
    assert "runbook" in problem["do"]


@pytest.mark.usefixtures("crm")
def test_health_says_how_many_lead_events_are_not_taken_in_yet(
    log: MemoryConsumer, intake: Intake, store: NotifierStore, lead_event: LeadEvents, clock: StandingClock
) -> None:
    log.append(lead_event(1), lead_event(2))
    assert report(store, log.end_offsets(), clock())["lag_events"] == 2
    intake.run_once(0)
    log.append(lead_event(3))
    assert report(store, log.end_offsets(), clock())["lag_events"] == 1


def test_of_several_partitions_all_are_taken_in_or_none(
    store: NotifierStore, crm: Endpoint, clock: StandingClock, lead_event: LeadEvents
) -> None:
    def take_in(versions: tuple[int, int], number: int) -> int:
        moves = [
            Move(TopicPartition(LEAD_EVENTS, partition), Checkpoint(number, version), number + 1)
            for partition, version in enumerate(versions)
        ]
        return store.take_in(moves, lambda _: [NewDelivery(crm.id, lead_event(number), b"{}")], clock())

    assert take_in((0, 0), 1) == 1
    assert take_in((1, 1), 2) == 1
    for stolen in ((2, 1), (1, 2), (2, 0)):
        with pytest.raises(CheckpointMovedError):
            take_in(stolen, 3)
    assert {partition: at.version for partition, at in store.checkpoints(LEAD_EVENTS).items()} == {0: 2, 1: 2}
    assert len(opened(store)) == 2
