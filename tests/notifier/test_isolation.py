"""How many deliveries of which endpoint may be in flight: whatever endpoints do, a bound of each holds."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from notifier.core.answers import Answer
from notifier.core.delivery import Settled, Status
from notifier.core.isolation import IN_ALL, PER_ENDPOINT, PER_PROJECT, SLOW_MS, Allotment, Standing, allot, is_suspect
from notifier.core.matching import Filters
from notifier.core.urls import parse_url
from notifier.intake import Intake
from notifier.store import NotifierStore
from notifier.store_due import AGAIN, FIRST, Flight
from notifier.store_settling import Ended
from notifier.tables import deliveries, endpoints
from tests.notifier.bench import DEVELOPMENT, Bench
from tests.notifier.conftest import LeadEvents, StandingClock
from tests.notifier.memory_log import KNOWN, MemoryConsumer, MemoryLog
from tests.notifier.plans import asked_of, fill, plan_of

Allotted = dict[str, Allotment]


def standing(n: int = 0, **changes: object) -> Standing:
    """A sound endpoint with first tries due."""
    plain = Standing(f"ep_{n:03}", "acme-mail", PER_ENDPOINT, suspect=False, due_at=n, first=True)
    return replace(plain, **changes)  # type: ignore[arg-type]


def many(count: int, begin: int = 0, **changes: object) -> list[Standing]:
    return [standing(n, **changes) for n in range(begin, begin + count)]


def total(allotted: Allotted) -> int:
    return sum(each.first + each.again for each in allotted.values())


@st.composite
def situations(draw: st.DrawFn) -> list[Standing]:
    """Of many endpoints in few projects; what is in flight is within the bounds of each endpoint, however it got there."""
    found = []
    for n in range(draw(st.integers(1, 120))):
        slots = draw(st.sampled_from([1, PER_ENDPOINT]))
        first = draw(st.sampled_from([0, 0, 0, 1, slots]))
        again = draw(st.integers(0, slots - first)) if draw(st.booleans()) else 0
        found.append(
            Standing(
                f"ep_{n:03}",
                draw(st.sampled_from(["one", "two", "three", "four", "five", "six"])),
                slots,
                draw(st.booleans()),
                draw(st.booleans()),
                draw(st.integers(0, 9)),
                draw(st.booleans()),
                draw(st.booleans()),
                first,
                again,
            )
        )
    return found


def in_flight(standings: Sequence[Standing], allotted: Allotted) -> list[tuple[Standing, int, int]]:
    """Each with its first tries and others, once what was allotted is in flight too."""
    shares = [(each, allotted.get(each.endpoint_id, Allotment())) for each in standings]
    return [(each, each.first_in_flight + share.first, each.again_in_flight + share.again) for each, share in shares]


def parts(standings: Sequence[Standing]) -> list[tuple[list[Standing], int]]:
    """All, and each project, with its limit."""
    projects = {each.project for each in standings}
    return [(list(standings), IN_ALL)] + [([each for each in standings if each.project == one], PER_PROJECT) for one in projects]


@given(situations())
def test_no_bound_is_passed_by_what_is_allotted(standings: list[Standing]) -> None:
    allotted = allot(standings)
    for each, first, again in in_flight(standings, allotted):
        share = allotted.get(each.endpoint_id, Allotment())
        assert first + again <= each.slots
        if each.suspect and share != Allotment():
            assert first + again == 1
        assert share.first == 0 or each.first
        assert share.again == 0 or each.again
    for part, limit in parts(standings):
        mine = {each.endpoint_id: allotted[each.endpoint_id] for each in part if each.endpoint_id in allotted}
        after = in_flight(part, allotted)
        if mine:
            assert sum(first + again for _, first, again in after) <= limit
        suspects = sum(first + again for each, first, again in after if each.suspect)
        if any(each.suspect and each.endpoint_id in mine for each in part):
            assert suspects <= limit // 4
        if any(mine[each.endpoint_id].again and not each.suspect for each in part if each.endpoint_id in mine):
            assert sum(again for each, _, again in after if not each.suspect) <= (limit - suspects) // 2


@given(situations())
def test_who_has_a_first_try_and_nothing_in_flight_waits_only_for_a_full_house(standings: list[Standing]) -> None:
    allotted = allot(standings)
    everybody = parts(standings)
    for each in standings:
        if each.suspect or not each.first or each.first_in_flight + each.again_in_flight or each.endpoint_id in allotted:
            continue
        full = [
            sum(first + again for _, first, again in in_flight(part, allotted)) >= limit
            for part, limit in everybody
            if each in part
        ]
        assert any(full)


@given(situations(), st.randoms(use_true_random=False))
def test_the_order_in_which_endpoints_are_told_changes_nothing(standings: list[Standing], dice: object) -> None:
    shuffled = list(standings)
    dice.shuffle(shuffled)  # type: ignore[attr-defined]
    assert allot(shuffled) == allot(standings)


@given(st.integers(0, 400), st.integers(1, 50))
def test_however_many_suspects_there_are_the_sound_of_a_project_have_three_quarters(suspects: int, sound: int) -> None:
    allotted = allot(many(suspects, suspect=True, failing=True) + many(sound, begin=500))
    assert total({name: share for name, share in allotted.items() if name >= "ep_500"}) >= min(sound, PER_PROJECT * 3 // 4)


def test_one_alone_has_four_and_a_paced_one_and_a_suspect_have_one() -> None:
    assert allot([standing()]) == {"ep_000": Allotment(first=4)}
    assert allot([standing(slots=1)]) == {"ep_000": Allotment(first=1)}
    assert allot([standing(suspect=True)]) == {"ep_000": Allotment(first=1)}
    assert allot([standing(suspect=True, first=False, again=True)]) == {"ep_000": Allotment(again=1)}
    assert allot([standing(suspect=True, again_in_flight=1)]) == {}
    assert allot([standing(first_in_flight=4)]) == {}


def test_all_suspects_share_a_quarter_of_their_project_and_of_all() -> None:
    assert total(allot(many(40, suspect=True))) == PER_PROJECT // 4
    of_many_projects = [standing(n, suspect=True, project=f"p{n % 20}") for n in range(300)]
    assert total(allot(of_many_projects)) == IN_ALL // 4


def test_suspects_that_never_failed_come_before_those_that_did() -> None:
    failed, new = many(30, suspect=True, failing=True), many(3, begin=30, suspect=True)
    assert {each.endpoint_id for each in new} <= allot(failed + new).keys()


def test_half_of_what_suspects_leave_is_for_first_tries_alone() -> None:
    again = many(40, first=False, again=True)
    assert total(allot(again)) == PER_PROJECT // 2
    sixteen = many(16, begin=50, suspect=True, first=False, again_in_flight=1)
    assert total(allot(again + sixteen)) == (PER_PROJECT - 16) // 2


def test_nobodys_second_delivery_goes_before_another_ones_first() -> None:
    assert allot(many(64)) == {f"ep_{n:03}": Allotment(first=1) for n in range(64)}


def test_fifty_sound_ones_that_begin_to_hang_at_once_leave_room_for_the_others() -> None:
    """Before anybody knows that they are bad: the scarcer slots are, the fewer has each."""
    hanging = many(50)
    for _ in range(10):
        allotted = allot(hanging)
        hanging = [
            replace(each, first_in_flight=each.first_in_flight + allotted.get(each.endpoint_id, Allotment()).first)
            for each in hanging
        ]
    assert sum(each.first_in_flight for each in hanging) == 50
    sound = many(14, begin=60)
    assert allot(hanging + sound) == {each.endpoint_id: Allotment(first=1) for each in sound}


def test_a_project_cannot_take_what_is_anothers() -> None:
    crowd = [standing(n, project="crowd") for n in range(300)]
    assert allot([*crowd, standing(500)])["ep_500"] == Allotment(first=3)  # a quarter of all is taken
    assert total(allot(crowd)) == PER_PROJECT


@pytest.mark.parametrize(
    ("last_success_at", "failures", "last_ms", "longest_ms", "suspect"),
    [
        (1, 0, None, 0, False),
        (1, 0, SLOW_MS, SLOW_MS, False),
        (None, 0, None, 0, True),
        (1, 1, 5, 0, True),
        (1, 0, SLOW_MS + 1, 0, True),
        (1, 0, 5, SLOW_MS + 1, True),
    ],
)
def test_suspect_is_who_is_unproven_failed_last_or_is_slow(
    last_success_at: int | None, failures: int, last_ms: int | None, longest_ms: int, suspect: bool
) -> None:
    assert is_suspect(last_success_at, failures, last_ms, longest_ms) is suspect


def opened(store: NotifierStore, clock: StandingClock, events: Sequence[object], count: int) -> list[str]:
    """That many proven endpoints of one project, each with a delivery of each of these lead events."""
    target = parse_url("http://127.0.0.1:9/hook", DEVELOPMENT)
    ids = [store.add_endpoint("acme-mail", f"crm {n}", target, Filters(), clock())[0].id for n in range(count)]
    with store.writing() as tx:
        tx.execute(endpoints.update().values(last_success_at=1))
    log = MemoryConsumer()
    log.append(*events)  # type: ignore[arg-type]
    assert Intake(MemoryLog(), log, KNOWN, store, clock).run_once(0) == count * len(events)
    return ids


@pytest.mark.parametrize("count", [1, 50])
def test_a_claim_asks_as_much_of_the_database_for_fifty_endpoints_as_for_one(
    store: NotifierStore, engine: sa.Engine, clock: StandingClock, lead_event: LeadEvents, count: int
) -> None:
    opened(store, clock, [lead_event(n) for n in range(1, 4)], count)
    asked = asked_of(engine)
    claimed = store.deliveries.claim(clock())
    assert len(claimed.claims) == (3 if count == 1 else 50)
    assert asked == ["SELECT", "SELECT", "UPDATE", "INSERT"]


def test_a_settling_asks_as_much_of_the_database_for_fifty_deliveries_as_for_one(
    store: NotifierStore, engine: sa.Engine, clock: StandingClock, lead_event: LeadEvents
) -> None:
    opened(store, clock, [lead_event()], 50)
    claims = store.deliveries.claim(clock()).claims
    asked = asked_of(engine)
    moved = store.deliveries.settle([Ended(each, Answer(200, ms=7), Settled(Status.DELIVERED, 1), clock()) for each in claims])
    assert len([each for each in moved if each is not None]) == 50
    assert asked == ["UPDATE", "SELECT", "UPDATE", "UPDATE"]


def test_what_is_in_flight_to_an_endpoint_that_is_disabled_meanwhile_counts(
    store: NotifierStore, clock: StandingClock, lead_event: LeadEvents
) -> None:
    opened(store, clock, [lead_event()], 2)
    flights = [Flight(f"ep_gone{n}", "acme-mail", is_first=True, begun_at=clock()) for n in range(PER_PROJECT)]
    assert store.deliveries.claim(clock(), flights).claims == []
    assert len(store.deliveries.claim(clock(), flights[1:]).claims) == 1


def test_an_attempt_that_is_under_way_for_long_makes_its_endpoint_a_suspect(
    store: NotifierStore, clock: StandingClock, lead_event: LeadEvents
) -> None:
    (endpoint_id,) = opened(store, clock, [lead_event(n) for n in range(1, 9)], 1)
    flight = Flight(endpoint_id, "acme-mail", is_first=True, begun_at=clock())
    clock.pass_(2.001)
    assert store.deliveries.claim(clock(), [flight]).claims == []


async def test_an_endpoint_that_never_took_anything_gets_one_delivery_at_a_time_until_it_does(
    bench: Bench, lead_event: LeadEvents
) -> None:
    bench.endpoint(proven=False)
    assert await bench.deliver(*(lead_event(n) for n in range(1, 7))) == 1
    assert await bench.notifier.run_once() == 4


def test_first_tries_and_others_are_each_found_by_an_index_of_their_own(store: NotifierStore, engine: sa.Engine) -> None:
    ours = fill(store, engine)
    for kind, index in ((FIRST, "ix_deliveries_due_first"), (AGAIN, "ix_deliveries_due_again")):
        due = sa.select(deliveries.c.id).where(deliveries.c.endpoint_id == ours, kind, deliveries.c.due_at <= 5)
        assert index in plan_of(due.order_by(deliveries.c.due_at).limit(1), engine)
