"""Cases that Hypothesis makes up: a rulebook, the log of one account (late, doubled, out of order), commands, restarts, ticks."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any, TypeVar

from hypothesis import HealthCheck, Phase, seed, settings

from tests.oracle.account import DAY, Event, Override
from tests.oracle.calendar import PERIODS, during
from tests.oracle.conditions import aspect, duration, leaves
from tests.truth import strategies as st
from tests.truth.books import EMAILS, EVA, EVENTS, TITLES, TOPICS, rulebooks
from tests.truth.sales import HOUR, Command, commands, overrides_in

Test = TypeVar("Test", bound=Callable[..., None])
SOAK = os.environ.get("HANDRAISER_SOAK") == "1"
"""Many times as many cases."""
CASES = settings(
    max_examples=500 if SOAK else 200,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    phases=[Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink],
)


def own_cases(part: int) -> Callable[[Test], Test]:
    """In CI Hypothesis makes up the same cases in every run: even there each part of a test has its own."""
    return seed(part) if CASES.derandomize else lambda test: test


ORDERS = 4
"""To play a case once more costs a tenth of making it up."""
T0 = 1_779_840_000_000  # 2026-05-27T00:00:00Z: June begins at day 5
LATENESS = "24h"
TRACKED = [
    *("Signed Up", "Imported", "Uploaded", "Sent", "Shared", "Surveyed", "Asked", "Ticket", "Measured"),
    *(
        "Counted",
        "Counted",
        "Emailed",
        "Emailed",
        "Count Refused",
        "Send Refused",
        "AI Opened",
        "AI Refused",
        "AB Opened",
        "Other",
    ),
]
PLANS = ["free", "standard", "standard", "premium", "free", "none", None, "", "mystery", "trial"]
ADDONS_SAID = [["pack"], ["robot", "pack", "pack"], {"pack": 2}, "robot, nothing", [], None]
PEOPLE = ["ada", "ada", "bo", EVA, None]
PROPERTIES = {
    "total": st.sampled_from([1, 5, 8, 9, 10, 16, 20, "8", True]),
    "minutes": st.sampled_from([1, 5, 8, 16, -2, 0.5, "8", True]),
    "ok": st.sampled_from([True, True, 1]),
    "topic": st.sampled_from([*TOPICS, *TOPICS, None, ["weather", "PRI"]]),
    "viewer": st.sampled_from(["a", "b", 1, True]),
    "path": st.sampled_from(["/pricing", "/sent", "/sent/", "/", None, None]),
    "url": st.sampled_from(["https://x.example/pricing/all?a=1#b", "https://x.example/sent?x=/pricing", "http://[x", None]),
    "mood": st.sampled_from(["good", "bad", 3, None]),
}
RULEBOOKS: st.SearchStrategy[dict[str, Any]] = rulebooks()
ENDS: list[Any] = [
    *("2026-05-27", "2026-05-28 01:00", "2026-05-30T00:00:00Z", "2026-06-01T02:00:00+02:00"),
    *((T0 + 2 * DAY) // 1000, T0 + 4 * DAY + 1, None, "soon", 30),
]
"""Dates as products send them, and what is none."""
TAGS: list[Any] = [["a", 7, True], ["a", 7], ["b", "aa"], "Aha", "b", {}, None]
USED = {
    "page": ("path", "url"),
    "Counted": ("total", "minutes"),
    "Count Refused": ("total",),
    "Uploaded": ("ok",),
    "Ticket": ("topic", "total"),
    "Asked": ("topic", "total"),
    "Shared": ("viewer",),
    "Measured": ("viewer", "total"),
    "Surveyed": ("mood", "total", "minutes"),
}


@dataclass(frozen=True, slots=True)
class Case:
    """`log` is in order of arrival, copies included. A restart comes after the arrival at its index, and so does a tick.

    Between two ticks all arrivals are as if in one record: timers act at the end of a record. A command is a record of its own.
    """

    book: dict[str, Any]
    log: list[Event]
    restarts: frozenset[int]
    ticks: dict[int, int]
    """Index of an arrival -> partition time at the tick after it."""
    horizon: int
    commands: list[Command]
    orders: list[list[Event | Command]]
    """The same events in other orders, some doubled. A command has its partition time; what was received later comes later."""

    def said_after(self, index: int) -> list[Command]:
        """Between the arrival at this index and the next."""
        return [command for command in self.commands if command.after == index]

    @property
    def newest(self) -> int:
        """When the last of it was received, or said."""
        return max([*(int(event["received_at"]) for event in self.log), *(command.time for command in self.commands)])

    @property
    def overrides(self) -> list[Override]:
        return overrides_in(self.commands)

    @property
    def opts_out(self) -> bool:
        """Whether somebody wants to hear nothing, at least for a while."""
        return any(command.name == "opt_out" for command in self.commands)

    @property
    def quiet(self) -> bool:
        """Whether what became of a lead may silence what comes."""
        return "noise" in self.book

    @property
    def late(self) -> bool:
        times = [event["timestamp"] for event in self.log]
        return any(t <= max(times[:index], default=-1) for index, t in enumerate(times))

    @property
    def doubled(self) -> bool:
        return len({event["id"] for event in self.log}) < len(self.log)


def lateness_of(book: dict[str, Any]) -> int:
    """Milliseconds that no rule finds too late."""
    return min(duration(rule.get("lateness", LATENESS)) for rule in book["rules"].values())


def _spans(book: dict[str, Any]) -> list[int]:
    """How far apart things meet: windows, cooldowns, trials."""
    lengths = [measure[key] for measure in book["measures"].values() for key in ("window", "within") if key in measure]
    lengths = [length for length in lengths if length not in PERIODS]
    lengths += [line["fades"] for line in _points(book) if "fades" in line]
    lengths += [rule["cooldown"] for rule in book["rules"].values() if "cooldown" in rule]
    days = [plan["days"] * DAY for plan in book["plans"].values() if "days" in plan]  # no dated plan has it
    edges = [edge for measure in book["measures"].values() if "during" in measure for edge in during(measure["during"])[:2]]
    return sorted({*map(duration, lengths), *days, *edges, 14 * DAY})


def _points(book: dict[str, Any]) -> list[dict[str, Any]]:
    """The lines of the score."""
    score = book.get("score", {})
    return [*score.get("fit", ()), *score.get("behaviour", ())]


_BEHIND: dict[str, Any] = {
    "premium": ["AI Opened", "AI Refused", "AB Opened", "group"],
    "active": ["Other"],
    "onboarding": ["signed", "imported", "sent", "Shared", "imported"],
    "person": ["identify"],
    "properties": [],
    **{root: ["group"] for root in ("account", "plan", "stage", "trial", "paying", "segment")},
    **{root: [] for root in ("score", "temperature")},  # their lines are asked for themselves
    **EVENTS,
}


def _wires(names: Any, book: dict[str, Any]) -> list[str]:
    """By the product's own names the events that are behind a name, a selector or a measure."""
    if isinstance(names, dict):
        pages = ["page"] * ("page" in names)
        first = [during(names["during"])[2]] * 2 if "during" in names else []
        traits = ["identify"] * 2 if "person.title" in (names.get("distinct"), names.get("most_by")) else []
        billed = ["group"] if names.get("window") == "billing period" else []
        names = [
            *(names[key] for key in ("count", "of", "absent", "after", "since", "elapsed", "sequence", "all") if key in names),
            *first,
            *billed,
            *traits,
            *pages,
        ]
    if isinstance(names, list):
        return [wire for name in names for wire in _wires(name, book)]
    of_limits = [each[key] for each in book["limits"].values() for key in ("count", "of", "refused") if key in each]
    behind = {**_BEHIND, **book["measures"], "limit": of_limits}
    return _wires(behind[names], book) if names in behind else [names]


