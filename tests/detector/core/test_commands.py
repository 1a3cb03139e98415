"""What sales tells of leads and accounts: each transition, what is refused, and what follows for later signals."""

import json
from dataclasses import replace
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.messages import Command, LeadEvent
from detector.core.account import Account
from detector.core.commands import KINDS, OPTED_OUT_PEOPLE_MAX, TIME_MAX, Applied, apply
from detector.core.judge import import_ended
from detector.core.overrides import OVERRIDES_MAX, Override, override_at
from detector.core.rulebook.compile import compile_rulebook
from detector.core.rulebook.program import Program
from tests.detector.core.sample import DAY, RULEBOOK, T0, at_least, place
from tests.detector.core.story import PROGRAM, Story, types

NEXT = {
    "open": {"accepted", "opportunity", "won", "lost", "rejected", "recycled"},
    "accepted": {"opportunity", "won", "lost", "rejected", "recycled"},
    "opportunity": {"won", "lost", "rejected", "recycled"},
}
STATUSES = sorted(NEXT["open"])


class Desk(Story):
    """A story in which sales speaks too."""

    def says(self, name: str, day: float, *, program: Program | None = PROGRAM, **arguments: Any) -> Applied:
        self.number += 1
        command = Command(id=f"c{self.number}", project="acme-mail", account="acc_9", name=name, arguments=arguments)
        return apply(program, self.account, command, place(T0 + int(day * DAY), self.number))

    def outcome(self, lead: str, status: str, day: float, **more: Any) -> Applied:
        return self.says("outcome", day, lead=lead, status=status, **more)


def desk_with_lead(status: str = "open") -> tuple[Desk, str]:
    """An account with one lead, which sales has brought to `status`."""
    desk = Desk()
    [created] = desk.contacts(8, 1)
    lead: str = created.data["lead_id"]
    if status != "open":
        assert desk.outcome(lead, status, 1.5).code is None
    return desk, lead


def changes(event: LeadEvent) -> list[tuple[str, object, object]]:
    return [(each["field"], each["old"], each["new"]) for each in event.data["changes"]]


def stored(account: Account) -> Account:
    """The account as it comes back from its stored bytes."""
    dump = account.dump()
    return Account.load(account.project, account.external_id, dump.hot, dump.chunks)


@pytest.mark.parametrize("before", NEXT)
@pytest.mark.parametrize("after", STATUSES)
def test_an_outcome_goes_forward_and_never_back(before: str, after: str) -> None:
    desk, lead = desk_with_lead(before)

    done = desk.outcome(lead, after, 2)

    if after in NEXT[before]:
        [event] = done.lead_events
        assert (event.type, event.data["status"], event.data["lead_id"]) == (f"lead.{after}", after, lead)
        assert changes(event) == [("status", before, after)]
        assert done.result == {"lead_id": lead, "status": after, "revision": event.data["revision"], "changed": True}
        assert (after in NEXT) == bool(desk.account.ledger.open_leads)
    elif after == before:
        assert done.result == {"lead_id": lead, "status": before, "revision": 2, "changed": False}
        assert (done.code, done.lead_events) == (None, [])
    else:
        assert (done.code, done.lead_events) == ("bad_transition", [])
        assert done.message is not None
        assert f"is {before} " in done.message
        assert all(possible in done.message for possible in NEXT[before])


@pytest.mark.parametrize("last", ["won", "lost", "rejected", "recycled"])
def test_a_finished_lead_refuses_everything(last: str) -> None:
    desk, lead = desk_with_lead(last)

    for status in STATUSES:
        assert desk.outcome(lead, status, 2).code == "lead_finished"
    assert desk.says("snooze", 2, lead=lead, until=T0 + 9 * DAY).code == "lead_finished"
    assert desk.says("owner", 2, lead=lead, email="jo@us.io").code == "lead_finished"


def test_a_lead_that_a_stronger_one_took_over_is_finished() -> None:
    desk, lead = desk_with_lead()
    desk.happens("Demo Requested", 2, person="ada")
    assert desk.outcome(lead, "accepted", 3).code == "lead_finished"


def test_reason_amount_and_who_said_it_are_told() -> None:
    desk, lead = desk_with_lead()
    [event] = desk.outcome(lead, "won", 2, reason="they love it", amount=1200, by="jo@us.io").lead_events
    assert changes(event) == [
        ("status", "open", "won"),
        ("reason", None, "they love it"),
        ("amount", None, 1200),
        ("by", None, "jo@us.io"),
    ]


