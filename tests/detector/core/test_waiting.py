"""What is due when: a lead's expiry and the end of quiet are timers of the account, kept with it."""

from dataclasses import replace

import msgspec
import pytest

from detector.core.instants import NEVER
from detector.core.judge import advance
from detector.core.ledger import Ledger
from detector.core.rulebook.compile import compile_rulebook
from detector.core.rulebook.model import Noise, Rulebook
from detector.core.rulebook.program import Program
from tests.detector.core.sample import DAY, RULEBOOK, T0, place
from tests.detector.core.story import types
from tests.detector.core.test_commands import Desk, stored

QUIET_DAYS, EXPIRES_DAYS = 10, 30


def aging(rulebook: Rulebook = RULEBOOK) -> Program:
    types = tuple(replace(each, expires_ms=EXPIRES_DAYS * DAY) for each in rulebook.lead_types)
    return compile_rulebook(replace(rulebook, lead_types=types, noise=Noise(quiet_after={"rejected": QUIET_DAYS * DAY})), 3)


def told(desk: Desk, day: float) -> list[str]:
    return [event.type for event in advance(desk.program, desk.account, place(T0 + int(day * DAY), 99))]


def test_a_lead_is_due_when_it_expires_and_no_more_when_it_is_closed() -> None:
    desk = Desk(aging())
    [created] = desk.contacts(8, 1)
    ledger = desk.account.ledger
    assert ledger.due == T0 + (1 + EXPIRES_DAYS) * DAY
    desk.says("outcome", 5, lead=created.data["lead_id"], status="accepted", program=desk.program)
    assert ledger.due == T0 + (5 + EXPIRES_DAYS) * DAY
    desk.says("outcome", 6, lead=created.data["lead_id"], status="won", program=desk.program)
    assert (ledger.due, ledger.quiet) == (NEVER, {})


def test_it_expires_once_though_the_process_restarts() -> None:
    desk = Desk(aging())
    desk.contacts(8, 1)
    desk.account = stored(desk.account)
    assert told(desk, 1 + EXPIRES_DAYS - 0.001) == []
    assert told(desk, 1 + EXPIRES_DAYS) == ["lead.expired"]
    desk.account = stored(desk.account)
    assert told(desk, 99) == []
    assert desk.account.ledger.last_outcome == "expired"


def test_a_lead_that_is_made_long_after_the_fact_expires_in_its_own_time() -> None:
    desk = Desk(aging())
    desk.happens(None, 0, kind="identify", person="ada")
    created = desk.contacts(8, 1, arrives=1.5)
    assert [event.type for event in created] == ["lead.created"]
    assert desk.account.ledger.due == T0 + (1 + EXPIRES_DAYS) * DAY


def test_quiet_needs_a_timer_only_if_it_silenced_something() -> None:
    desk = Desk(aging())
    [created] = desk.contacts(8, 1)
    desk.says("outcome", 2, lead=created.data["lead_id"], status="rejected", program=desk.program)
    ledger = desk.account.ledger
    assert ledger.quiet == {"pql": T0 + (2 + QUIET_DAYS) * DAY}
    assert ledger.due == NEVER
    assert desk.contacts(10, 3) == []
    assert (ledger.due, ledger.rules["limit/contacts"].signals[-1].silent) == (T0 + (2 + QUIET_DAYS) * DAY, "quiet")
    desk.account = stored(desk.account)
    assert told(desk, 2 + QUIET_DAYS) == ["lead.created"]
    assert desk.account.ledger.quiet == {}


def test_what_was_stored_before_there_was_any_of_this_is_read_as_never() -> None:
    """Fields are stored by their place, so these lack at the end."""
    desk = Desk(aging())
    desk.contacts(8, 1)
    *fields, quiet, _, _, _, _ = msgspec.to_builtins(desk.account.ledger)
    (state,), (lead,) = (list(fields[0].values()), list(fields[1].values()))
    state[3] = [signal[:-2] for signal in state[3]]
    del lead[-6:]
    before = msgspec.convert(fields, Ledger)
    assert (quiet, before.quiet) == ({}, {})
    assert before.open_leads["pql"].expires_at == NEVER
    assert (before.rules["limit/contacts"].signals[0].silent, before.rules["limit/contacts"].signals[0].told_at) == ("", -1)


def asking(to: str = "sales") -> Program:
    """An answer is expected within half a day."""
    types = tuple(replace(each, answer_in_ms=DAY // 2, to=to) for each in RULEBOOK.lead_types)
    return compile_rulebook(replace(RULEBOOK, lead_types=types), 3)


def test_a_lead_that_nobody_answers_in_time_is_told_once_more_and_then_no_more() -> None:
    desk = Desk(asking())
    [created] = desk.contacts(8, 1)
    assert created.data["overdue"] is False
    desk.account = stored(desk.account)
    assert told(desk, 1.5) == [], "half a day from when it came, which was 100 ms after it happened"
    [overdue] = advance(desk.program, desk.account, place(T0 + DAY + DAY // 2 + 100, 99))
    assert (overdue.type, overdue.data["status"], overdue.data["overdue"], overdue.notify) == ("lead.overdue", "open", True, True)
    assert overdue.data["changes"] == [{"field": "overdue", "rule": None, "old": False, "new": True}]
    desk.account = stored(desk.account)
    assert told(desk, 99) == []
    accepted = desk.says("outcome", 100, lead=created.data["lead_id"], status="accepted", program=desk.program)
    assert accepted.lead_events[0].data["overdue"] is False


@pytest.mark.parametrize(("command", "arguments"), [("outcome", {"status": "accepted"}), ("outcome", {"status": "rejected"})])
def test_an_answer_in_time_is_one(command: str, arguments: dict[str, str]) -> None:
    desk = Desk(asking())
    [created] = desk.contacts(8, 1)
    desk.says(command, 1.2, lead=created.data["lead_id"], program=desk.program, **arguments)
    assert told(desk, 99) == []


def test_whoever_puts_a_lead_off_is_reminded_when_they_wanted_to_be_and_no_sooner() -> None:
    desk = Desk(asking())
    [created] = desk.contacts(8, 1)
    desk.says("snooze", 1.2, lead=created.data["lead_id"], until=T0 + 4 * DAY, program=desk.program)
    assert told(desk, 3.9) == []
    assert told(desk, 4) == ["lead.overdue"]


def test_a_snooze_that_ends_after_the_time_to_answer_leaves_the_lead_overdue_at_once() -> None:
    desk = Desk(asking())
    [created] = desk.contacts(8, 1)
    lead = created.data["lead_id"]
    desk.says("snooze", 1.2, lead=lead, until=T0 + 9 * DAY, program=desk.program)
    desk.says("snooze", 3, lead=lead, until=None, program=desk.program)
    assert told(desk, 3.001) == ["lead.overdue"]


def test_nobody_waits_for_the_answer_of_a_program() -> None:
    desk = Desk(asking("product"))
    assert types(desk.contacts(8, 1)) == [("lead.created", "pql")]
    assert told(desk, 99) == []


def test_what_nobody_was_told_of_is_not_overdue_and_its_time_begins_when_it_is_told() -> None:
    desk = Desk(asking())
    [recorded] = desk.contacts(8, 1, arrives=10)
    assert (recorded.type, recorded.notify) == ("lead.created", False)
    assert told(desk, 12) == []
    [told_of] = desk.contacts(10, 13)
    assert (told_of.type, told_of.notify, told_of.data["answer_by"]) == ("lead.updated", True, "2026-06-09T12:00:00.100Z")
    assert told(desk, 13.6) == ["lead.overdue"]
