"""Facts answer the same for every order of the same events, and what the naive oracle says."""

from typing import Any

from hypothesis import event as note
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.messages import UsageEvent
from detector.core.account import Account
from detector.core.fold import fold
from detector.core.judge import advance, process
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
def timelines(draw: st.DrawFn, *, most: int) -> list[tuple[Any, ...]]:
    """Events of a few names each time, so that they meet."""
    deck = draw(st.lists(st.sampled_from([*NAMES, "group", "group:"]), min_size=1, max_size=5))
    drawn = st.tuples(TIMES, st.sampled_from(deck), st.sampled_from(["ada", "ada", "bo", "cy", None]), PROPERTIES, PLANS)
    least = draw(st.integers(0, most // 2))
    return draw(st.lists(drawn, min_size=least, max_size=most))


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
    moment = Moment(account.facts, PROGRAM.ladder, t)
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


def _signals(events: list[oracle.Event], restarts: set[int]) -> set[tuple[str, str | None, int, str]]:
    """Rule, step, time and lead type of every signal that stands at the end; time passes in between, and a long while after."""
    stored, now = _Stored(), T0
    for index, event in enumerate(events):
        now = max(now, event["t"] + 100)
        process(PROGRAM, stored.account, _usage(event), place(now, index))
        if index in restarts:
            stored.reload()
        if index % 5 == 4:
            advance(PROGRAM, stored.account, place(now, index))
    advance(PROGRAM, stored.account, place(T0 + 100 * DAY, len(events)))
    rules = stored.account.ledger.rules.items()
    return {(name, each.step, each.qualified_at, each.lead_type) for name, state in rules for each in state.signals}


@settings(max_examples=200, deadline=None)
@given(timelines(most=25), st.randoms(use_true_random=False), st.sets(st.integers(0, 25)))
def test_the_same_events_give_the_same_signals_in_any_order(drawn: list[Any], random: Any, restarts: set[int]) -> None:
    events = _events(drawn)
    calm = _signals(sorted(events, key=lambda event: (event["t"], event["id"])), set())
    note(f"signals: {min(len(calm), 4)}")
    assert _signals(random.sample(events, len(events)), restarts) == calm


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
