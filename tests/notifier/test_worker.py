"""From lead event to verified webhook, over a real database and real sockets, on a clock that only moves when told."""

import asyncio
import contextlib
import logging
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest
import sqlalchemy as sa
from standardwebhooks import Webhook

from notifier import health
from notifier.core.answers import Answer, ErrorKind
from notifier.core.delivery import TRY_DELAYS_S, Settled, Status
from notifier.core.formats import FORMATS
from notifier.core.matching import Filters
from notifier.core.urls import parse_url
from notifier.intake import Intake
from notifier.sender import Sender
from notifier.store import NotifierStore
from notifier.store_claiming import LEASE_MS
from notifier.store_due import Flight
from notifier.store_settling import Ended, Moved
from notifier.worker import SEND_WITHIN_MS, Notifier
from tests.notifier import receiver as moods
from tests.notifier.bench import DEVELOPMENT, Bench
from tests.notifier.conftest import LeadEvents, StandingClock
from tests.notifier.leads import FULL
from tests.notifier.memory_log import KNOWN, MemoryConsumer, MemoryLog
from tests.notifier.receiver import in_turn, receiving, says


async def test_a_lead_event_arrives_once_as_a_verified_webhook(bench: Bench, lead_event: LeadEvents) -> None:
    endpoint, secret = bench.endpoint()
    assert await bench.deliver(lead_event()) == 1
    assert await bench.notifier.run_once() == 0
    (got,) = bench.receiver.received
    payload = got.verified(secret)
    assert payload["id"] == got.headers["webhook-id"] == lead_event().id
    assert payload["data"]["summary"] == "487 of 500 contacts"
    assert bench.delivery().status == Status.DELIVERED
    assert bench.delivery().body == got.body
    (attempt,) = bench.attempts()
    assert (attempt.outcome, attempt.status, attempt.address, attempt.number) == ("delivered", 200, "127.0.0.1", 1)
    assert attempt.body == b"ok"
    ((told, name, outcome),) = bench.told
    assert (told, name, outcome.state, outcome.status) == (payload, "crm", "delivered", 200)
    after = bench.store.endpoint(endpoint.id)
    assert after is not None
    assert after.last_success_at == bench.clock.now


async def test_the_attempt_is_on_record_before_any_byte_leaves(bench: Bench, lead_event: LeadEvents) -> None:
    seen: list[tuple[str, str]] = []

    async def look(writer: asyncio.StreamWriter) -> None:
        seen.append((bench.attempts()[0].outcome, bench.delivery().status))
        await moods.answer(writer, 200)

    bench.receiver.behave = look
    bench.endpoint()
    await bench.deliver(lead_event())
    assert seen == [("unknown", "sending")]


