"""An account, one more thing that happened, and its place in the log in; what sales must hear out.

The only interpreter of a rule is `holds` (verdict.py), as of a moment, and `step` (timeline.py), from one instant to the next.
This asks them at the instants that count; compare.py holds what follows against the ledger, and desk.py has what differs told.
"""

from collections.abc import Collection, Iterable

import msgspec

from contracts.messages import EMPTY_OBJECT, LeadEvent, Place, UsageEvent
from detector.core.account import Account
from detector.core.compare import Change, judge_again, of_onset
from detector.core.desk import Desk
from detector.core.fold import fold, fold_traits
from detector.core.instants import NEVER
from detector.core.ledger import SIGNALS_KEPT, RuleState
from detector.core.measures.moment import Moment
from detector.core.measures.reader import Course
from detector.core.resting import EVERYTHING
from detector.core.rulebook.depends import Touch
from detector.core.rulebook.judged import Judged
from detector.core.rulebook.program import Program
from detector.core.silence import reconsidered
from detector.core.timeline import Scene, dip, step
from detector.core.verdict import Verdict, holds

__all__ = ["IMPORT_QUIET_MS", "Verdict", "advance", "allowance_changed", "holds", "import_ended", "judged_in_order", "process"]

IMPORT_QUIET_MS = 10 * 60_000
"""An account whose import does not say that it ended is judged so long after its last historical event."""


def process(program: Program, account: Account, event: UsageEvent, place: Place) -> list[LeadEvent]:
    """Folds the event and judges what it can change, unless it counts for nothing.

    Nearly every event can neither move the plan nor close a lead: it can only let rules rise, and nearly always all that it
    touches rests. This is the short way of those; `_judged` knows all cases.
    """
    if account.judged_by is not program and (told := switched(program, account, place)):
        return [*told, *process(program, account, event, place)]
    if program.drops is not None and program.drops.drop(account, event):
        return []
    facts, ledger = account.facts, account.ledger
    t = event.timestamp
    reaction = program.reactions.to(event)
    newest = max(facts.newest, ledger.judged_until)
    if (
        ledger.first_at >= 0
        and not (reaction.says_plan or event.historical or ledger.importing)
        and event.received_at - t <= program.lateness_ms
        and (not ledger.open_leads or (t > newest and program.closes_at_plans_only))
        and (t > newest or (t >= ledger.first_at and ledger.signalled_before(t)))
    ):
        reaction.fold(facts, t, event.id, event.person, event.properties, event)
        if event.traits is not EMPTY_OBJECT:
            fold_traits(program, facts, event)
        if t <= newest:
            return _judged_late(program, account, event, place, newest)
        resting = account.resting
        if t < resting.until and not resting.watched & reaction.watched and not (reaction.scores and ledger.open_leads):
            return []
        return judged_in_order(program, account, event, place)
    account.resting.clear()
    return _judged(program, account, event, place, newest)


def _judged(program: Program, account: Account, event: UsageEvent, place: Place, newest: int) -> list[LeadEvent]:
    """Of any event.

    In order: at its own timestamp. At or before the newest: every instant from its timestamp on is judged again. Later than a
    rule's lateness: the rule is judged once, at partition time; only a plan is never too late.
    """
    facts, ledger = account.facts, account.ledger
    since = fold(program, facts, event)
    begins = ledger.first_at < 0 or event.timestamp < ledger.first_at
    if begins:
        account.came(program.version, program.newest_filled)
        ledger.first_at = event.timestamp
        account.ledger_changed()
    if event.historical or ledger.importing:
        _wait_for_import(account, event, place)
        return []
    in_order = since == event.timestamp > newest
    reaction = program.reactions.to(event)
    says_plan = reaction.says_plan
    every = begins or (says_plan and not in_order)
    rules = program.judged.values() if every else [judged for judged, _ in reaction.touches]
    quiet = not says_plan and (not ledger.open_leads or (in_order and program.closes_at_plans_only))
    late = event.received_at - event.timestamp
    session = Judgement(program, account, place, event)
    awake = []
    for judged in rules:
        if late > judged.rule.lateness_ms and since == event.timestamp and not says_plan:
            session.at_partition_time(judged)
        elif begins and judged.start_for(facts) is not None:
            session.starts(judged)
        elif not in_order:
            session.again(judged, since)
        elif begins and _lies(account, judged, session.at(event.timestamp)):
            continue
        else:
            session.in_order(judged)
        awake.append(judged)
    session.follow(but=awake)
    if not in_order:
        session.reconsider(since, 0 if says_plan else late)
    if quiet and not session.found_something and not (ledger.open_leads and reaction.scores):
        return []
    at_its_own_time = in_order and ledger.judged_until <= event.timestamp
    return session.told(event.timestamp if at_its_own_time else max(facts.newest, place.time), since)


