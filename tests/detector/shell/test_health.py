"""Health is judged from the database and the log's ends, by another process than the detector's."""

import pytest
from prometheus_client import REGISTRY

from contracts.codec import encode_event, encode_frames
from contracts.messages import DeadLetter, RecordKind
from detector.changes import Changes, Move
from detector.health import HealthReporter
from detector.store import letters
from eventlog.port import Entry, TopicPartition
from tests.detector.shell.samples import HOUR, MINUTE, usage_event
from tests.detector.shell.world import World


def ends(world: World) -> dict[TopicPartition, int]:
    consumer = world.log.consumer(("events", "unattributed", "dead-letters"))
    found = dict(consumer.end_offsets())
    consumer.close()
    return found


def test_a_detector_that_keeps_up_is_ok(world: World) -> None:
    world.send(usage_event("m1", person="ada"), topic="unattributed")
    world.drain()
    world.now += 400

    report = HealthReporter(world.store).report(ends(world), world.now)

    assert report["status"] == "ok"
    assert report["partitions"] == {"owned": 3, "total": 3, "owners": {"worker 1": 3}}
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


def test_of_two_detectors_the_one_that_stands_still_is_named_though_the_other_commits(world: World) -> None:
    world.drain()
    reporter = HealthReporter(world.store)
    world.send(usage_event("m1", account="acme"))
    waiting = ends(world)
    reporter.report(waiting, world.now)
    world.now += 3 * MINUTE
    checkpoint = world.store.checkpoints.acquire(TopicPartition("dead-letters", 0), "worker 2", 0, world.now)
    move = Move(TopicPartition("dead-letters", 0), checkpoint.version, checkpoint.next_offset, world.now)
    world.store.commit(Changes(moves=[move]), world.now)

    report = reporter.report(waiting, world.now)

    (problem,) = report["problems"]
    assert (report["status"], report["commit_age_s"]) == ("down", 0.0)
    assert (problem["code"], "in events/0, which worker 1 had last" in problem["what"]) == ("detector_stalled", True)


def test_partitions_that_were_added_are_told_and_do_no_harm(world: World) -> None:
    world.drain()

    report = HealthReporter(world.store).report({**ends(world), TopicPartition("events", 1): 7}, world.now)

    assert (report["status"], report["partitions"]["total"], report["lag_events"]) == ("degraded", 3, 0)
    assert [problem["code"] for problem in report["problems"]] == ["partitions_added"]
    assert "(events/1)" in report["problems"][0]["what"]


def test_more_dead_letters_than_a_day_keeps_are_a_problem_that_names_the_project(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(letters, "DAY_BYTES_MAX", 1000)
    dead = [DeadLetter(id=f"dead_{n}", project="mail", received_at=world.now, code="no_type", message="…") for n in range(2)]
    before = REGISTRY.get_sample_value("handraiser_detector_dead_letters_beyond_limit_total") or 0
    world.producer.append(
        [
            Entry("dead-letters", 0, frame)
            for frame in encode_frames(RecordKind.DEAD_LETTERS, [encode_event(each) for each in dead])
        ],
        5,
    )
    world.drain()

    report = HealthReporter(world.store).report(ends(world), world.now)

    assert (report["status"], [problem["code"] for problem in report["problems"]]) == ("degraded", ["dead_letters_full"])
    assert "(mail)" in report["problems"][0]["what"]
    assert REGISTRY.get_sample_value("handraiser_detector_dead_letters_beyond_limit_total") == before + 1
