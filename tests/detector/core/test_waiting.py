"""What is due when: a lead's expiry and the end of quiet are timers of the account, kept with it."""

from dataclasses import replace

import msgspec

from detector.core.instants import NEVER
from detector.core.judge import advance
from detector.core.ledger import Ledger
from detector.core.rulebook.compile import compile_rulebook
from detector.core.rulebook.model import Noise, Rulebook
from detector.core.rulebook.program import Program
from tests.detector.core.sample import DAY, RULEBOOK, T0, place
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
    del lead[-3:]
    before = msgspec.convert(fields, Ledger)
    assert (quiet, before.quiet) == ({}, {})
    assert before.open_leads["pql"].expires_at == NEVER
    assert (before.rules["limit/contacts"].signals[0].silent, before.rules["limit/contacts"].signals[0].told_at) == ("", -1)