def judged_in_order(program: Program, account: Account, event: UsageEvent, place: Place) -> list[LeadEvent]:
    """Of an event that was folded, later than the newest instant, and moves no plan: the short way of `_judged`."""
    t, reaction = event.timestamp, program.reactions.to(event)
    awake = _awake(program, account, event, reaction.touches)
    hotter = reaction.scores and bool(account.ledger.open_leads)
    if not awake and not hotter:
        return []
    session = Judgement(program, account, place, event)
    for judged in awake:
        session.in_order(judged)
    session.follow(but=awake)
    _rest_standing(account, awake, session.at(t))
    return session.told(t, t) if session.found_something or hotter else []


def _judged_late(program: Program, account: Account, event: UsageEvent, place: Place, newest: int) -> list[LeadEvent]:
    """The same at or before the newest instant, with no lead open and no signal since."""
    t, touches, resting = event.timestamp, program.reactions.to(event).touches, account.resting
    awake = [judged for judged, parts in touches if not resting.rested(judged, parts, event, newest)]
    if not awake:
        return []
    session = Judgement(program, account, place, event)
    for judged in awake:
        session.again(judged, t)
    session.follow(but=awake)
    return session.told(max(account.facts.newest, place.time), t) if session.found_something else []


def advance(program: Program, account: Account, place: Place) -> list[LeadEvent]:
    """Time has come to `place.time`: judges the rules whose due time has passed."""
    ledger = account.ledger
    if account.judged_by is not program and (told := switched(program, account, place)):
        return [*told, *advance(program, account, place)]
    if ledger.due > place.time:
        return []
    if ledger.importing:
        return import_ended(program, account, place)
    session = Judgement(program, account, place)
    for name, state in ledger.rules.items():
        judged = program.judged.get(name)
        if judged is None:
            state.due = NEVER
        elif state.due <= place.time and not judged.follows:
            session.until(judged, state, place.time)
    session.follow()
    for judged in program.followers:
        follower = ledger.rules.get(judged.name)
        if follower is not None and follower.due <= place.time:
            session.until(judged, follower, place.time)
    if ledger.hotter_at <= place.time:
        ledger.hotter_at = NEVER  # of the leads that are open, it is found anew where they are told
    session.scheduled()
    return session.told(place.time, time=place.time)


def switched(program: Program, account: Account, place: Place) -> list[LeadEvent]:
    """The account meets this rulebook for the first time since it was read, or since its facts were made whole: what others kept
    goes, what this one began begins.

    Rules that it switched on, or whose facts are whole now, are judged from where they start, once, unless the account came with
    it, or later.
    """
    account.judged_by = program
    account.resting.clear()
    ledger = account.ledger
    before, filled = ledger.version, ledger.filled
    is_new = before < program.version
    account.forget(program.keeps, [key for key, version in program.anew.items() if version > before] if is_new else ())
    account.take_over(program.filled, program.version)
    if (not is_new and filled >= program.newest_filled) or (ledger.first_at < 0 and ledger.came < 0):
        return []
    ledger.version, ledger.filled = program.version, program.newest_filled
    account.ledger_changed()
    if ledger.first_at < 0 or ledger.importing:
        return []
    session = Judgement(program, account, place)
    started = [each for each in program.judged.values() if _starts(each, account, before) or _is_filled(each, account, filled)]
    for judged in started:
        session.starts(judged)
    session.follow(but=started)
    session.scheduled()
    return session.told(max(place.time, account.facts.newest)) if session.found_something else []