def _root(path: str) -> str:
    """What begins a name; `limits.emails.used` and the like are any use of a limit, and what another rule looks at is its own."""
    root = aspect(path)[1].partition(".")[0]
    return {"limits": "limit", "rules": "properties", "customer_since": "plan"}.get(root, root)


def used_by(book: dict[str, Any]) -> list[str]:
    """The events that its rules look at; `group` for the plan, `identify` for a person."""
    names = [name for rule in book["rules"].values() for name in (*rule.get("event", ()), rule.get("each", "active"))]
    conditions = [condition for rule in book["rules"].values() for condition in rule.get("when", ())]
    if any("each" in rule for rule in book["rules"].values()):
        conditions += [limit["if"] for limit in book["limits"].values() if "if" in limit]
    conditions += [line["if"] for line in _points(book) if "if" in line]
    names += [name for line in _points(book) for name in line.get("event", ())]
    names += [_root(leaf[1]) for condition in conditions for leaf in leaves(condition)]
    return _wires(names, book)


_DAY = st.sampled_from([0, 0, 0, 1, 2, 4, 5, 6, 12, 13])
_WITHIN = st.sampled_from([0, 0, 1, HOUR, 4 * HOUR, 12 * HOUR, 22 * HOUR, 23 * HOUR])  # midnight here, and there
_AT = st.builds(lambda d, ms: T0 + d * DAY + ms, _DAY, _WITHIN)


