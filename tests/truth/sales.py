"""What sales says of a made-up account: commands, each at its place in the log."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, TypeAlias

from tests.oracle.account import DAY, Event, Override
from tests.truth import strategies as st

HOUR = 3_600_000


@dataclass(frozen=True, slots=True)
class Command:
    """`time`: partition time of its record, which comes after the arrival at index `after`, and its tick; -1: before all.

    `lead`: the how-manieth of the leads that are there when it comes, if it is about a lead.
    """

    id: str
    after: int
    time: int
    name: str
    arguments: dict[str, Any]
    lead: int


_Said: TypeAlias = tuple[str, dict[str, Any]]
_OF_LEADS: list[_Said] = [
    *(
        ("outcome", {"status": status})
        for status in ("accepted", "accepted", "opportunity", "won", "lost", "rejected", "recycled")
    ),
    *(("owner", {"email": email}) for email in ("eva@acme-mail.example", "jo@acme-mail.example")),
    *(("snooze", {"until": later}) for later in (HOUR, 3 * DAY, 0, None)),
]
_OPT_OUTS: list[_Said] = [
    ("opt_out", {"opted_out": opted_out, "person": person}) for opted_out in (True, True, False) for person in (None, "ada", "bo")
]


def _overrides(log: list[Event]) -> list[_Said]:
    """Of the limits that are used, around what is used of them."""
    totals = {event["properties"].get("total") for event in log if event["name"] == "Counted"}
    contacts = {total for total in totals if isinstance(total, int) and not isinstance(total, bool)}
    emails = sum(event["name"] == "Emailed" for event in log)
    used = {"contacts": contacts, "emails": {emails, (emails + 1) // 2} - {0}}
    found: list[_Said] = []
    for limit in [name for name in used if used[name]] or used:
        amounts = sorted(used[limit])
        allowed = dict.fromkeys([*amounts, 1, None, *(2 * amount for amount in amounts)])
        found += [("override", {"limit": limit, "allowed": each}) for each in (*amounts, *amounts, *allowed)]
        found.append(("override", {"limit": limit, "remove": True}))
    return found


@st.composite
def commands(draw: st.DrawFn, book: dict[str, Any], log: list[Event], clock: list[int], horizon: int) -> list[Command]:
    """In order of the log. `clock`: partition time before the first arrival and after each. Of some a copy comes, anywhere."""
    limited = any("each" in rule for rule in book["rules"].values())
    many = draw(st.sampled_from([(2, 0), (1, 2), (3, 2), (1, 0), (0, 0)] if limited else [(0, 0), (0, 0), (0, 3), (1, 2)]))
    anywhere = st.tuples(st.integers(0, len(clock) - 1), st.sampled_from([0, 0, 0, 1, HOUR, DAY]))
    early = st.tuples(st.integers(0, 2), st.sampled_from([0, 0, HOUR]))  # most of the log is then judged by it
    override = st.tuples(st.one_of(early, anywhere), st.sampled_from(_overrides(log)), st.just(0))
    other = st.tuples(anywhere, st.sampled_from([*_OF_LEADS * 2, *_OPT_OUTS]), st.integers(0, 2))
    drawn = [draw(each) for each in [override] * many[0] + [other] * many[1]]
    numbered = [(place, number, said, lead) for number, (place, said, lead) in enumerate(drawn)]
    if numbered and draw(st.integers(0, 3)) == 0:
        _, number, said, lead = draw(st.sampled_from(numbered))
        numbered.append((draw(anywhere), number, said, lead))
    found: list[Command] = []
    time = 0
    for (index, later), number, (name, arguments), lead in sorted(numbered, key=lambda each: each[:2]):
        time = max(time, min(clock[index] + later, horizon))
        until = arguments.get("until")
        dated = arguments if until is None else {"until": time + until}
        found.append(Command(f"c{number}", index - 1, time, name, dated, lead))
    return found


def overrides_in(said: Iterable[Command]) -> list[Override]:
    """As the oracle reads them."""
    first: dict[str, Command] = {}
    for command in said:
        first.setdefault(command.id, command)
    overrides = (each for each in first.values() if each.name == "override")
    return [Override(each.time, each.arguments["limit"], _allowed(each.arguments)) for each in overrides]


def _allowed(arguments: dict[str, Any]) -> Any:
    if "remove" in arguments:
        return "plan"
    return "none" if arguments["allowed"] is None else arguments["allowed"]
