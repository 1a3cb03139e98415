"""Facts answer the same for every order of the same events, and what the naive oracle says."""

from typing import Any

from hypothesis import event as note
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.messages import UsageEvent
from detector.core.account import Account
from detector.core.fold import fold
from detector.core.judge import process
from detector.core.measures.moment import Moment
from detector.core.rulebook.compile import compile_rulebook
from tests.detector.core import oracle
from tests.detector.core.sample import DAY, RULEBOOK, T0, place, usage

PROGRAM = compile_rulebook(RULEBOOK, 1)
NAMES = [
    "Counted",
    "Counted",
    "Email Sent",
    "Import Refused",
    "Send Refused",
    "Imported",
    "Uploaded",
    "Signed Up",
    "Sent",
    "Shared",
    "Surveyed",
    "Automation Opened",
    "Paywall Seen",
    "AB Opened",
    "Upgrade Clicked",
    "Ticket Opened",
    "Demo Requested",
    "Something Else",
]
HOUR = 3_600_000
# Few instants, so that events fall together, and exactly a window, a day or a month apart.
TIMES = st.builds(
    lambda day, ms: T0 + day * DAY + ms,
    st.integers(0, 24),
    st.sampled_from([0, 0, 1, -1, 2, HOUR, HOUR - 1, HOUR + 1, 23 * HOUR]),
)
PROPERTIES = st.fixed_dictionaries(
    {
        "total": st.sampled_from([0, 3, 7, 8, 9, 10, 12, 79, 80, 100]),
        "viewer": st.sampled_from(["a", "b", "c", 1]),
        "mood": st.sampled_from(["good", "bad", 3]),
        "topic": st.sampled_from(["pricing", "weather"]),
    }
)
PLANS = st.sampled_from(["free", "standard", "premium", "standard", "none", "mystery", None])


@st.composite
def timelines(draw: st.DrawFn, *, most: int, own_times: bool = False) -> list[tuple[Any, ...]]:
    """Events of a few names each time, so that they meet."""
    deck = draw(st.lists(st.sampled_from([*NAMES, "group", "group:"]), min_size=1, max_size=5))
    drawn = st.tuples(TIMES, st.sampled_from(deck), st.sampled_from(["ada", "ada", "bo", "cy", None]), PROPERTIES, PLANS)
    least = draw(st.integers(0, most // 2))
    return draw(st.lists(drawn, min_size=least, max_size=most, unique_by=(lambda each: each[0]) if own_times else None))


def _events(drawn: list[tuple[Any, ...]]) -> list[oracle.Event]:
    events = []
    for index, (t, name, person, properties, plan) in enumerate(drawn):
        group = name.startswith("group")
        events.append(
            {
                "id": f"m{index * 7919 % 1000:03d}",
                "t": t,
                "kind": "group" if group else "track",
                "name": None if group else name,
                "person": person,
                "properties": properties,
                "traits": {"plan": plan, "name": "Acme"} if name == "group" else {},
            }
        )
    return events


def _usage(event: oracle.Event) -> UsageEvent:
    more = {key: event[key] for key in ("kind", "person", "properties", "traits")}
    return usage(event["id"], event["t"], event["name"], **more)


def _again(account: Account) -> Account:
    """The account as another process would load it."""
    dump = account.dump()
    return Account.load(account.project, account.external_id, dump.hot, dump.chunks)


class _Stored:
    """An account whose bytes are all that survives."""

    def __init__(self) -> None:
        self.account = Account.new("acme-mail", "acc_9")
        self.chunks: dict[tuple[str, int], bytes] = {}

    def reload(self) -> None:
        dump = self.account.dump()
        self.chunks.update(dump.chunks)
        self.chunks = {key: data for key, data in self.chunks.items() if data}
        self.account = Account.load("acme-mail", "acc_9", dump.hot, self.chunks)


def _answers(account: Account, t: int) -> dict[str, Any]:
    moment = Moment(account.facts, PROGRAM.ladder, t, t)
    answers = {name: PROGRAM.values[name].read(moment) for name in (*RULEBOOK.measures, "stage", "onboarding.done")}
    answers |= {name: reader.used(moment) for name, reader in PROGRAM.limits.items()}
    answers["plan"] = moment.standing.plan.name if moment.standing.plan is not None else None
    return answers


@settings(max_examples=150, deadline=None)
@given(timelines(most=30), st.randoms(use_true_random=False), st.lists(TIMES, min_size=1, max_size=5))
def test_every_order_gives_the_answers_of_the_oracle_at_any_time(drawn: list[Any], random: Any, times: list[int]) -> None:
    events = _events(drawn)
    shuffled = random.sample(events, len(events))
    stored = _Stored()
    for event in shuffled:
        fold(PROGRAM, stored.account.facts, _usage(event))
        if random.random() < 0.3:
            stored.reload()
    for t in [*times, *(event["t"] + edge for event in events for edge in (-1, 0))]:
        assert _answers(stored.account, t) == oracle.measures(events, t)


@settings(max_examples=200, deadline=None)
@given(timelines(most=40, own_times=True), st.sets(st.integers(0, 40)))
def test_events_in_order_give_the_signals_of_the_oracle(drawn: list[Any], restarts: set[int]) -> None:
    events = sorted(_events(drawn), key=lambda event: event["t"])
    stored, found, lead_events = _Stored(), set(), []
    for index, event in enumerate(events):
        made = process(PROGRAM, stored.account, _usage(event), place(event["t"] + 200, index))
        lead_events += made
        for lead_event in made:
            found |= {(each["rule"], each["step"], each["at"]) for each in lead_event.data["signals"]}
        if index in restarts:
            stored.reload()
    expected = oracle.signals(events)
    note(f"signals: {min(len(expected), 4)}")
    assert found == {(rule, step, _time(at)) for rule, step, at in expected}
    assert len({lead_event.id for lead_event in lead_events}) == len(lead_events)
    open_leads = stored.account.ledger.open_leads
    assert len(open_leads) <= 1, "a weaker signal enriches, a stronger one takes over"


def _time(ms: int) -> str:
    from datetime import UTC, datetime

    return datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


@settings(max_examples=40, deadline=None)
@given(timelines(most=25), st.sets(st.integers(0, 25)))
def test_a_restart_between_any_two_events_changes_no_byte_of_what_is_said(drawn: list[Any], restarts: set[int]) -> None:
    calm, restarted = Account.new("acme-mail", "acc_9"), _Stored()
    for index, event in enumerate(_events(drawn)):
        at = place(T0 + 100 * DAY, index)
        assert process(PROGRAM, calm, _usage(event), at) == process(PROGRAM, restarted.account, _usage(event), at)
        if index in restarts:
            restarted.reload()
    assert _again(calm).ledger == restarted.account.ledger
