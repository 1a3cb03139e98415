"""What became of an account's signals in; which lead hears of it, out: one open lead, take-over, closing by plan, retraction."""

from collections.abc import Sequence
from operator import itemgetter
from typing import Any

from contracts.messages import LeadEvent, Place
from detector.core import words
from detector.core.account import Account
from detector.core.carrying import add_evidence, id_of, put_signal
from detector.core.compare import Change
from detector.core.ids import lead_id
from detector.core.ledger import QUIET, SUPPRESSED, OpenLead, Signal
from detector.core.measures.moment import Moment
from detector.core.measures.score import hottest
from detector.core.owning import named, owner_of
from detector.core.payload import difference
from detector.core.silence import why_silent
from detector.core.telling import Telling
from detector.core.timeline import Scene, lead_type_of
from detector.core.waits import next_turn, woken

SUPERSEDED_MAX = 20
"""How many leads a lead remembers to have taken over."""
NOTIFY_WITHIN_MS = 7 * 86_400_000
"""What qualified longer before partition time is recorded, and told to nobody."""


class Desk:
    """Finds the lead that each change is about, and has it told. On a take-over the new lead is created first."""

    def __init__(self, scene: Scene, account: Account, place: Place, now: Moment | None) -> None:
        """`now`: how the account stands, for payloads; None: history is told, each event of it as the account stood then."""
        self._program = scene.program
        self._at = scene.at
        self._account = account
        self._ledger = account.ledger
        self._place = place
        self._now = now
        self._telling = Telling(scene.program, account, place, now)
        self._left_by: OpenLead | None = None
        """What was retracted and had an owner: whatever takes its place is theirs too."""

    def tell(self, changes: Sequence[Change], since: int, now: int, time: int = -1) -> list[LeadEvent]:
        """First what is gone; then in order of time what is new or different, with the closings by changes of plan in between.

        `since`, `now`: from when until when those changes of plan lie. `time`: until when leads may expire and quiet may end
        without anything else that happens.
        """
        for gone in changes:
            if gone.kind == "gone":
                self._gone(gone)
        here = [change for change in changes if change.kind != "gone"]
        points = {now}
        if since < now:
            points.update(self._program.ladder.changes(self._account.facts, since - 1, now))
        steps: list[tuple[int, int, int, Change | None]] = [(point, 0, 0, None) for point in points]
        steps += [(_time(change), 1, self._program.rank(change.signal.lead_type), change) for change in here]
        for t, _, _, change in sorted(steps, key=itemgetter(0, 1, 2)):
            self._pass(t)
            if change is not None:
                self._take(change)
            else:
                self._close_by_plan(t)
        self._pass(time)
        self._follow(self._now or self._at(now))
        self._telling.hotter(self._now or self._at(now))
        self._ledger.schedule()
        return self._telling.lead_events

    def _pass(self, t: int) -> None:
        """What time alone does to leads until t; where quiet ends, what it silenced is told."""
        while (turn := next_turn(self._ledger)).t <= t:
            moment = self._at(turn.t)
            for lead in turn.expired:
                self._telling.close(lead, "expired", moment)
            for lead in () if turn.expired else turn.overdue:
                self._telling.overdue(lead, moment)
            for signal, change in () if turn.expired or turn.overdue else woken(self._program, self._ledger, moment):
                self._route(change, lead_type_of(change.judged.rule, moment.standing.stage))
                told = change.signal
                signal.lead_id, signal.silent, signal.told_at = told.lead_id, told.silent, told.told_at
                self._account.ledger_changed()

    def _follow(self, now: Moment) -> None:
        """Whom the trait names now takes over the open leads that nobody was given by hand."""
        for lead in self._ledger.open_leads.values():
            before, owner = lead.owner, named(self._program, lead, now)
            if owner is None or (before is not None and (not lead.owner_follows or before.lower() == owner.lower())):
                continue
            lead.owner, lead.owner_follows = owner, True
            self._telling.send(lead, "lead.updated", [difference("owner", None, before, owner)], now, notify=lead.notified)

    def _close_by_plan(self, t: int) -> None:
        """The plan went up: won. Down, or churned: lost. Nobody calls a customer who has just bought."""
        before = [lead for lead in self._ledger.open_leads.values() if lead.qualified_at < t]
        if not before:
            return
        moment = self._at(t)
        for status, closes in (("won", self._program.close_won), ("lost", self._program.close_lost)):
            if closes(moment):
                for lead in sorted(before, key=self._strength):
                    self._telling.close(lead, status, moment)
                    self._telling.hush(lead)
                return

    def _take(self, change: Change) -> None:
        """A signal that is new, other than it was, or made again."""
        self._account.ledger_changed()
        if change.kind == "raised" and change.old is not None and not change.signal.lead_id:  # both are told only now
            change.signal.lead_id, change.signal.told_at = change.old.lead_id, change.old.told_at
        if not _corrects(change) and self._is_silent(change):
            return
        if change.kind == "new":
            self._route(change, change.signal.lead_type)
        elif change.kind == "again":
            self._repeat(change)
        elif change.kind == "moved":
            self._moved(change)
        else:
            self._stepped(change)

    def _stepped(self, change: Change) -> None:
        """Higher, or lower after late events. If its lead was closed meanwhile, what is higher is routed like a new one."""
        lead = self._ledger.lead(change.signal.lead_id)
        old = change.old.step if change.old is not None else None
        if lead is not None:
            self._enrich(lead, change, difference("step", change.judged.name, old, change.signal.step))
        elif change.old is None or change.signal.rank > change.old.rank:
            self._route(change, lead_type_of(change.judged.rule, change.moment.standing.stage))

    def _moved(self, change: Change) -> None:
        """The same signal at another time: written down, and no news to anybody."""
        lead = self._ledger.lead(change.signal.lead_id)
        if lead is None or change.old is None:
            return
        opener = [signal["signal_id"] for signal in lead.signals[:1]] == [id_of(self._account, change)]
        put_signal(self._program, self._account, lead, change)
        if opener and lead.qualified_at == change.old.qualified_at:
            lead.qualified_at = change.signal.qualified_at
        moved = difference(
            "qualified_at", change.judged.name, words.time(change.old.qualified_at), words.time(change.signal.qualified_at)
        )
        self._telling.send(lead, "lead.updated", [moved], change.moment, notify=False)

    def _gone(self, change: Change) -> None:
        """Late events showed that it never held. Its lead is retracted with the last signal of its strength.

        Unless somebody works on it: then it is disputed with its last signal.
        """
        self._account.ledger_changed()
        lead = self._ledger.lead(change.signal.lead_id)
        if lead is None:
            return
        ours, name = id_of(self._account, change), change.judged.name
        lead.signals = [signal for signal in lead.signals if signal["signal_id"] != ours]
        standing = self._carried(lead)
        rules = (self._program.judged.get(signal["rule"]) for signal in lead.signals)
        lead.floor = hottest(*(rule.floor for rule in rules if rule is not None))
        strong = any(self._program.rank(each.lead_type) <= self._strength(lead) for each in standing)
        if lead.status == "open" and not strong and (standing or not lead.signals):
            self._telling.close(lead, "retracted", change.moment)
            self._revive(lead)
        elif lead.signals or standing:
            if name not in {signal["rule"] for signal in lead.signals}:
                lead.evidence = [entry for entry in lead.evidence if entry["rule"] != name]
            lead.summary = lead.signals[0]["text"] if lead.signals else lead.summary
            gone = difference("signal", name, change.signal.step or name, None)
            self._telling.send(lead, "lead.updated", [gone], change.moment, notify=lead.notified)
        else:
            lead.disputed = True
            self._telling.send(
                lead, "lead.updated", [difference("disputed", name, False, True)], change.moment, notify=lead.notified
            )

    def _carried(self, lead: OpenLead) -> list[Signal]:
        """The signals that stand and that it carries: more, maybe, than it remembers."""
        return [signal for state in self._ledger.rules.values() for signal in state.signals if signal.lead_id == lead.lead_id]

    def _revive(self, retracted: OpenLead) -> None:
        """What weaker signals say that it carried, or had taken over, still stands: they are told anew.

        The strongest first, and of equal ones the oldest: one lead is opened, and the others enrich it.
        """
        self._left_by = retracted if retracted.owner is not None else self._left_by
        standing = [
            Change("new", judged, signal, self._at(max(signal.qualified_at, signal.told_at)))
            for name, judged in self._program.judged.items()
            if (state := self._ledger.rules.get(name)) is not None
            for signal in state.signals
            if signal.lead_id in (retracted.lead_id, *retracted.superseded)
        ]
        for change in sorted(standing, key=lambda each: (self._program.rank(each.signal.lead_type), each.signal.qualified_at)):
            self._take(change)

    def _repeat(self, change: Change) -> None:
        """A request that is made again within its cooldown adds to the evidence and sends nothing.

        If its lead was taken over or closed meanwhile, to that of the strongest open lead. If nobody was told, for who asked
        had opted out, it is news: somebody else asks, or the same person, who has opted in.
        """
        if not change.signal.lead_id:
            self._route(change, lead_type_of(change.judged.rule, change.moment.standing.stage))
            return
        lead = self._ledger.lead(change.signal.lead_id) or self._strongest(change.signal.lead_type)
        if lead is not None:
            self._telling.progress(lead, change.moment.t)
            add_evidence(lead, change)

    def _beside(self, lead_type: str) -> list[OpenLead]:
        """The open leads that one of this type has to do with, strongest first."""
        for_product = self._program.is_for_product(lead_type)
        same = [each for each in self._ledger.open_leads.values() if self._program.is_for_product(each.lead_type) == for_product]
        return sorted(same, key=self._strength)

    def _strongest(self, lead_type: str) -> OpenLead | None:
        return next(iter(self._beside(lead_type)), None)

    def _strength(self, lead: OpenLead) -> int:
        return self._program.rank(lead.lead_type)

    def _route(self, change: Change, lead_type: str) -> None:
        """To the strongest open lead, unless this is stronger still. While it is quiet after an outcome, none is opened."""
        strongest = self._strongest(lead_type)
        if strongest is not None and self._strength(strongest) <= self._program.rank(lead_type):
            self._enrich(strongest, change, difference("signal", change.judged.name, None, change.signal.step))
            return
        told_at = self._place.time if self._is_news(change) else change.moment.t
        if not change.judged.explicit and told_at < self._ledger.quiet.get(lead_type, -1):
            self._keep_silent(change, QUIET)
            return
        weaker = self._beside(lead_type)
        lead = self._open(change, lead_type, weaker)
        put_signal(self._program, self._account, lead, change)
        add_evidence(lead, change)
        if lead.owner is None:
            lead.owner = owner_of(self._program, self._account, lead, self._now or change.moment)
            lead.owner_follows = True
        self._ledger.open_leads[lead_type] = lead
        self._telling.progress(lead, change.moment.t)
        self._telling.send(lead, "lead.created", [], change.moment, notify=self._is_news(change))
        for each in weaker:
            self._telling.close(each, "superseded", change.moment)

    def _open(self, change: Change, lead_type: str, weaker: Sequence[OpenLead]) -> OpenLead:
        opened = self._ledger.leads_opened
        for_product = self._program.is_for_product(lead_type)
        before = sum(number for other, number in opened.items() if self._program.is_for_product(other) == for_product)
        opened[lead_type] = opened.get(lead_type, 0) + 1
        left_by = next((each for each in weaker if each.owner is not None), self._left_by)
        return OpenLead(
            lead_id=lead_id(self._account.project, self._account.external_id, lead_type, opened[lead_type]),
            lead_type=lead_type,
            qualified_at=change.signal.qualified_at,
            answer_by=self._place.time + self._program.lead_type(lead_type).answer_in_ms,
            summary="",
            takes_over=weaker[0].lead_id if weaker else None,
            leads_before=before,
            owner=None if left_by is None else left_by.owner,
            owner_follows=left_by is not None and left_by.owner_follows,
            superseded=[lead_id for lead in weaker for lead_id in (lead.lead_id, *lead.superseded)][:SUPERSEDED_MAX],
        )

    def _enrich(self, lead: OpenLead, change: Change, what: dict[str, Any]) -> None:
        disputed = lead.disputed
        put_signal(self._program, self._account, lead, change)
        add_evidence(lead, change)
        lead.disputed = False
        changes = [what]
        if disputed:
            changes.append(difference("disputed", None, True, False))
        if not _corrects(change):
            self._telling.progress(lead, change.moment.t)
        quiet = lead.is_snoozed(self._place.time) or not self._is_news(change)
        self._telling.send(lead, "lead.updated", changes, change.moment, notify=not quiet)

    def _is_news(self, change: Change) -> bool:
        return max(change.signal.changed_at, change.moment.t) >= self._place.time - NOTIFY_WITHIN_MS

    def _is_silent(self, change: Change) -> bool:
        """Whether nobody is to be told. The signal counts all the same."""
        why = why_silent(self._program, self._ledger, change.judged, change.moment)
        if why is not None:
            self._keep_silent(change, why)
        return why is not None

    def _keep_silent(self, change: Change, why: str) -> None:
        if change.kind in ("stepped", "raised") or not self._ledger.lead(change.signal.lead_id):
            change.signal.silent = why if why in (SUPPRESSED, QUIET) else ""
        if change.kind == "new":
            self._account.kept_silent(change.judged.name, why)


def _corrects(change: Change) -> bool:
    """Whether it says no more than what was told already: the same at another time, or less of it."""
    return change.kind == "moved" or (
        change.kind == "stepped" and change.old is not None and change.signal.rank < change.old.rank
    )


def _time(change: Change) -> int:
    """A signal takes its place in the account's story where it qualified; what became of it, where it did."""
    return change.signal.qualified_at if change.kind == "new" else change.moment.t