@st.composite
def _times(draw: st.DrawFn, book: dict[str, Any]) -> list[int]:
    """Few instants, close together or exactly a window apart, so that events fall together, in order and at the edges."""
    base = draw(st.lists(_AT, min_size=2, max_size=5))
    spans = draw(st.lists(st.sampled_from(_spans(book)), max_size=2))
    return [t + span for t in base for span in (0, *spans)]


@st.composite
def _events(draw: st.DrawFn, book: dict[str, Any], most: int, too_late: list[int]) -> list[Event]:
    times, allowed = draw(_times(book)), lateness_of(book)
    often = "trial" in book["plans"] or "since" in book.get("plan", {})
    more = ["group"] * (12 if often else 1)  # a trial is said again, and ended by other plans; what was said is said anew
    deck = draw(
        st.lists(st.sampled_from([*used_by(book) * 8, *TRACKED, *more, "group", "identify", "page"]), min_size=2, max_size=5)
    )
    if any("each" in rule for rule in book["rules"].values()):
        more = [each for name in (book["limits"].get("more", {}).get("of"),) for each in (_wires(name, book) if name else ())]
        deck.append(draw(st.sampled_from(["Counted", "Emailed", *more, *more])))
    delays = st.sampled_from([0, 0, 0, 1, min(6 * HOUR, allowed), allowed - 1, allowed, allowed, *too_late])
    plan_delays = st.sampled_from([0, 0, HOUR, allowed, 2 * DAY, 10 * DAY])
    at = st.builds(lambda t, ms: t + ms, st.sampled_from(times), st.sampled_from([0, 0, 0, 0, 1, -1]))
    least = draw(st.sampled_from([4, 8, 12, 14]))
    drawn = draw(st.lists(st.tuples(at, st.sampled_from(deck), st.sampled_from(PEOPLE)), min_size=least, max_size=most))
    found = []
    begins_on = draw(st.sampled_from([None, *reversed(book["plans"]), None]))
    if begins_on is not None:
        found.append(said_as(book, {**event("m", min(times), "group", None), "traits": {"plan": begins_on}}, 0))
    for index, (t, what, person) in enumerate(drawn):
        made = event(f"m{index * 7919 % 1000:03d}", t, what, person)
        if what == "group":
            made["traits"] = draw(_account_traits(book))
        elif what == "identify":
            said = [*({"title": title} for title in [*TITLES, None, ["CTO"]]), {"born": T0 + DAY}]
            # What is dropped because of what was said of a person's e-mail depends on the order of the log.
            emails = [] if "drop_events" in book else [{"email": address} for address in EMAILS]
            made["traits"] = draw(st.sampled_from(said + emails))
        else:
            values = {name: draw(PROPERTIES[name]) for name in USED.get(what, ())}
            made["properties"] = {name: value for name, value in values.items() if value is not None}
        never_too_late = list(made["traits"]) in (["plan"], ["addons"]) and person is None
        made["received_at"] = t + draw(plan_delays if never_too_late else delays)
        found.append(said_as(book, made, draw(st.sampled_from([None, 0, HOUR, DAY, 2 * DAY, 4 * DAY, -HOUR]))))
    return found


def said_as(book: dict[str, Any], made: Event, before: int | None) -> Event:
    """A plan, as the book wants it said: by another trait, or by an event; counting so long before, if it can say so."""
    if "plan" not in book or "plan" not in made["traits"]:
        return made
    plan, t = made["traits"]["plan"], made["timestamp"]
    since = {} if before is None or "since" not in book["plan"] else {book["plan"]["since"].partition(".")[2]: t - before}
    if "of" not in book["plan"]:
        return {**made, "traits": {"tier": plan, **since}}
    return {**made, "type": "track", "name": book["plan"]["of"], "traits": {}, "properties": {"tier": plan or "none", **since}}


