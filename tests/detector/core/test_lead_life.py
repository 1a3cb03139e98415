"""A lead's life in any interleaving of events, late ones too, commands and time: what receivers and salespeople may rely on."""

import json
import os
from datetime import datetime
from itertools import zip_longest
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from contracts.messages import Command, LeadEvent, Place, UsageEvent
from detector.core.account import Account
from detector.core.commands import Applied, apply
from detector.core.judge import advance, process
from detector.core.rulebook.compile import compile_rulebook
from detector.core.rulebook.parse import parse
from detector.rulebooks import bases

pytestmark = pytest.mark.timeout(1800)
HOUR, DAY = 3_600_000, 86_400_000
T0 = 1_779_840_000_000  # 2026-05-27T00:00:00Z
RULEBOOK = """\
project: shop
use: b2b-saas@1
events: {upgrade_requested: Upgrade Clicked, sent: Campaign Sent}
limits:
  contacts: {last: properties.total, of: Counted, refused: Import Refused}
plans:
  free:     {stage: free,   price: 0,  allows: {contacts: 10},   has: []}
  standard: {stage: paying, price: 20, allows: {contacts: 100},  has: []}
  pro:      {stage: paying, price: 90, allows: {contacts: 1000}, has: []}
no_plan: free
lead_types:
  pql: {expires: 3d}
  xql: {answer_in: 2h, expires: 2d}
  nudge: {to: product, answer_in: 1h, expires: 5d, do: "Mail them."}
noise: {quiet_after: {rejected: 3d, won: 6h, lost: 1d, recycled: 5h, expired: 2h}}
owners: {trait: account.owner_email, segments: {sold: [zoe@shop.example]}, else: [kim@shop.example, lee@shop.example]}
segments: {sold: "account.plan == 'standard'"}
measures:
  campaigns: {count: sent, window: 1d}
rules:
  limit: {cooldown: 30h}
  busy: {lead: mql, when: [campaigns >= 1], cooldown: 26h, say: "{account} sent {campaigns}"}
  tour: {lead: nudge, when: [campaigns >= 2], cooldown: 26h, say: "{account} sent {campaigns}"}
  upgrade-request: {cooldown: 26h}
"""
PROGRAM = compile_rulebook(parse(RULEBOOK, bases()).rulebook, 1)
QUIET_MS = {"rejected": 3 * DAY, "won": 6 * HOUR, "lost": DAY, "recycled": 5 * HOUR, "expired": 2 * HOUR}
UNFINISHED = ("open", "accepted", "opportunity")
SALES_SAYS = {
    "open": {"accepted", "opportunity", "won", "lost", "rejected", "recycled"},
    "accepted": {"opportunity", "won", "lost", "rejected", "recycled"},
    "opportunity": {"won", "lost", "rejected", "recycled"},
}
"""docs/webhooks.md: a lead's life."""
EVENTS_DO = {status: {"won", "lost", "expired", "superseded"} for status in UNFINISHED}
EVENTS_DO["open"] |= {"retracted"}
REPS = ("eva@shop.example", "jo@shop.example")
Record = UsageEvent | Command | None