async def test_the_tries_go_on_through_75_hours_and_then_the_delivery_is_dead(bench: Bench, lead_event: LeadEvents) -> None:
    bench.endpoint()
    bench.receiver.behave = says(500)
    begun, made = bench.clock.now, [0]
    await bench.deliver(lead_event())
    while (delivery := bench.delivery()).status == Status.WAITING:
        bench.clock.now = delivery.due_at - 1
        assert await bench.notifier.run_once() == 0
        bench.clock.now = delivery.due_at
        assert await bench.notifier.run_once() == 1
        made.append((bench.clock.now - begun) // 1000)
    assert [after - before for before, after in zip([0, *made], made, strict=False)] == list(TRY_DELAYS_S)
    assert (delivery.status, delivery.tries, delivery.last_error) == (Status.DEAD, 11, "http_status")
    assert made[-1] >= 75 * 3600
    assert len({each.headers["webhook-id"] for each in bench.receiver.received}) == 1
    assert len({each.body for each in bench.receiver.received}) == 1
    timestamps = [int(each.headers["webhook-timestamp"]) for each in bench.receiver.received]
    assert timestamps == [begun // 1000 + 0 + int((begun % 1000) / 1000 + seconds) for seconds in made]
    report = health.report(bench.store, {}, bench.clock.now)
    assert (report["dead_24h"], report["pending"]) == (1, 0)


@pytest.mark.parametrize("format_", FORMATS)
async def test_what_is_stored_is_what_is_signed_and_sent_in_each_try_with_the_time_of_that_try(
    format_: str, bench: Bench, lead_event: LeadEvents
) -> None:
    _, secret = bench.endpoint(format_=format_)
    bench.receiver.behave = in_turn(says(500), says(500), says(200))
    times = [bench.clock.now // 1000]
    await bench.deliver(lead_event(data=FULL))
    stored = bench.delivery().body
    while bench.delivery().status == Status.WAITING:
        bench.clock.now = bench.delivery().due_at
        times.append(bench.clock.now // 1000)
        await bench.notifier.run_once()
    got = bench.receiver.received
    assert len(got) == 3
    assert {each.body for each in got} == {stored}
    assert {each.headers["webhook-id"] for each in got} == {lead_event().id}
    assert [int(each.headers["webhook-timestamp"]) for each in got] == times == sorted(set(times))
    signed = [Webhook(secret).sign(lead_event().id, datetime.fromtimestamp(at, UTC), stored.decode()) for at in times]
    assert [each.headers["webhook-signature"] for each in got] == signed


async def test_a_receiver_that_comes_back_after_74_hours_gets_its_lead(bench: Bench, lead_event: LeadEvents) -> None:
    bench.endpoint()
    bench.receiver.behave = says(503)
    begun = bench.clock.now
    await bench.deliver(lead_event())
    while bench.clock.now - begun < 74 * 3600 * 1000:
        await bench.notifier.run_once()
        bench.clock.now = bench.delivery().due_at
    bench.receiver.behave = says(200)
    await bench.notifier.run_once()
    assert bench.delivery().status == Status.DELIVERED
    assert bench.receiver.received[-1].headers["webhook-id"] == lead_event().id


async def test_retry_after_pauses_the_whole_endpoint_and_spends_no_try(bench: Bench, lead_event: LeadEvents) -> None:
    bench.endpoint()
    bench.receiver.behave = in_turn(says(429, retry_after="3600"), says(200))
    await bench.deliver(lead_event(1))
    assert (bench.delivery().tries, bench.delivery().status) == (0, Status.WAITING)
    bench.clock.pass_(3599)
    assert await bench.deliver(lead_event(2)) == 0
    bench.clock.pass_(1)
    assert [await bench.notifier.run_once() for _ in range(3)] == [1, 1, 0]
    assert bench.statuses() == ["delivered", "delivered"]


async def test_410_disables_the_endpoint_and_holds_what_waits_until_it_is_enabled(bench: Bench, lead_event: LeadEvents) -> None:
    endpoint, _ = bench.endpoint()
    bench.receiver.behave = in_turn(says(500), says(410))
    await bench.deliver(lead_event(1))
    await bench.deliver(lead_event(2))
    assert bench.statuses() == ["held", "held"]
    disabled = bench.store.endpoint(endpoint.id)
    assert disabled is not None
    assert (disabled.status, disabled.disabled_reason) == ("disabled", "gone")
    report = health.report(bench.store, {}, bench.clock.now)
    assert (report["held"], report["endpoints"], report["problems"][0]["code"]) == (
        2,
        {"ok": 0, "failing": 0, "breaker_open": 0, "disabled": 1},
        "endpoint_disabled",
    )
    bench.clock.pass_(30 * 24 * 3600)
    assert await bench.notifier.run_once() == 0
    bench.receiver.behave = says(200)
    assert bench.store.enable_endpoint(endpoint.id, bench.clock.now)
    assert await bench.notifier.run_once() == 2
    assert bench.statuses() == ["delivered", "delivered"]


async def test_a_delivery_under_way_while_its_endpoint_is_disabled_is_held_too(bench: Bench, lead_event: LeadEvents) -> None:
    bench.endpoint()
    disabled = asyncio.Event()
    bench.notifier = Notifier(bench.store, bench.sender, bench.clock, lambda *_: disabled.set(), intake=bench.notifier.intake)

    async def gone_first(writer: asyncio.StreamWriter) -> None:
        first = len(bench.receiver.received) == 1
        if not first:
            await disabled.wait()
        await moods.answer(writer, 410 if first else 500)

    bench.receiver.behave = gone_first
    assert await bench.deliver(lead_event(1), lead_event(2)) == 2
    assert bench.statuses() == ["held", "held"]


async def test_413_is_dead_for_that_message_and_the_next_one_goes(bench: Bench, lead_event: LeadEvents) -> None:
    bench.endpoint()
    bench.receiver.behave = in_turn(says(413), says(200))
    await bench.deliver(lead_event(1))
    await bench.deliver(lead_event(2))
    assert bench.statuses() == ["dead", "delivered"]


async def test_a_redirect_is_a_failure_and_is_not_followed(bench: Bench, lead_event: LeadEvents) -> None:
    bench.endpoint()
    bench.receiver.behave = says(302, location=bench.receiver.url("/elsewhere"))
    await bench.deliver(lead_event())
    assert (bench.delivery().status, bench.delivery().last_error) == (Status.WAITING, "redirect")
    assert [each.target for each in bench.receiver.received] == ["/hook"]


async def test_a_crash_between_record_and_answer_leaves_unknown_and_the_same_id_is_sent_again(
    bench: Bench, lead_event: LeadEvents
) -> None:
    _, secret = bench.endpoint()
    bench.log.append(lead_event())
    bench.notifier.intake.run_once(0)  # type: ignore[union-attr]
    claimed = bench.store.deliveries.claim(bench.clock.now)  # and then this process is killed
    assert len(claimed.claims) == 1
    survivor = bench.another()
    assert await survivor.run_once() == 0
    bench.clock.pass_(LEASE_MS / 1000)
    assert await survivor.run_once() == 1
    assert [attempt.outcome for attempt in bench.attempts()] == ["unknown", "delivered"]
    assert bench.receiver.received[0].verified(secret)["id"] == lead_event().id


async def test_the_only_notifier_sends_again_at_once_what_a_killed_one_was_sending(bench: Bench, lead_event: LeadEvents) -> None:
    bench.endpoint()
    bench.log.append(lead_event())
    bench.notifier.intake.run_once(0)  # type: ignore[union-attr]
    (claim,) = bench.store.deliveries.claim(bench.clock.now).claims  # and then this process is killed
    bench.store.deliveries.end_leases(bench.clock.now)
    assert await bench.another().run_once() == 1
    late = Ended(claim, Answer(error=ErrorKind.CLOSED), Settled(Status.DEAD, 1), bench.clock.now)
    assert bench.store.deliveries.settle([late]) == [None]  # should it not be dead after all
    assert bench.delivery().status == Status.DELIVERED


async def test_what_ended_meanwhile_is_settled_in_one_commit(bench: Bench, lead_event: LeadEvents) -> None:
    for name in ("one", "two"):
        bench.endpoint(name=name)
    bench.log.append(lead_event(1), lead_event(2))
    bench.notifier.intake.run_once(0)  # type: ignore[union-attr]
    claims = bench.store.deliveries.claim(bench.clock.now).claims
    commits: list[str] = []
    sa.event.listen(bench.engine, "commit", lambda _: commits.append("commit"))
    delivered = Settled(Status.DELIVERED, 1)
    assert (
        bench.store.deliveries.settle([Ended(claim, Answer(200), delivered, 7) for claim in claims])
        == [Moved(Status.DELIVERED, None)] * 4
    )
    assert commits == ["commit"]
    assert bench.statuses() == ["delivered"] * 4
    assert [each.last_success_at for each in bench.store.endpoints()] == [7, 7]


async def test_an_attempt_that_ends_while_the_database_is_away_is_settled_later_and_not_sent_again(
    bench: Bench, lead_event: LeadEvents
) -> None:
    bench.endpoint()

    async def answer_and_go_away(writer: asyncio.StreamWriter) -> None:
        with bench.engine.begin() as tx:
            tx.exec_driver_sql("ALTER TABLE attempts RENAME TO away")
        await moods.answer(writer, 200)

    bench.receiver.behave = answer_and_go_away
    with pytest.raises(sa.exc.DBAPIError):
        await bench.deliver(lead_event())
    with bench.engine.begin() as tx:
        tx.exec_driver_sql("ALTER TABLE away RENAME TO attempts")
    await bench.notifier.run_once()
    assert bench.delivery().status == Status.DELIVERED
    assert len(bench.receiver.received) == 1


async def test_a_pool_without_a_free_connection_is_waited_for(
    bench: Bench, lead_event: LeadEvents, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.endpoint()
    claim = bench.store.deliveries.claim

    def no_connection_at_first(*_: object) -> None:
        monkeypatch.setattr(bench.store.deliveries, "claim", claim)
        raise sa.exc.TimeoutError("QueuePool limit reached")

    monkeypatch.setattr(bench.store.deliveries, "claim", no_connection_at_first)
    bench.log.append(lead_event())
    running = asyncio.create_task(bench.notifier.run())
    await bench.receiver.until(1)
    bench.notifier.stop()
    await running


async def test_a_listener_that_fails_stops_no_delivery(bench: Bench, lead_event: LeadEvents) -> None:
    def fail(*_: object) -> None:
        raise KeyError("summary")

    bench.endpoint()
    bench.notifier = Notifier(bench.store, bench.sender, bench.clock, fail, intake=bench.notifier.intake)
    assert await bench.deliver(lead_event(1), lead_event(2)) == 2
    assert bench.statuses() == ["delivered", "delivered"]


async def test_a_zombie_that_lost_its_lease_neither_sends_nor_settles(bench: Bench, lead_event: LeadEvents) -> None:
    bench.endpoint()
    hold = asyncio.Event()

    async def slow_once(writer: asyncio.StreamWriter) -> None:
        if len(bench.receiver.received) == 1:
            await hold.wait()
            await moods.answer(writer, 500)
        else:
            await moods.answer(writer, 200)
            hold.set()

    bench.receiver.behave = slow_once
    bench.log.append(lead_event())
    zombie = asyncio.create_task(bench.notifier.run_once())
    await bench.receiver.until(1)
    bench.clock.pass_(LEASE_MS / 1000)
    await bench.another().run_once()
    await zombie
    assert bench.delivery().status == Status.DELIVERED
    assert [(attempt.number, attempt.outcome) for attempt in bench.attempts()] == [(1, "failed"), (2, "delivered")]


async def test_a_claim_whose_lease_is_almost_over_is_not_sent(bench: Bench, lead_event: LeadEvents) -> None:
    bench.endpoint()
    bench.log.append(lead_event())
    assert bench.notifier.intake is not None
    bench.notifier.intake.run_once(0)
    (claim,) = bench.store.deliveries.claim(bench.clock.now).claims
    bench.clock.now = claim.lease_until - SEND_WITHIN_MS + 1
    await bench.notifier._deliver(claim)
    assert bench.receiver.received == []


async def test_many_workers_never_send_the_same_claim(bench: Bench, lead_event: LeadEvents) -> None:
    bench.endpoint(name="one")
    bench.endpoint(name="two")
    events = [lead_event(number) for number in range(1, 31)]
    bench.log.append(*events)
    bench.notifier.intake.run_once(0)  # type: ignore[union-attr]
    patient = Sender(DEVELOPMENT)
    workers = [Notifier(bench.store, patient, bench.clock) for _ in range(4)]
    while any(await asyncio.gather(*(worker.run_once() for worker in workers))):
        pass
    await patient.aclose()
    assert len(bench.receiver.received) == 60
    assert sorted(bench.statuses()) == ["delivered"] * 60
    assert {each.headers["webhook-id"] for each in bench.receiver.received} == {event.id for event in events}


async def test_at_most_four_are_in_flight_for_one_endpoint_and_another_is_not_delayed(
    bench: Bench, lead_event: LeadEvents
) -> None:
    answering = asyncio.Event()

    async def slow(writer: asyncio.StreamWriter) -> None:
        await answering.wait()
        await moods.answer(writer, 200)

    patient = Sender(DEVELOPMENT)
    notifier = Notifier(bench.store, patient, bench.clock, intake=bench.notifier.intake)
    async with receiving() as stuck:
        stuck.behave = slow
        bench.endpoint(name="stuck", receiver=stuck)
        bench.endpoint(name="well")
        bench.log.append(*(lead_event(number) for number in range(1, 11)))
        running = asyncio.create_task(notifier.run())
        await bench.receiver.until(10)
        await stuck.until(4)
        assert len(stuck.received) == 4
        answering.set()
        await stuck.until(10)
        notifier.stop()
        await running
    await patient.aclose()
    assert bench.statuses() == ["delivered"] * 20


async def test_a_deleted_endpoint_gets_nothing_more_and_its_deliveries_say_why(bench: Bench, lead_event: LeadEvents) -> None:
    endpoint, _ = bench.endpoint()
    bench.receiver.behave = says(500)
    await bench.deliver(lead_event(1))
    assert bench.store.delete_endpoint(endpoint.id, bench.clock.now)
    assert not bench.store.delete_endpoint(endpoint.id, bench.clock.now)
    bench.clock.pass_(10)
    assert await bench.deliver(lead_event(2)) == 0
    assert (bench.delivery().status, bench.delivery().last_error) == (Status.DEAD, "endpoint_deleted")
    assert bench.store.endpoints() == []


async def test_a_running_notifier_delivers_at_once_and_stops_with_nothing_in_flight(bench: Bench, lead_event: LeadEvents) -> None:
    bench.endpoint()
    answering = asyncio.Event()

    async def slow(writer: asyncio.StreamWriter) -> None:
        await answering.wait()
        await moods.answer(writer, 200)

    bench.receiver.behave = slow
    bench.log.append(lead_event())
    running = asyncio.create_task(bench.notifier.run())
    await bench.receiver.until(1)
    bench.notifier.stop()
    answering.set()
    await asyncio.wait_for(running, 10)
    assert bench.delivery().status == Status.DELIVERED


async def test_a_failing_endpoint_is_named_in_health_by_scheme_and_host_only(bench: Bench, lead_event: LeadEvents) -> None:
    bench.endpoint("/services/T00/secret-part")
    bench.endpoint("/fine", name="fine")
    bench.receiver.behave = says(404)
    await bench.deliver(lead_event())
    bench.clock.pass_(90)
    report = health.report(bench.store, {}, bench.clock.now)
    assert report["status"] == "degraded"
    assert report["endpoints"] == {"ok": 0, "failing": 2, "breaker_open": 0, "disabled": 0}
    assert (report["pending"], report["oldest_pending_s"], report["first_try_p99_s"]) == (2, 90, 0.0)
    problem = report["problems"][0]
    assert problem["code"] == "endpoint_failing"
    assert problem["what"].endswith(f"(http://127.0.0.1:{bench.receiver.port}) answers 404")
    assert "check the URL's path" in problem["do"]
    assert "secret-part" not in str(report)


async def test_a_halted_intake_is_down(bench: Bench) -> None:
    report = health.report(bench.store, {}, bench.clock.now, halted="Delete that row.")
    assert (report["status"], report["problems"][0]["code"], report["problems"][0]["what"]) == (
        "down",
        "intake_halted",
        "Delete that row",
    )
    assert health.report(bench.store, {}, bench.clock.now)["status"] == "ok"


async def test_no_secret_or_path_is_in_the_database_or_the_log(
    bench: Bench, lead_event: LeadEvents, master_key: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "notifier")
    caplog.set_level(logging.INFO)
    endpoint, secret = bench.endpoint("/services/T00/secret-part")
    bench.receiver.behave = in_turn(says(500), says(200))
    await bench.deliver(lead_event())
    bench.clock.pass_(5)
    await bench.notifier.run_once()
    await bench.notifier.test(endpoint.id)
    assert len(bench.receiver.received) == 3
    logged = "\n".join(str(record.__dict__) for record in caplog.records)
    assert "webhook attempt" in logged
    for hidden in (secret, secret.removeprefix("whsec_"), "secret-part", master_key):
        assert hidden not in logged
        assert hidden.encode() not in database_bytes(bench.engine)


async def test_an_endpoint_gets_its_own_format_tests_too_and_who_listens_gets_what_was_sent(
    bench: Bench, lead_event: LeadEvents
) -> None:
    endpoint, secret = bench.endpoint(format_="flat")
    await bench.deliver(lead_event())
    await bench.notifier.test(endpoint.id)
    lead, test = (each.verified(secret) for each in bench.receiver.received)
    assert (lead["id"], lead["lead_id"], lead["revision"]) == (lead_event().id, lead_event().data["lead_id"], 1)
    assert (test["type"], list(test)) == ("endpoint.test", list(lead))
    assert [payload for payload, *_ in bench.told] == [lead]


async def test_slack_gets_one_message_a_second_and_one_at_a_time(bench: Bench, lead_event: LeadEvents) -> None:
    bench.endpoint(format_="slack")
    assert await bench.deliver(*(lead_event(number) for number in range(1, 4))) == 1
    assert await bench.notifier.run_once() == 0
    bench.clock.pass_(0.999)
    assert [await bench.notifier.run_once(), await bench.another().run_once()] == [0, 0]
    bench.clock.pass_(0.001)
    assert [await bench.another().run_once(), await bench.notifier.run_once()] == [1, 0]
    flight = Flight(bench.delivery_of(3).endpoint_id, "acme-mail", is_first=True, begun_at=bench.clock.now)
    claimed = bench.store.deliveries.claim(bench.clock.now + 1000, [flight])
    assert claimed.claims == []
    bench.clock.pass_(1)
    assert await bench.notifier.run_once() == 1
    assert bench.statuses() == [Status.DELIVERED] * 3


def test_of_many_notifiers_that_look_at_once_one_has_slacks_turn(
    store: NotifierStore, clock: StandingClock, lead_event: LeadEvents
) -> None:
    log = MemoryConsumer()
    target = parse_url("http://127.0.0.1:9/hook", DEVELOPMENT)
    store.add_endpoint("acme-mail", "#sales", target, Filters(), clock(), format_="slack")
    log.append(*(lead_event(number) for number in range(1, 9)))
    assert Intake(MemoryLog(), log, KNOWN, store, clock).run_once(0) == 8
    with ThreadPoolExecutor(4) as pool:
        claimed = list(pool.map(lambda _: store.deliveries.claim(clock()), range(8)))
    assert sum(len(each.claims) for each in claimed) == 1


async def test_slack_hears_no_lead_event_that_is_not_worth_a_message(bench: Bench, lead_event: LeadEvents) -> None:
    bench.endpoint(format_="slack")
    owner = {"field": "owner", "rule": None, "old": None, "new": "rep@mail.example"}
    assert await bench.deliver(lead_event(1, type="lead.updated", data={"changes": [owner]}), lead_event(2)) == 1
    assert bench.delivery().lead_event_id == lead_event(2).id


async def test_after_an_outage_slack_gets_the_latest_revision_of_each_lead_and_how_late_it_is(
    bench: Bench, lead_event: LeadEvents
) -> None:
    bench.endpoint(format_="slack")
    bench.receiver.behave = says(503)
    one, other = ({"lead_id": lead, "lead_type": "pql"} for lead in ("ld_1", "ld_2"))
    first = [lead_event(1, data=one | {"revision": 1}), lead_event(2, data=other | {"revision": 1})]
    await bench.deliver(*first)
    bench.clock.pass_(2 * 3600)
    bench.receiver.behave = says(200)
    won = lead_event(3, type="lead.won", timestamp=bench.clock.now, data=one | {"revision": 2})
    assert await bench.deliver(won) == 1
    bench.clock.pass_(1)
    assert await bench.notifier.run_once() == 1
    assert bench.statuses() == [Status.SKIPPED, Status.DELIVERED, Status.DELIVERED]
    skipped = bench.delivery_of(1)
    assert (skipped.due_at, skipped.last_error) == (None, "newer_revision")
    assert skipped.settled_at is not None
    late, fresh = bench.delivery_of(2).body, bench.delivery_of(3).body
    assert [b"Delayed 2 h" in body for body in (late, fresh)] == [True, False]
    assert {each.body for each in bench.receiver.received[-2:]} == {late, fresh}


async def test_slack_never_hears_of_a_lead_as_it_was_before_what_it_heard_last(bench: Bench, lead_event: LeadEvents) -> None:
    bench.endpoint(format_="slack")
    bench.receiver.behave = in_turn(says(500), says(200))
    await bench.deliver(lead_event(1))
    bench.clock.pass_(1)
    assert await bench.deliver(lead_event(2, data=lead_event(1).data | {"revision": 2})) == 1
    bench.clock.pass_(60)
    assert await bench.notifier.run_once() == 0
    assert bench.statuses() == [Status.SKIPPED, Status.DELIVERED]


async def test_a_receiver_of_another_format_gets_every_revision(bench: Bench, lead_event: LeadEvents) -> None:
    bench.endpoint(format_="flat")
    assert await bench.deliver(*(lead_event(n, data=lead_event(1).data | {"revision": n}) for n in (1, 2, 3))) == 3
    bench.clock.pass_(3600)
    assert bench.statuses() == [Status.DELIVERED] * 3


async def test_a_pace_never_shortens_what_slack_asked_for(bench: Bench, lead_event: LeadEvents) -> None:
    bench.endpoint(format_="slack")
    bench.receiver.behave = in_turn(says(429, retry_after="30"), says(200))
    await bench.deliver(lead_event(1), lead_event(2))
    bench.clock.pass_(29.9)
    assert await bench.notifier.run_once() == 0
    bench.clock.pass_(0.1)
    assert await bench.notifier.run_once() == 1


def database_bytes(engine: sa.Engine) -> bytes:
    if engine.dialect.name == "sqlite":
        with engine.connect() as tx:
            folder = tx.exec_driver_sql("PRAGMA database_list").all()[0][2]
        found = b""
        for suffix in ("", "-wal", "-shm"):
            with contextlib.suppress(FileNotFoundError), open(folder + suffix, "rb") as file:  # noqa: PTH123
                found += file.read()
        assert b"hooks" in found or b"127.0.0.1" in found
        return found
    with engine.connect() as tx:
        rows = [tx.exec_driver_sql(f"SELECT * FROM {name}").all() for name in ("endpoints", "deliveries", "attempts")]
    return repr(rows).encode()
