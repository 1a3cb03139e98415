"""An endpoint that has failed for too long is disabled before anything for it can die, and the project's others hear of it."""

import msgspec
import pytest
import sqlalchemy as sa
from prometheus_client import REGISTRY

from eventlog.port import TopicPartition
from notifier.core.delivery import DEAD_NEVER_BEFORE_MS, Status
from notifier.core.disabling import AFTER_MS, FAILURES_MIN, has_failed_for_long, hears
from notifier.core.matching import Filters
from notifier.core.urls import parse_url
from notifier.store import Checkpoint, Endpoint, Move, NewDelivery, NotifierStore
from notifier.tables import deliveries, endpoints
from tests.notifier.bench import DEVELOPMENT, Bench
from tests.notifier.conftest import LeadEvents, StandingClock
from tests.notifier.receiver import in_turn, receiving, says


async def until_settled(bench: Bench) -> None:
    """Each try when it may be made, until nothing waits."""
    while (next_at := bench.next_at()) is not None:
        bench.clock.now = max(bench.clock.now, next_at)
        await bench.notifier.run_once()


def endpoint_of(bench: Bench, endpoint_id: str) -> Endpoint:
    found = bench.store.endpoint(endpoint_id)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("hours", "failures", "long"), [(72, 20, True), (71.9, 20, False), (72, 19, False), (1000, 1000, True), (0, 1000, False)]
)
def test_long_is_72_hours_and_20_attempts(hours: float, failures: int, long: bool) -> None:
    assert has_failed_for_long(1_000, failures, 1_000 + int(hours * 3_600_000)) is long
    assert AFTER_MS < DEAD_NEVER_BEFORE_MS


@pytest.mark.parametrize(
    ("types", "hears_"),
    [(("*",), True), (("endpoint.*",), True), (("lead.created", "endpoint.disabled"), True), (("lead.*",), False)],
)
def test_who_subscribes_to_it_hears_of_a_disabled_endpoint(types: tuple[str, ...], hears_: bool) -> None:
    assert hears(types) is hears_


async def test_after_72_hours_of_failures_the_endpoint_is_disabled_and_nothing_is_dead(
    bench: Bench, lead_event: LeadEvents
) -> None:
    endpoint, _ = bench.endpoint()
    bench.receiver.behave = says(500)
    begun = bench.clock.now
    bench.log.append(*(lead_event(number) for number in range(1, 4)))
    bench.notifier.intake.run_once(0)  # type: ignore[union-attr]
    await until_settled(bench)
    assert bench.statuses() == ["held"] * 3
    found = endpoint_of(bench, endpoint.id)
    assert (found.status, found.disabled_reason) == ("disabled", "failing")
    assert found.failures >= FAILURES_MIN
    assert bench.clock.now - begun >= AFTER_MS
    assert {outcome.state for _, _, outcome in bench.told[-1:]} == {"held"}
    bench.receiver.behave = says(200)
    bench.store.enable_endpoint(endpoint.id, bench.clock.now)
    await until_settled(bench)
    assert bench.statuses() == ["delivered"] * 3


async def test_what_is_made_while_an_endpoint_is_disabled_is_held_and_sent_once_it_is_enabled(
    bench: Bench, lead_event: LeadEvents
) -> None:
    endpoint, _ = bench.endpoint()
    bench.receiver.behave = says(410)
    await bench.deliver(lead_event(1))
    assert endpoint_of(bench, endpoint.id).disabled_reason == "gone"
    bench.receiver.behave = says(200)
    await bench.deliver(lead_event(2), lead_event(3))
    assert (bench.statuses(), len(bench.receiver.received)) == (["held"] * 3, 1)
    bench.store.enable_endpoint(endpoint.id, bench.clock.now)
    await until_settled(bench)
    assert bench.statuses() == ["delivered"] * 3
    told = [each.headers["webhook-id"] for each in bench.receiver.received]
    assert set(told[1:]) == {lead_event(number).id for number in (1, 2, 3)}


@pytest.mark.parametrize("engine", ["postgresql"], indirect=True)  # SQLite has one writer: there is no meanwhile
def test_what_comes_just_as_its_endpoint_is_removed_or_enabled_does_not_wait_for_ever(
    store: NotifierStore, engine: sa.Engine, clock: StandingClock, lead_event: LeadEvents
) -> None:
    target = parse_url("https://8.8.8.8/", DEVELOPMENT)
    removed, enabled = (store.add_endpoint("acme-mail", name, target, Filters(), clock())[0].id for name in ("one", "other"))
    with engine.begin() as tx:
        tx.execute(endpoints.update().where(endpoints.c.id == enabled).values(status="disabled"))

    def plan(_: object) -> list[NewDelivery]:
        assert store.delete_endpoint(removed, clock())
        assert store.enable_endpoint(enabled, clock())
        return [NewDelivery(each, lead_event(), b"{}") for each in (removed, enabled)]

    store.take_in([Move(TopicPartition("lead-events", 0), Checkpoint(0, 0), 1)], plan, clock())
    store.mend(clock())
    with engine.connect() as tx:
        rows = tx.execute(sa.select(deliveries.c.endpoint_id, deliveries.c.status, deliveries.c.due_at))
        assert {tuple(row) for row in rows} == {(removed, "dead", None), (enabled, "waiting", clock.now)}