def _starts(judged: Judged, account: Account, before: int) -> bool:
    """Whether it was switched on since version `before`, and the account was there."""
    start = judged.start_for(account.facts)
    return start is not None and start.version > before


def _is_filled(judged: Judged, account: Account, before: int) -> bool:
    """Whether facts that it rests on became whole since those of version `before` did, and were not whole in this account."""
    return judged.filled > max(before, account.facts.came)


def import_ended(program: Program, account: Account, place: Place) -> list[LeadEvent]:
    """All of the account's history is folded: its whole timeline is judged, once."""
    if account.judged_by is not program and (told := switched(program, account, place)):
        return [*told, *import_ended(program, account, place)]
    if not account.ledger.importing:
        return []
    account.ledger.importing = False
    session = Judgement(program, account, place, history=True)
    for judged in program.judged.values():
        session.starts(judged)
        state = account.ledger.rules.get(judged.name)
        if state is not None:
            session.until(judged, state, place.time)
    session.reconsider(-1)
    session.scheduled()
    return session.told(max(account.facts.newest, place.time), -1)


def allowance_changed(program: Program, account: Account, limit: str, place: Place) -> list[LeadEvent]:
    """Sales said what the account is allowed from partition time on: the rules for that limit are judged there.

    Before the account's first event there is nothing to judge, and during an import only half of it: what comes next looks there.
    """
    told = [] if account.judged_by is program else switched(program, account, place)
    session = Judgement(program, account, place)
    waits = account.ledger.first_at < 0 or account.ledger.importing
    for judged in () if waits else program.judged.values():
        if limit in judged.limits:
            session.since_now(judged)
    session.came_to_now()
    session.follow(but=[judged for judged in program.followers if limit in judged.limits])
    return told if waits else [*told, *session.told(max(place.time, account.facts.newest))]


def _wait_for_import(account: Account, event: UsageEvent, place: Place) -> None:
    ledger = account.ledger
    if event.historical:
        ledger.importing = True
        ledger.due = place.time + IMPORT_QUIET_MS
        account.ledger_changed()


def _awake(program: Program, account: Account, event: UsageEvent, touched: Iterable[Touch]) -> list[Judged]:
    """The rules that a plain event touches and that stand somewhere, or do now.

    A rule that stands nowhere rests until an event could change that.
    """
    awake = []
    t, resting, moment = event.timestamp, account.resting, None
    if t >= resting.until:
        resting.come_to(t, program.judged)
    for judged, parts in touched:
        rest = resting.rests.get(judged.name)
        if rest is not None and (not parts & rest.part or (parts != EVERYTHING and rest.lasts(event))):
            continue
        state, rest = account.ledger.rules.get(judged.name), None
        if state is not None and state.told and judged.stands(t, parts, state.due):
            continue
        if state is None or (state.told == 0 and state.due > t):
            if moment is None:
                moment = _moment(program, account, t, event)
            rest = judged.rest(moment, NEVER if state is None else state.due)
        if rest is not None:
            resting.lay(judged, rest, t)
        else:
            resting.wake(judged)
            awake.append(judged)
    return awake


def _lies(account: Account, judged: Judged, moment: Moment) -> bool:
    """Whether a rule of which the account knows nothing yet rests from its first event on."""
    rest = None if judged.name in account.ledger.rules else judged.rest(moment)
    if rest is not None:
        account.resting.lay(judged, rest, moment.t)
    return rest is not None


