"""Which leads go now and which wait for room: any stream of leads, against a naive count of what was told."""

from collections.abc import Sequence
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from contracts.messages import Brake, Cap, Caps
from notifier.core.noise import HOUR_MS, STALE_MS, Book, Candidate, Counted, Scope, Told, Verdict, brake, counted_in

DAY = 24 * HOUR_MS
ONE_A_DAY = Caps(endpoint=Cap(leads=1, per_ms=DAY))


def lead(n: int, **changes: object) -> Candidate:
    made = Candidate(
        endpoint_id="ep_1",
        lead_id=f"ld_{n}",
        project="shop",
        account=f"acc_{n}",
        person=f"u_{n}",
        rank=0,
        since=0,
        takes_over=None,
        explicit=False,
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def decide(caps: Caps, told: Sequence[Told], candidates: Sequence[Candidate], now: int, most: Cap | None = None) -> list[Verdict]:
    return Book({"shop": caps}, {"shop": most}, told).decide(candidates, now)


def gone(verdicts: Sequence[Verdict]) -> list[str]:
    return [each.candidate.lead_id for each in verdicts if each.held_by is None and not each.stale]


def told(of: Candidate, at: int) -> list[Told]:
    return [Told(each, of.lead_id, at, counts=True) for each in counted_in(of)]


def test_the_best_goes_first_and_the_rest_waits_until_its_place_is_free() -> None:
    verdicts = decide(ONE_A_DAY, [], [lead(1), lead(2, rank=5), lead(3, rank=5, since=-1)], 1_000)
    assert gone(verdicts) == ["ld_3"]
    assert [(each.candidate.lead_id, each.held_by, each.until) for each in verdicts[1:]] == [
        ("ld_2", Scope.ENDPOINT, 1_000 + DAY),
        ("ld_1", Scope.ENDPOINT, 1_000 + DAY),
    ]


def test_a_lead_takes_up_room_for_the_whole_time_and_not_a_millisecond_longer() -> None:
    before = told(lead(1), 0)
    assert gone(decide(ONE_A_DAY, before, [lead(2)], DAY - 1)) == []
    assert gone(decide(ONE_A_DAY, before, [lead(2)], DAY)) == ["ld_2"]


def test_of_all_that_holds_it_back_the_last_to_make_room_counts() -> None:
    caps = Caps(account=Cap(leads=1, per_ms=2 * DAY), endpoint=Cap(leads=1, per_ms=DAY))
    (verdict,) = decide(caps, told(lead(1, account="acc"), 0), [lead(2, account="acc")], 1)
    assert (verdict.held_by, verdict.until) == (Scope.ACCOUNT, 2 * DAY)


def test_one_account_is_told_of_once_however_many_endpoints_hear_of_it() -> None:
    caps = Caps(account=Cap(leads=1, per_ms=DAY))
    both = [lead(1), lead(1, endpoint_id="ep_2")]
    assert gone(decide(caps, [], both, 0)) == ["ld_1", "ld_1"]
    assert gone(decide(caps, told(both[0], 0), [both[1]], 5)) == ["ld_1"]


def test_a_person_of_two_accounts_is_one_person() -> None:
    caps = Caps(person=Cap(leads=1, per_ms=DAY))
    verdicts = decide(caps, told(lead(1, person="ada"), 0), [lead(2, person="ada"), lead(3, person=None)], 5)
    assert gone(verdicts) == ["ld_3"]


def test_who_asks_is_never_held_back_and_takes_up_room() -> None:
    before = told(lead(1), 0)
    book = Book({"shop": ONE_A_DAY}, {}, before)
    assert gone(book.decide([lead(2, explicit=True, since=-2 * STALE_MS)], 1)) == ["ld_2"]
    (verdict,) = book.decide([lead(3)], DAY)
    assert verdict.until == DAY + 1


def test_a_lead_that_takes_over_one_that_was_told_takes_its_place() -> None:
    before = told(lead(1), 0)
    book = Book({"shop": ONE_A_DAY}, {}, before)
    assert gone(book.decide([lead(2, takes_over="ld_1")], DAY - 1)) == ["ld_2"]
    assert gone(book.decide([lead(3)], DAY)) == ["ld_3"]  # it did not count again


def test_a_lead_that_takes_over_one_that_nobody_was_told_of_waits_like_any_other() -> None:
    elsewhere = [each for each in told(lead(1, endpoint_id="ep_2"), 0) if each.of.scope is Scope.ENDPOINT]
    verdicts = decide(ONE_A_DAY, [*told(lead(9), 0), *elsewhere], [lead(2, takes_over="ld_1")], 5)
    assert gone(verdicts) == []


def test_where_a_lead_takes_over_it_is_told_of_elsewhere_too_whatever_the_order() -> None:
    caps = Caps(account=Cap(leads=1, per_ms=DAY))
    before = told(lead(1, account="acc"), 0)
    both = [lead(2, account="acc", takes_over="ld_1", endpoint_id=each) for each in ("ep_1", "ep_2")]
    assert gone(decide(caps, before, both, 5)) == gone(decide(caps, before, both[::-1], 5)) == ["ld_2", "ld_2"]


def test_what_is_over_has_room_after_all_others_or_never() -> None:
    verdicts = decide(ONE_A_DAY, [], [lead(1, rank=5, over=True), lead(2)], 0)
    assert [(each.candidate.lead_id, each.stale) for each in verdicts] == [("ld_2", False), ("ld_1", True)]
    assert gone(decide(ONE_A_DAY, [], [lead(1, over=True)], 0)) == ["ld_1"]


def test_a_clock_that_was_ahead_fills_no_room_for_as_long_as_it_was() -> None:
    ahead = told(lead(1), 300 * DAY)
    assert gone(decide(ONE_A_DAY, ahead, [lead(2)], 0)) == ["ld_2"]
    (waits,) = decide(ONE_A_DAY, told(lead(1), 5_000), [lead(2)], 0)  # set back by seconds: it counts
    assert waits.until == 5_000 + DAY


def test_after_seven_days_of_waiting_it_is_no_news() -> None:
    caps = Caps(account=Cap(leads=1, per_ms=30 * DAY))
    before = told(lead(1, account="acc"), 0)
    (waits,) = decide(caps, before, [lead(2, account="acc", since=DAY)], STALE_MS + DAY - 1)
    assert (waits.stale, waits.until) == (False, STALE_MS + DAY)
    (stale,) = decide(caps, before, [lead(2, account="acc", since=DAY)], STALE_MS + DAY)
    assert stale.stale
    (late,) = decide(Caps(), [], [lead(2, since=DAY, waited=True)], STALE_MS + DAY)  # nobody looked in time
    assert late.stale


def test_the_brake_lets_an_hour_bring_its_least_or_so_many_times_the_mean_of_the_week_before() -> None:
    caps = Caps(brake=Brake(leads=20, times=5))
    now = 1_000 * HOUR_MS + 5
    assert brake(caps, {}, now) == Cap(leads=20, per_ms=HOUR_MS)
    assert brake(caps, {1_000: 500}, now) == Cap(leads=20, per_ms=HOUR_MS)  # the hour itself is no measure of itself
    assert brake(caps, {999: 240}, now) == Cap(leads=50, per_ms=HOUR_MS)  # a mean of 10 over a day
    assert brake(caps, dict.fromkeys(range(832, 1_000), 10), now) == Cap(leads=50, per_ms=HOUR_MS)
    assert brake(caps, {831: 10_000, 832: 168}, now) == Cap(leads=20, per_ms=HOUR_MS)
    assert brake(Caps(), {}, now) is None


names = st.sampled_from(["a", "b"])
caps_ = st.builds(Cap, leads=st.integers(1, 3), per_ms=st.integers(1, 40))
arrivals = st.lists(
    st.tuples(
        st.integers(0, 25), names, st.none() | names, names, st.integers(0, 2), st.booleans(), st.none() | st.integers(0, 12)
    ),
    max_size=25,
)


@given(
    st.builds(Caps, account=st.none() | caps_, person=st.none() | caps_, endpoint=st.none() | caps_),
    st.none() | st.builds(Cap, leads=st.integers(1, 3), per_ms=st.just(10)),
    arrivals,
)
def test_in_no_stretch_of_time_is_more_told_than_the_caps_allow_and_nothing_waits_where_there_is_room(
    caps: Caps, most: Cap | None, arriving: list[tuple[int, str, str | None, str, int, bool, int | None]]
) -> None:
    """Time passes by one; what waits is looked at when its `until` comes, and never before."""
    kept: list[Told] = []
    waiting: dict[tuple[str, str], Verdict] = {}
    free: set[str] = set()
    limits = {Scope.ACCOUNT: caps.account, Scope.PERSON: caps.person, Scope.ENDPOINT: caps.endpoint, Scope.BRAKE: most}

    def room(of: Counted, at: int) -> bool:
        cap = limits[of.scope]
        counted = [each for each in kept if each.of == of and each.counts and cap is not None and each.at > at - cap.per_ms]
        return cap is None or len(counted) < cap.leads

    for now in range(60):
        fresh = [
            lead(n, account=a, person=p, endpoint_id=e, rank=r, explicit=x, takes_over=None if o is None else f"ld_{o}", since=t)
            for n, (t, a, p, e, r, x, o) in enumerate(arriving)
            if t == now
        ]
        due = [each.candidate for each in waiting.values() if each.until <= now]
        book = Book({"shop": caps}, {"shop": most}, kept)
        for verdict in book.decide([*fresh, *due], now):
            of = verdict.candidate
            waiting.pop((of.endpoint_id, of.lead_id), None)
            if verdict.held_by is not None:
                waiting[of.endpoint_id, of.lead_id] = verdict
        kept += book.new
        free |= {each.lead_id for each in fresh if each.explicit} | {each.lead_id for each in book.new if not each.counts}
        for counted, cap in {each.of: limits[each.of.scope] for each in kept}.items():
            held = [each for each in kept if each.of == counted and each.counts and each.lead_id not in free]
            assert cap is None or all(
                sum(1 for other in held if each.at <= other.at < each.at + cap.per_ms) <= cap.leads for each in held
            )
        for verdict in waiting.values():
            known = any(each.lead_id == verdict.candidate.lead_id for each in kept)
            where = list(counted_in(verdict.candidate))
            assert not all(room(each, now) for each in (where[-1:] if known else where))
    assert not any(each.until <= 59 for each in waiting.values())