def event(message_id: str, t: int, what: str, person: str | None) -> Event:
    kind = what if what in ("group", "identify", "page") else "track"
    name = what if kind == "track" else None
    anonymous = "a1" if person is None and kind != "group" else None
    return {
        "id": message_id,
        "type": kind,
        "timestamp": t,
        "received_at": t,
        "name": name,
        "person": person,
        "anonymous": anonymous,
        "properties": {},
        "traits": {},
    }


@st.composite
def _account_traits(draw: st.DrawFn, book: dict[str, Any]) -> dict[str, Any]:
    if "billing period" in str((book["measures"], book["limits"])) and draw(st.booleans()):
        return {"billed": draw(st.sampled_from([28, 31, 28, 31, 1, 0, "28", None]))}
    for trait, values in (("ends", ENDS), ("tags", TAGS)):
        if f"account.{trait}" in repr((book["rules"], book.get("score"))) and draw(st.booleans()):
            return {trait: draw(st.sampled_from(values))}
    if draw(st.integers(0, 5)) == 0:
        return {"size": draw(st.sampled_from([50, 5, None]))}
    if draw(st.integers(0, 4)) == 0:
        return {"addons": draw(st.sampled_from(ADDONS_SAID))}
    return {"plan": draw(st.sampled_from([*["trial"] * 10, *PLANS] if "trial" in book["plans"] else PLANS))}


@st.composite
def _log(draw: st.DrawFn, events: list[Event]) -> list[Event]:
    """In order of receipt. Of some events a copy comes later; it may say something else, and is not heard."""
    copies = []
    for event in draw(st.lists(st.sampled_from(events), max_size=3)):
        later = draw(st.sampled_from([0, 1, HOUR, 6 * DAY]))
        other = draw(
            st.sampled_from([{}, {}, {"properties": {"total": 10, "ok": True}}, {"timestamp": event["timestamp"] - HOUR}])
        )
        copies.append({**event, **other, "received_at": event["received_at"] + later})
    return sorted([*events, *copies], key=lambda event: int(event["received_at"]))


def _firsts(log: list[Event]) -> list[Event]:
    return list({event["id"]: event for event in reversed(log)}.values())


@st.composite
def cases(
    draw: st.DrawFn, most: int = 22, *, too_late: bool = False, books: st.SearchStrategy[dict[str, Any]] = RULEBOOKS
) -> Case:
    """Plans may be as late as they like; no other event is too late for any rule, unless `too_late`."""
    book = draw(books)
    log = draw(_log(draw(_events(book, most, [25 * HOUR, 9 * DAY] if too_late else []))))
    indexes = st.integers(0, len(log) - 1)
    doubled = draw(st.lists(st.sampled_from(log), max_size=4))
    firsts = _firsts(log)
    copies = [event for event in firsts if any(event["id"] == each["id"] for each in doubled)]
    horizon = max(event["received_at"] for event in log) + draw(st.sampled_from([40 * DAY, 20 * DAY, 4 * DAY, 0]))
    later = draw(st.dictionaries(indexes, st.sampled_from([0, 0, 0, 1, HOUR, DAY, 5 * DAY]), max_size=12))
    clock = _clock(log, later, horizon)
    said = draw(commands(book, log, clock, horizon))
    random = Random(draw(st.integers(0, 10_000)))  # Hypothesis' own permutations are mostly the order as it was
    return Case(
        book=book,
        log=log,
        restarts=frozenset(draw(st.lists(indexes, max_size=6))),
        ticks={index: clock[index + 1] for index in later},
        horizon=horizon,
        commands=said,
        orders=[_shuffled([*firsts, *copies], said, random) for _ in range(ORDERS)],
    )


def _clock(log: list[Event], later: dict[int, int], horizon: int) -> list[int]:
    """Partition time before the first arrival, and after each with its tick."""
    clock = [log[0]["received_at"] - HOUR]
    for index, event in enumerate(log):
        clock.append(min(max(clock[-1], event["received_at"]) + later.get(index, 0), horizon))
    return clock


def _shuffled(events: list[Event], said: list[Command], random: Random) -> list[Event | Command]:
    """The commands keep their order; an event comes before or after any of them, but for those from before it was received."""
    found: list[Event | Command] = []
    stretches: list[list[Event | Command]] = [[] for _ in range(len(said) + 1)]
    for event in random.sample(events, len(events)):
        first = sum(command.time < event["received_at"] for command in said)
        stretches[random.randint(first, len(said))].append(event)
    for stretch, command in zip(stretches, [*said, None], strict=True):
        found += stretch if command is None else [*stretch, command]
    return found
