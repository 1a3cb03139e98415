"""Health is judged from the database and the log's ends, by another process than the detector's."""

from detector.health import HealthReporter
from eventlog.port import Entry, TopicPartition
from tests.detector.shell.samples import HOUR, MINUTE, usage_event
from tests.detector.shell.world import World


def ends(world: World) -> dict[TopicPartition, int]:
    consumer = world.log.consumer(("events", "unattributed", "dead-letters"), "health")
    found = dict(consumer.end_offsets())
    consumer.close()
    return found


def test_a_detector_that_keeps_up_is_ok(world: World) -> None:
    world.send(usage_event("m1", person="ada"), topic="unattributed")
    world.drain()
    world.now += 400

    report = HealthReporter(world.store).report(ends(world), world.now)

    assert report["status"] == "ok"
    assert report["partitions"] == {"owned": 3, "total": 3}
    assert (report["lag_events"], report["lag_s"], report["commit_age_s"], report["halted"]) == (0, 0.0, 0.4, None)
    assert (report["held"], report["outbox_oldest_s"], report["rulebooks"]) == (1, 0, {"mail": {"version": 1}})


def test_the_first_event_after_an_idle_hour_is_no_lag_of_an_hour(world: World) -> None:
    world.drain()
    reporter = HealthReporter(world.store)
    reporter.report(ends(world), world.now)
    world.now += HOUR
    world.send(usage_event("m1", account="acme"))

    report = reporter.report(ends(world), world.now)

    assert (report["status"], report["lag_events"], report["lag_s"]) == ("ok", 1, 0.0)


def test_a_detector_that_stands_still_while_records_wait_is_down(world: World) -> None:
    world.drain()
    reporter = HealthReporter(world.store)
    world.send(usage_event("m1", account="acme"))
    assert reporter.report(ends(world), world.now)["status"] == "ok"

    report = reporter.report(ends(world), world.now + 3 * MINUTE)

    assert (report["status"], report["lag_s"]) == ("down", 180.0)
    assert [problem["code"] for problem in report["problems"]] == ["detector_stalled"]
    world.drain()
    assert reporter.report(ends(world), world.now)["status"] == "ok"


def test_a_halted_partition_is_named_with_its_reason(world: World) -> None:
    world.switch("mail", 9)
    world.drain()

    report = HealthReporter(world.store).report(ends(world), world.now)

    assert report["status"] == "down"
    assert "version 9 of the rulebook of mail" in report["halted"]["events/0"]
    assert report["problems"][0]["code"] == "detector_halted"
    assert report["problems"][0]["since"] == "2026-05-28T20:26:40.000Z"


def test_a_halt_is_as_old_as_its_own_partitions_last_commit(world: World) -> None:
    world.switch("mail", 9)
    world.drain()
    world.now += HOUR
    world.producer.append([Entry("dead-letters", 0, b"\xff")], 5)
    world.drain()

    report = HealthReporter(world.store).report(ends(world), world.now)

    assert {problem["since"] for problem in report["problems"]} == {"2026-05-28T20:26:40.000Z"}