def test_the_next_lead_knows_what_became_of_the_last() -> None:
    desk, lead = desk_with_lead()
    desk.outcome(lead, "rejected", 2, reason="a student")
    desk.contacts(1, 3)
    [later] = desk.contacts(8, 16)
    assert later.data["history"] == {"leads_before": 1, "last_outcome": "rejected"}


def test_an_accepted_lead_goes_on_to_gather_signals() -> None:
    desk, lead = desk_with_lead("accepted")
    [event] = desk.contacts(10, 2)
    assert (event.type, event.data["lead_id"], event.data["status"]) == ("lead.updated", lead, "accepted")


def test_snoozing_sets_a_date_and_changes_nothing_else() -> None:
    desk, lead = desk_with_lead()

    [snoozed] = desk.says("snooze", 2, lead=lead, until=T0 + 5 * DAY).lead_events
    [ended] = desk.says("snooze", 3, lead=lead, until=None).lead_events

    until = "2026-06-01T00:00:00.000Z"
    assert (snoozed.type, snoozed.data["snoozed_until"], snoozed.data["status"]) == ("lead.snoozed", until, "open")
    assert changes(snoozed) == [("snoozed_until", None, until)]
    assert (ended.type, ended.data["snoozed_until"]) == ("lead.snoozed", None)
    assert changes(ended) == [("snoozed_until", until, None)]
    assert desk.says("snooze", 3, lead=lead, until=None).lead_events == []


def test_a_snooze_ends_later_than_partition_time() -> None:
    desk, lead = desk_with_lead()
    assert desk.says("snooze", 2, lead=lead, until=T0 + 2 * DAY).code == "not_in_future"
    assert desk.says("snooze", 2, lead=lead, until=T0 + 2 * DAY + 1).code is None


def test_signals_during_a_snooze_enrich_silently_and_are_heard_after_it() -> None:
    desk, lead = desk_with_lead()
    desk.says("snooze", 2, lead=lead, until=T0 + 5 * DAY)

    [during] = desk.contacts(10, 3)
    [after] = desk.happens("Import Refused", 6)

    assert (during.type, during.data["lead_id"], during.notify) == ("lead.updated", lead, False)
    assert during.data["signals"][-1]["step"] == "100%"
    assert (after.data["signals"][-1]["step"], after.notify) == ("refused", True)


def test_what_sales_says_during_a_snooze_is_heard() -> None:
    desk, lead = desk_with_lead()
    desk.says("snooze", 2, lead=lead, until=T0 + 5 * DAY)
    [event] = desk.outcome(lead, "accepted", 3).lead_events
    assert event.notify


def test_an_owner_is_told_and_goes_along_when_a_stronger_lead_takes_over() -> None:
    desk, lead = desk_with_lead()

    [owned] = desk.says("owner", 2, lead=lead, email="jo@us.io").lead_events
    created, superseded = desk.happens("Demo Requested", 3, person="ada")

    assert (owned.type, changes(owned), owned.data["owner"]) == (
        "lead.updated",
        [("owner", None, "jo@us.io")],
        {"email": "jo@us.io"},
    )
    assert desk.says("owner", 4, lead=created.data["lead_id"], email="jo@us.io").result["changed"] is False
    assert (created.data["takes_over"], created.data["owner"]) == (lead, {"email": "jo@us.io"})
    assert superseded.data["lead_id"] == lead


def test_an_override_counts_from_its_partition_time_on() -> None:
    desk = Desk()
    assert desk.says("override", 1, limit="contacts", allowed=25).result == {"account": "acc_9", "changed": True}
    assert desk.says("override", 2, limit="contacts", allowed=25).result["changed"] is False
    desk.says("override", 3, limit="contacts")
    desk.says("override", 4, limit="contacts", remove=True)
    assert desk.says("override", 5, limit="contacts", remove=True).result["changed"] is False

    overrides = stored(desk.account).ledger.overrides
    at = [override_at(overrides, "contacts", T0 + int(day * DAY)) for day in (0.9, 1, 2.9, 3, 4)]
    assert at == [None, Override(T0 + DAY, 25.0), Override(T0 + DAY, 25.0), Override(T0 + 3 * DAY, None), None]
    assert override_at(overrides, "emails", T0 + DAY) is None