async def test_one_message_alone_disables_no_endpoint(bench: Bench, lead_event: LeadEvents) -> None:
    endpoint, _ = bench.endpoint()
    bench.receiver.behave = in_turn(*[says(429, retry_after="1")] * 20, says(500))
    await bench.deliver(lead_event())
    await until_settled(bench)
    found = endpoint_of(bench, endpoint.id)
    assert (found.status, found.failures >= FAILURES_MIN, bench.delivery().status) == ("enabled", True, Status.DEAD)


async def test_a_success_in_between_begins_the_72_hours_anew(bench: Bench, lead_event: LeadEvents) -> None:
    endpoint, _ = bench.endpoint()
    bench.receiver.behave = says(500)
    await bench.deliver(*(lead_event(number) for number in range(1, 4)))
    for hours in (24, 24, 23):
        bench.clock.pass_(hours * 3600)
        bench.receiver.behave = says(500)
        await bench.notifier.run_once()
    bench.receiver.behave = says(200)
    await bench.deliver(lead_event(4))
    bench.receiver.behave = says(500)
    bench.clock.pass_(2 * 3600)
    await bench.notifier.run_once()
    assert endpoint_of(bench, endpoint.id).status == "enabled"


async def test_a_last_try_that_ends_after_its_endpoint_was_disabled_is_held_and_not_dead(
    bench: Bench, lead_event: LeadEvents
) -> None:
    bench.endpoint()
    bench.receiver.behave = says(500)
    await bench.deliver(lead_event())
    bench.clock.pass_(80 * 3600)
    with bench.engine.begin() as tx:
        tx.execute(deliveries.update().values(tries=10))
    (claim,) = bench.store.deliveries.claim(bench.clock.now).claims
    with bench.engine.begin() as tx:
        tx.exec_driver_sql("UPDATE endpoints SET status = 'disabled', disabled_reason = 'failing'")
    await bench.notifier._deliver(claim)
    await bench.notifier._settle_ended()
    assert (bench.delivery().status, bench.delivery().settled_at) == (Status.HELD, None)


async def test_the_other_endpoints_of_the_project_that_subscribe_hear_once_why(bench: Bench, lead_event: LeadEvents) -> None:
    def count() -> float:
        return REGISTRY.get_sample_value("handraiser_notifier_endpoints_disabled_total", {"reason": "gone"}) or 0

    before = count()
    async with receiving() as gone:
        gone.behave = says(410)
        disabled, _ = bench.endpoint(name="CRM", receiver=gone)
        hears_all, secret = bench.endpoint("/all", name="all")
        target = parse_url(bench.receiver.url(), DEVELOPMENT)
        only = Filters(types=("endpoint.disabled",), lead_types=("xql",))
        bench.store.add_endpoint("acme-mail", "only", target, only, bench.clock())
        bench.store.add_endpoint("acme-mail", "leads", target, Filters(types=("lead.*",)), bench.clock())
        bench.store.add_endpoint("another", "other project", target, Filters(), bench.clock())
        await bench.deliver(lead_event(1), lead_event(2))
        while await bench.notifier.run_once():
            pass
    messages = [each for each in bench.receiver.received if each.headers["webhook-id"].startswith("ed_")]
    assert len(messages) == 2
    assert len({each.headers["webhook-id"] for each in messages}) == 1
    payload = next(each for each in messages if each.target == "/all").verified(secret)
    assert (payload["id"], payload["type"]) == (messages[0].headers["webhook-id"], "endpoint.disabled")
    data = payload["data"]
    assert (data["endpoint_id"], data["name"], data["reason"]) == (disabled.id, "CRM", "gone")
    assert f"handraiser endpoints enable {disabled.id}" in data["message"]
    assert count() == before + 1
    assert endpoint_of(bench, hears_all.id).status == "enabled"


async def test_each_hears_in_its_own_format(bench: Bench, lead_event: LeadEvents) -> None:
    async with receiving() as gone:
        gone.behave = says(410)
        disabled, _ = bench.endpoint(name="CRM & <co>", receiver=gone)
        await bench.deliver(lead_event())
        for format_ in ("standard", "flat", "slack"):
            bench.endpoint(f"/{format_}", name=format_, format_=format_)
        bench.store.enable_endpoint(disabled.id, bench.clock.now)
        while await bench.notifier.run_once():
            pass
    bodies = {each.target[1:]: msgspec.json.decode(each.body) for each in bench.receiver.received}
    assert bodies["standard"]["data"]["name"] == "CRM & <co>"
    assert (bodies["flat"]["type"], bodies["flat"]["summary"]) == ("endpoint.disabled", bodies["standard"]["data"]["message"])
    assert bodies["slack"]["text"].startswith("An endpoint is disabled: Leads for CRM &amp; &lt;co&gt; are held, not lost.")