class LeadLife(RuleBasedStateMachine):
    """`told`: per lead its newest lead event, as a receiver has it. Each record comes at the time of the log's clock, `now`."""

    def __init__(self) -> None:
        super().__init__()
        self.account = Account.new("shop", "acc")
        self.now = T0
        self.log: list[tuple[int, Record]] = []
        self.said: list[LeadEvent] = []
        self.told: dict[str, LeadEvent] = {}
        self.quiet: dict[str, int] = {}
        self.opted_out = False
        self.by_hand: set[str] = set()
        """Leads whose owner sales named."""
        self.number = 0
        self.advanced = True

    def _next(self) -> str:
        self.number += 1
        return f"m{self.number}"

    def _place(self) -> Place:
        return Place(topic="events", partition=0, offset=len(self.log), time=self.now)

    def _happens(self, late: int, **fields: Any) -> None:
        fields = {"type": "track", "person": "ada", **fields}
        event = UsageEvent(
            project="shop", id=self._next(), account="acc", timestamp=self.now - late, received_at=self.now, **fields
        )
        self.log.append((self.now, event))
        self.advanced = False
        self._hears(process(PROGRAM, self.account, event, self._place()), at=self.now - late)

    def _says(self, name: str, **arguments: Any) -> Applied:
        command = Command(id=self._next(), project="shop", account="acc", name=name, arguments=arguments)
        self.log.append((self.now, command))
        self.advanced = False
        before = self._bytes()
        applied = apply(PROGRAM, self.account, command, self._place())
        if applied.code is not None:
            assert not applied.lead_events
            assert self._bytes() == before, "a refusal changes nothing"
        self._hears(applied.lead_events, at=self.now, command=True)
        return applied

    def _bytes(self) -> bytes:
        """The whole account, as it is stored; what it is, is not changed by storing it."""
        dump = self.account.dump()
        self.stored = {**getattr(self, "stored", {}), **dump.chunks}
        return dump.hot + repr(sorted((key, value) for key, value in self.stored.items() if value)).encode()

    def _hears(self, lead_events: list[LeadEvent], *, at: int, command: bool = False) -> None:
        self.said += lead_events
        for event in lead_events:
            self._check(event, at, command=command)
            self.told[event.data["lead_id"]] = event

    def _check(self, event: LeadEvent, at: int, *, command: bool) -> None:
        data, before = event.data, self.told.get(event.data["lead_id"])
        what = event.type.removeprefix("lead.")
        assert event.timestamp == self.now
        assert data["revision"] == (1 if before is None else before.data["revision"] + 1)
        if before is None:
            assert (what, data["status"], data["changes"]) == ("created", "open", [])
            self._check_opened(event)
            return
        was = before.data["status"]
        assert was in UNFINISHED, "what is finished stays so"
        assert data["lead_type"] == before.data["lead_type"]
        if what in ("updated", "snoozed", "overdue"):
            assert data["status"] == was
        else:
            assert data["status"] == what
            assert what in (SALES_SAYS if command else EVENTS_DO)[was]
        if what == "overdue":
            assert (was, before.data["overdue"], data["to"] != "product") == ("open", False, True)
            assert max(ms(before.data["answer_by"]), ms(before.data["snoozed_until"])) <= self.now
        news = any((each["field"], each["old"]) == ("signal", None) for each in data["changes"])
        if what == "updated" and news and ms(before.data["snoozed_until"]) > self.now:
            assert not event.notify, "who snoozes hears of no further signal"
        if what == "updated" and not command:
            moved = any(each["field"] == "owner" for each in data["changes"])
            assert moved is (data["owner"] != before.data["owner"])
            assert not moved or data["lead_id"] not in self.by_hand, "whom sales named stays"
        if data["status"] in QUIET_MS:
            since = self.now if command or what == "expired" else at
            until = (min(since, self.now) if what != "expired" else 0) + QUIET_MS[data["status"]]
            self.quiet[data["lead_type"]] = max(until, self.quiet.get(data["lead_type"], 0))

    def _check_opened(self, event: LeadEvent) -> None:
        data = event.data
        asked = any(signal["rule"] == "upgrade-request" for signal in data["signals"])
        assert event.explicit is asked
        assert asked or self.now >= self.quiet.get(data["lead_type"], 0), "it is quiet after an outcome"
        assert not self.opted_out
        if data["takes_over"] is not None:
            weaker = self.told[data["takes_over"]].data
            assert weaker["status"] in UNFINISHED
            assert weaker["lead_type"] != data["lead_type"]
            assert weaker["owner"]["email"] in (None, data["owner"]["email"]), "the owner goes along"
            self.by_hand |= {data["lead_id"]} if data["takes_over"] in self.by_hand else set()

    def _unfinished(self) -> list[dict[str, Any]]:
        return [event.data for _, event in sorted(self.told.items()) if event.data["status"] in UNFINISHED]

    # what happens

    @rule(total=st.integers(0, 12), late=st.sampled_from([0, 0, 0, HOUR, 20 * HOUR]))
    def counts(self, total: int, late: int) -> None:
        self._happens(late, name="Counted", properties=msgspec.Raw(json.dumps({"total": total}).encode()))

    @rule(late=st.sampled_from([0, 0, 2 * HOUR]))
    def is_refused(self, late: int) -> None:
        self._happens(late, name="Import Refused")

    @rule(late=st.sampled_from([0, 0, 2 * HOUR]))
    def sends(self, late: int) -> None:
        self._happens(late, name="Campaign Sent")

    @rule(person=st.sampled_from(["ada", "bo"]))
    def asks(self, person: str) -> None:
        self._happens(0, name="Upgrade Clicked", person=person)

    @rule(plan=st.sampled_from(["free", "standard", "pro", None]))
    def changes_plan(self, plan: str | None) -> None:
        self._happens(0, type="group", traits=msgspec.Raw(json.dumps({"plan": plan}).encode()))

    @rule(hours=st.sampled_from([1, 1, 3, 12, 30, 24 * 4, 24 * 20]))
    def time_passes(self, hours: int) -> None:
        self.now += hours * HOUR
        self.log.append((self.now, None))
        self._hears(advance(PROGRAM, self.account, self._place()), at=self.now)
        self.advanced = True

    @rule(owner=st.sampled_from([*REPS, "EVA@shop.example", "nobody", None]), late=st.sampled_from([0, 0, 3 * HOUR]))
    def crm_names(self, owner: str | None, late: int) -> None:
        self._happens(late, type="group", traits=msgspec.Raw(json.dumps({"owner_email": owner}).encode()))

    # what sales says

    @precondition(lambda self: self.told)
    @rule(data=st.data(), status=st.sampled_from(sorted(SALES_SAYS["open"])))
    def sales_answers(self, data: st.DataObject, status: str) -> None:
        lead = data.draw(st.sampled_from(sorted(self.told)))
        was = self.told[lead].data["status"]
        applied = self._says("outcome", lead=lead, status=status)
        if was not in UNFINISHED:
            assert applied.code == "lead_finished"
        elif status == was:
            assert (applied.code, applied.lead_events) == (None, [])
        elif status in SALES_SAYS[was]:
            assert applied.code is None
            assert [event.type for event in applied.lead_events] == [f"lead.{status}"]
        else:
            assert applied.code == "bad_transition"

    @precondition(lambda self: self._unfinished())
    @rule(data=st.data(), hours=st.sampled_from([0, 1, 5, 24 * 7, None]))
    def sales_snoozes(self, data: st.DataObject, hours: int | None) -> None:
        lead = data.draw(st.sampled_from(self._unfinished()))
        applied = self._says("snooze", lead=lead["lead_id"], until=None if hours is None else self.now + hours * HOUR)
        if hours == 0 and ms(lead["snoozed_until"]) != self.now:
            assert applied.code == "not_in_future"
        else:
            assert applied.code is None
            after = self.told[lead["lead_id"]].data
            assert after["snoozed_until"] is None if hours is None else ms(after["snoozed_until"]) == self.now + hours * HOUR
            assert after["status"] == lead["status"]

    @precondition(lambda self: self._unfinished())
    @rule(data=st.data(), rep=st.sampled_from(REPS))
    def sales_takes(self, data: st.DataObject, rep: str) -> None:
        lead = data.draw(st.sampled_from(self._unfinished()))
        assert self._says("owner", lead=lead["lead_id"], email=rep).code is None
        self.by_hand.add(lead["lead_id"])
        assert self.told[lead["lead_id"]].data["owner"]["email"] == rep

    @rule(opted_out=st.booleans())
    def opts_out(self, opted_out: bool) -> None:
        assert self._says("opt_out", opted_out=opted_out).code is None
        self.opted_out = opted_out

    @rule()
    def restarts(self) -> None:
        self._bytes()
        dump = self.account.dump()
        chunks = {key: value for key, value in self.stored.items() if value}
        self.account = Account.load("shop", "acc", dump.hot, chunks)

    # what holds all the time

    @invariant()
    def two_reps_never_call_about_one_thing(self) -> None:
        for_people = [lead for lead in self._unfinished() if lead["to"] != "product"]
        assert len(for_people) <= 1
        assert len(self._unfinished()) - len(for_people) <= 1

    @invariant()
    def whoever_was_taken_over_says_so(self) -> None:
        over = [event.data["takes_over"] for event in self.said if event.type == "lead.created" and event.data["takes_over"]]
        assert {self.told[lead].data["status"] for lead in over} <= {"superseded"}

    @invariant()
    def nobody_waits_for_an_answer_in_vain(self) -> None:
        if not self.advanced:
            return  # time is looked at where it passes
        for event in self.told.values():
            data = event.data
            if data["status"] == "open" and data["to"] != "product" and event.notify:
                due = max(ms(data["answer_by"]), ms(data["snoozed_until"]))
                assert data["overdue"] or due > self.now

    @invariant()
    def the_ledger_has_what_was_told(self) -> None:
        ledger = {lead.lead_id: (lead.status, lead.revision, lead.owner) for lead in self.account.ledger.open_leads.values()}
        assert ledger == {d["lead_id"]: (d["status"], d["revision"], d["owner"]["email"]) for d in self._unfinished()}

    def teardown(self) -> None:
        """The same log gives the same leads, byte for byte."""
        again, account = [], Account.new("shop", "acc")
        for offset, (time, record) in enumerate(self.log, 1):
            place = Place(topic="events", partition=0, offset=offset, time=time)
            if isinstance(record, UsageEvent):
                again += process(PROGRAM, account, record, place)
            elif isinstance(record, Command):
                again += apply(PROGRAM, account, record, place).lead_events
            else:
                again += advance(PROGRAM, account, place)
        for now, before in zip_longest(map(msgspec.json.encode, again), map(msgspec.json.encode, self.said)):
            assert now == before


def ms(iso: str | None) -> int:
    return 0 if iso is None else round(datetime.fromisoformat(iso).timestamp() * 1000)


TestLeadLife = LeadLife.TestCase
TestLeadLife.settings = settings(
    max_examples=3_000 if os.environ.get("HANDRAISER_SOAK") else 100,
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