def test_an_override_in_an_import_is_judged_with_the_whole_of_it_at_its_end() -> None:
    desk = Desk()
    desk.contacts(8, 1, historical=True)
    assert desk.says("override", 2, limit="contacts", allowed=8).lead_events == []
    desk.contacts(9, 1.5, historical=True)

    [created] = import_ended(PROGRAM, desk.account, place(T0 + 3 * DAY, 9))

    assert (created.data["signals"][0]["step"], created.data["qualified_at"]) == ("100%", "2026-05-28T00:00:00.000Z")


def test_of_two_overrides_at_one_time_the_later_in_the_log_counts() -> None:
    desk = Desk()
    desk.says("override", 1, limit="contacts", allowed=25)
    desk.says("override", 1, limit="contacts", allowed=30)
    assert override_at(desk.account.ledger.overrides, "contacts", T0 + DAY) == Override(T0 + DAY, 30.0)


def test_only_so_many_overrides_are_kept() -> None:
    desk = Desk()
    for day in range(OVERRIDES_MAX + 5):
        desk.says("override", day, limit="contacts", allowed=day)
    kept = desk.account.ledger.overrides["contacts"]
    assert [len(kept), kept[0].allowed, kept[-1].allowed] == [OVERRIDES_MAX, 5.0, OVERRIDES_MAX + 4.0]


def test_a_limit_that_the_rulebook_lacks_is_refused_with_those_it_has() -> None:
    desk = Desk()
    refused = desk.says("override", 1, limit="contact", allowed=25)
    assert refused.code == "unknown_limit"
    assert refused.message == "The rulebook has no limit 'contact'. It has: contacts and emails."


def test_the_override_of_a_limit_that_the_rulebook_has_no_more_can_be_removed() -> None:
    desk = Desk()
    desk.says("override", 1, limit="contacts", allowed=25)
    without = compile_rulebook(replace(RULEBOOK, limits={}, rules=()), 4)
    assert desk.says("override", 2, program=without, limit="contacts", remove=True).result["changed"] is True


def test_an_opted_out_account_opens_no_lead_and_its_signals_stay_counted() -> None:
    desk = Desk()
    assert desk.says("opt_out", 0, opted_out=True).result == {"account": "acc_9", "changed": True}

    assert desk.contacts(8, 1) == []
    assert desk.happens("Upgrade Clicked", 2, person="ada") == []

    assert {name: state.n for name, state in desk.account.ledger.rules.items()} == {"limit/contacts": 1, "upgrade-request": 1}
    assert stored(desk.account).ledger.opted_out


def test_an_opted_out_account_tells_nothing_more_of_the_lead_it_has_and_sales_may_close_it() -> None:
    desk, lead = desk_with_lead()
    desk.says("opt_out", 2, opted_out=True)
    assert desk.contacts(10, 3) == []
    [closed] = desk.outcome(lead, "recycled", 4).lead_events
    assert closed.type == "lead.recycled"


def test_an_account_that_opts_in_again_is_heard_from_its_next_signal_on() -> None:
    desk = Desk()
    desk.says("opt_out", 0, opted_out=True)
    desk.contacts(8, 1)
    assert desk.says("opt_out", 2, opted_out=False).result["changed"] is True
    assert desk.says("opt_out", 2, opted_out=False).result["changed"] is False
    assert types(desk.contacts(10, 3)) == [("lead.created", "pql")]


def test_the_request_of_somebody_who_opted_out_opens_nothing_and_another_person_s_does() -> None:
    desk = Desk()
    desk.says("opt_out", 0, person="ada", opted_out=True)
    assert desk.happens("Upgrade Clicked", 1, person="ada") == []
    assert types(desk.happens("Demo Requested", 2, person="bo")) == [("lead.created", "sales_sql")]


def test_somebody_who_opted_out_is_named_with_no_leave_to_contact_them() -> None:
    desk = Desk()
    desk.says("opt_out", 0, person="ada", opted_out=True)
    [created] = desk.contacts(8, 1, person="ada")
    assert [(each["external_id"], each["may_contact"]) for each in created.data["people"]] == [("ada", "none")]

    desk.says("opt_out", 2, person="ada", opted_out=False)
    [later] = desk.contacts(10, 3, person="ada")
    assert [each["may_contact"] for each in later.data["people"]] == [None]