def _rest_standing(account: Account, judged: Iterable[Judged], moment: Moment) -> None:
    """Of those that have just been judged: who stands does so until an event, or time, could end that."""
    for each in judged:
        state = account.ledger.rules.get(each.name)
        if state is not None and state.told and (rest := each.standing(moment)) is not None:
            account.resting.lay(each, rest, moment.t)


def _moment(program: Program, account: Account, t: int, event: UsageEvent | None) -> Moment:
    """`event`: at hand, if it is of that time."""
    overrides = account.ledger.overrides
    if event is None or event.timestamp != t:
        return Moment(account.facts, program.ladder, t, overrides=overrides, rules=account.ledger.rules)
    return Moment(account.facts, program.ladder, t, event.person, event.id, overrides, account.ledger.rules)


class _Moments:
    """Of one account, each read once: several rules ask for the same instants. `event`: at hand."""

    def __init__(self, program: Program, account: Account, event: UsageEvent | None) -> None:
        self._program = program
        self._account = account
        self._event = event
        self._known: dict[int, Moment] = {}

    def at(self, t: int) -> Moment:
        moment = self._known.get(t)
        if moment is None:
            moment = self._known[t] = _moment(self._program, self._account, t, self._event)
        return moment


class Judgement:
    """One account, judged because of one thing: collects what changed, rule by rule, then has the desk tell it."""

    def __init__(
        self, program: Program, account: Account, place: Place, event: UsageEvent | None = None, *, history: bool = False
    ) -> None:
        self._program = program
        self.at = _Moments(program, account, event).at  # not of its own: a ring of references would outlive it
        self._scene = Scene(program, self.at)
        self._account = account
        self._place = place
        self._event = event
        self._history = history
        self._changes: list[Change] = []
        self._signalled: dict[str, int] = {}
        """What is judged -> the first instant from which on its signals are others than before."""

    @property
    def found_something(self) -> bool:
        return bool(self._changes)

    def in_order(self, judged: Judged) -> None:
        """At the event's own instant, after those that time alone has brought since.

        What looks at the signals of others is judged from these on too, where they lie before it; or after it, where the event is
        too late for the other and not for this.
        """
        assert self._event is not None  # noqa: S101 - nothing else is in order
        t, since = self._event.timestamp, NEVER
        if judged.follows:
            self._lead_the_way(judged, t)
            since = self._first_signalled(judged)
        if since >= t and (judged.name in self._account.ledger.rules or judged.moves_at(t) or holds(judged, self.at(t)).rank > 0):
            self._reach(judged, t)
        if since not in (t, NEVER):
            self.again(judged, since)

    def at_partition_time(self, judged: Judged) -> None:
        """Once, now: the event at hand is too late to decide anything at its own time."""
        t = max(self._place.time, self._account.facts.newest)
        before = len(self._changes)
        self._reach(judged, t)
        for change in self._changes[before:]:
            change.signal.version = 0
        self._judged_until(t)

    def since_now(self, judged: Judged) -> None:
        """Partition time and every later instant that was judged already."""
        ledger, t = self._account.ledger, self._place.time
        if t > max(self._account.facts.newest, ledger.judged_until) and self._first_signalled(judged) >= t:
            self._reach(judged, t)
        else:
            self.came_to_now()
            self.again(judged, t)

    def starts(self, judged: Judged) -> None:
        """From where it was switched on, else since ever, until it was judged, or until the switch."""
        start = judged.start_for(self._account.facts)
        if start is not None:
            self._judged_until(start.since)
        self.again(judged, -1 if start is None else start.at)

    def came_to_now(self) -> None:
        """Whatever is judged again later is judged until partition time at least."""
        self._judged_until(self._place.time)

    def again(self, judged: Judged, since: int) -> None:
        """Every instant from `since` on."""
        ledger = self._account.ledger
        state = ledger.rules.get(judged.name) or RuleState()
        until = max(self._account.facts.newest, ledger.judged_until)
        before = msgspec.structs.replace(state)
        since = min(since, self._first_signalled(judged))
        for change in judge_again(self._scene, judged, state, (ledger.first_at, max(since, ledger.first_at), until)):
            self._found(change)
        if state != before:
            ledger.rules[judged.name] = state
            self._changed(due=state.due != before.due)

    def until(self, judged: Judged, state: RuleState, t: int) -> None:
        """Every instant until t that is due."""
        while state.due <= t:
            self._judged_until(state.due)
            self._take(judged, state, state.due)
        self._changed(due=True)

    def reconsider(self, since: int, late_ms: int = 0) -> None:
        """Late events of `since` or later may show who was to be left alone."""
        self._changes += list(reconsidered(self._program, self._account.ledger, self.at, since, late_ms, self._changes))

    def scheduled(self) -> None:
        """After timers: the next one."""
        self._changed(due=True)

    def follow(self, but: Collection[Judged] = ()) -> None:
        """What looks at the signals of others is judged from where on these are others than before. `but`: it has been."""
        for judged in self._program.followers if self._signalled else ():
            since = self._first_signalled(judged)
            if since != NEVER and judged not in but:
                self._account.resting.wake(judged)
                self.again(judged, since)

    def _lead_the_way(self, judged: Judged, t: int) -> None:
        """What it looks at comes to t first, where that is due by then."""
        for name in judged.follows:
            state, leader = self._account.ledger.rules.get(name), self._program.judged.get(name)
            if state is not None and leader is not None and state.due <= t:
                self._reach(leader, t)

    def _first_signalled(self, judged: Judged) -> int:
        return min((self._signalled.get(name, NEVER) for name in judged.follows), default=NEVER)

    def _found(self, change: Change) -> None:
        self._changes.append(change)
        if change.kind in ("new", "moved", "gone"):
            times = [signal.qualified_at for signal in (change.signal, change.old) if signal is not None]
            name = change.judged.name
            self._signalled[name] = min(*times, self._signalled.get(name, NEVER))

    def told(self, now: int, since: int = NEVER, time: int = -1) -> list[LeadEvent]:
        """What sales must hear, with the account as it stands at `now`.

        `since`: from when on the plan may have changed; `time`: until when leads may expire, and quiet may end.
        """
        ledger = self._account.ledger
        if not self._changes and not ledger.open_leads and not (ledger.quiet and time >= 0):
            return []
        desk = Desk(self._scene, self._account, self._place, None if self._history else self.at(now))
        return desk.tell(self._changes, min(since, now), now, time)

    def _reach(self, judged: Judged, t: int) -> None:
        """Time and events come to t. Where there is nothing to say no state is made: what is stored must not depend on when."""
        ledger = self._account.ledger
        state = ledger.rules.get(judged.name) or RuleState()
        told, due, changes = state.told, state.due, len(self._changes)
        while state.due < t:
            self._take(judged, state, state.due)
        if state.told > 0 and judged.course_at(t) is Course.FALLS:
            dip(judged, state, self.at(t).earlier())
        self._take(judged, state, t)
        says_more, is_moved = state.told != told or len(self._changes) > changes, state.due != due
        if says_more or is_moved:
            ledger.rules[judged.name] = state
            (self._account.ledger_changed if says_more else self._account.due_changed)()
        if is_moved:
            ledger.schedule()

    def _take(self, judged: Judged, state: RuleState, t: int) -> None:
        told = state.last
        old = None if told is None else msgspec.structs.replace(told)
        onset = step(self._scene, judged, state, t)
        if onset is None:
            return
        if onset.kind == "new":
            state.n += 1
            onset.signal.n = state.n
            state.signals = state.signals[-SIGNALS_KEPT:]
        self._found(of_onset(judged, onset, old))

    def _changed(self, *, due: bool) -> None:
        self._account.ledger_changed()
        if due:
            self._account.ledger.schedule()

    def _judged_until(self, t: int) -> None:
        if t > self._account.ledger.judged_until:
            self._account.ledger.judged_until = t
            self._account.ledger_changed()