def test_a_repeated_request_of_somebody_who_opted_out_adds_no_evidence() -> None:
    desk = Desk()
    [created] = desk.happens("Upgrade Clicked", 1, person="bo")
    desk.says("opt_out", 2, person="ada", opted_out=True)
    desk.happens("Upgrade Clicked", 3, person="ada")
    [lead] = desk.account.ledger.open_leads.values()
    assert (len(lead.evidence), lead.asker) == (len(created.data["evidence"]), "bo")


def test_more_opt_outs_than_an_account_can_keep_are_refused_and_not_lost() -> None:
    desk = Desk()
    desk.account.ledger.opted_out_people = [f"p{n:05d}" for n in range(OPTED_OUT_PEOPLE_MAX)]
    assert desk.says("opt_out", 1, person="q", opted_out=True).code == "too_many_opt_outs"
    assert desk.says("opt_out", 1, person="p00001", opted_out=False).code is None
    assert desk.says("opt_out", 1, person="q", opted_out=True).code is None


@pytest.mark.parametrize(
    ("name", "arguments", "code"),
    [
        ("applaud", {}, "unknown_command"),
        ("outcome", {"lead": "ld_x", "status": "won"}, "lead_not_found"),
        ("outcome", {"lead": "ld_\0", "status": "won"}, "lead_not_found"),
        ("outcome", {"lead": "ld_x", "status": "expired"}, "invalid_command"),
        ("outcome", {"status": "won"}, "invalid_command"),
        ("snooze", {"lead": "ld_x", "until": 10**18}, "invalid_command"),
        ("snooze", {"lead": "ld_x"}, "invalid_command"),
        ("owner", {"lead": "ld_x", "email": 5}, "invalid_command"),
        ("override", {"limit": "contacts", "allowed": -1}, "invalid_command"),
        ("override", {"limit": "a\0b"}, "unknown_limit"),
        ("opt_out", {"person": ""}, "invalid_command"),
    ],
)
def test_what_cannot_be_applied_is_refused_and_changes_nothing(name: str, arguments: dict[str, Any], code: str) -> None:
    desk, _ = desk_with_lead()
    before = desk.account.dump()

    refused = desk.says(name, 2, **arguments)

    assert (refused.code, refused.lead_events, refused.result) == (code, [], {})
    assert refused.message is not None
    assert "\0" not in refused.message  # a database could not keep it
    assert desk.account.dump() == before


VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**64 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from([*STATUSES, "open", "contacts", "jo@us.io", "", "a\0b", "é" * 2_000, T0, T0 + 9 * DAY, TIME_MAX, [], {}]),
)
FIELDS = ("status", "reason", "amount", "by", "until", "email", "limit", "allowed", "remove", "person", "opted_out")


@given(st.lists(st.tuples(st.sampled_from(sorted(KINDS)), st.dictionaries(st.sampled_from(FIELDS), VALUES)), max_size=5))
def test_whatever_a_command_says_the_partition_goes_on(said: list[tuple[str, dict[str, Any]]]) -> None:
    """A record that raises would stop its partition; a text with a NUL would stop it in the database."""
    desk, lead = desk_with_lead()
    for name, arguments in said:
        done = desk.says(name, 2, lead=lead, **arguments)
        assert (done.code is None) == (done.message is None)
        assert (done.code is None) == bool(done.result)
        assert not done.lead_events or done.code is None
        assert "\0" not in (done.message or "")
        json.loads(msgspec.json.encode([done.result, *done.lead_events]))
    assert stored(desk.account).ledger == desk.account.ledger


def test_without_a_rulebook_nothing_is_applied() -> None:
    assert Desk().says("opt_out", 1, program=None, opted_out=True).code == "no_rulebook"


def test_a_lead_event_of_a_command_says_what_is_known_by_then() -> None:
    desk, lead = desk_with_lead()
    desk.happens(None, 2, kind="group", traits={"name": "Acme Bakery"})
    busy = compile_rulebook(replace(RULEBOOK, rules=(replace(RULEBOOK.rules[3], when=(at_least("imports", 1),)),)), 9)
    [event] = desk.says("owner", 3, program=busy, lead=lead, email="jo@us.io").lead_events
    assert (event.data["account"]["name"], event.rulebook_version, event.timestamp) == ("Acme Bakery", 9, T0 + 3 * DAY)
    assert event.place.offset == desk.number
