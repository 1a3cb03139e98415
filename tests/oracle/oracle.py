"""A rulebook and all events of one account in; the set of signals that the detector must have found by a horizon out.

Each rule is looked at on its own, from the first instant to the last: at every instant at which its answer can change. The
rulebook is a dict as its YAML text says it, but conditions are tuples (see `conditions.py`).
"""

from collections.abc import Sequence
from heapq import heapify, heappop, heappush
from typing import Any, NamedTuple

from tests.oracle.account import DAY, LASTING, Account, Event, Override
from tests.oracle.calendar import PERIODS, during, midnights
from tests.oracle.conditions import NOBODY, aspect, both, date, distance, duration, leaves, plain, truth
from tests.oracle.events import there
from tests.oracle.score import Score, band, score

REFUSED = 1e9
"""The rank of a refusal, above every share."""
COOLDOWN = "14d"


class Signal(NamedTuple):
    lead_type: str
    rule: str
    """`busy`, or of a rule for each limit `limit/contacts`."""
    step: str | None
    qualified_at: int


class Started(NamedTuple):
    """All rules were switched on when the account was there already. They are looked at from `at` on.

    `told`: where a rule stands then is taken for told.
    """

    at: int
    told: bool


def signals(
    rulebook: dict[str, Any],
    events: list[Event],
    horizon: int,
    overrides: Sequence[Override] = (),
    started: Started | None = None,
) -> set[Signal]:
    """Of all rules. `horizon`: the last instant that is looked at."""
    account = Account(rulebook, events, overrides)
    account.started = started
    return all_signals(account, horizon)


def all_signals(account: Account, horizon: int) -> set[Signal]:
    return {signal for name in account.rulebook["rules"] for signal in signals_of(account, name, horizon)}


def signals_of(account: Account, name: str, horizon: int) -> set[Signal]:
    """Of one rule, for all limits if it is for each, and all lead types that its steps lead to."""
    rules = every_rule(account, name, horizon)
    return account.once(("signals of", name, horizon), lambda: {signal for each in rules for signal in each.signals(horizon)})


def every_rule(account: Account, name: str, horizon: int) -> list["Rule"]:
    rule = account.rulebook["rules"][name]
    limits = account.rulebook.get("limits", {}) if "each" in rule else [None]
    return [
        Rule(account, name, rule, limit, lead, horizon)
        for limit in limits
        for lead in leads_of_steps(account.rulebook, rule, limit)
    ]


def final_score(account: Account, horizon: int) -> Score:
    """What the account's score is at the horizon, with nobody at hand."""
    return Rule(account, "", {}, None, None, horizon).score(horizon, None)


def leads_of_steps(rulebook: dict[str, Any], rule: dict[str, Any], limit: str | None) -> set[str | None]:
    """None: the rule's own. Steps that lead to another lead type are as if in a rule of their own."""
    if "at" not in rule or limit is None:
        return {None}
    every = [rulebook["limits"][limit].get("at", rule["at"])]
    every += [plan["at"][limit] for plan in all_terms(rulebook) if limit in plan.get("at", {})]
    return {lead for steps in every for _, lead in map(step_and_lead, steps)}


def all_terms(rulebook: dict[str, Any]) -> list[dict[str, Any]]:
    """Of all plans, at any time."""
    plans = rulebook["plans"].values()
    return [terms for plan in plans for terms in (plan if isinstance(plan, list) else [plan])]


def step_and_lead(step: Any) -> tuple[str, str | None]:
    """`80%`, or {80%: product}."""
    if isinstance(step, dict):
        ((said, lead),) = step.items()
        return said, lead
    return step, None


class Hearing(NamedTuple):
    """Whether sales may hear of a signal. `barred`: at none of the instants at which it came, rose or was asked for again."""

    rule: str
    qualified_at: int
    barred: bool
    clear: bool
    """Where it came to stand as it does, nothing bars it."""


def hearings(account: Account, horizon: int) -> set[Hearing]:
    """Of all signals, for rulebooks with `suppress` and rules in shadow."""
    rules = [rule for name in account.rulebook["rules"] for rule in every_rule(account, name, horizon)]
    return {hearing for rule in rules for hearing in rule.hearings(horizon)}


class Rule:
    """One rule, of a rule for each limit one limit of it."""

    def __init__(  # noqa: PLR0917
        self, account: Account, name: str, rule: dict[str, Any], limit: str | None, lead: str | None, horizon: int
    ) -> None:
        """`lead`: the lead type of those of its steps that it is about; None: of those that are the rule's own.

        `horizon`: until when the signals of other rules are of interest.
        """
        self.account = account
        self.rulebook = account.rulebook
        self.lead = lead
        self.name = "/".join(each for each in (name, limit, lead) if each is not None)
        self.rule = rule
        self.limit = limit
        self.horizon = horizon
        self.cooldown = duration(rule.get("cooldown", COOLDOWN))
        self.conditions: list[Any] = rule.get("when", [])

    # --- how high it stands ---

    def rank(self, t: int) -> float:
        """0: it does not hold, or nobody knows. Else 1, or the share that was reached, or REFUSED."""
        if "event" in self.rule:
            asked = self.asked(t)
            return 1.0 if asked is not None and self.guard(t, asked) else 0.0
        if not self.guard(t, None):
            return 0.0
        if "at" not in self.rule:
            return 1.0
        return REFUSED if self.refused(t) else self.share(t)

    def lasting(self, t: int) -> float:
        """The rank without what only happens at this instant."""
        if "event" in self.rule or not self.guard(t, None):
            return 0.0
        return self.share(t) if "at" in self.rule else 1.0

    def share(self, t: int) -> float:
        percent = self.account.percent(self.limit or "", t)
        if percent is None:
            return 0
        tolerated = int(((self.account.standing(t).plan or {}).get("tolerance") or {}).get(self.limit, "0%")[:-1])
        shares = [int(step[:-1]) for step in self.steps(t) if step != "refused"]
        reached = [s for s in shares if (s + tolerated * (s >= 100)) / 100 <= percent]
        return max(reached, default=0) / 100

    def steps(self, t: int) -> list[str]:
        """The plan's, else the limit's, else the rule's."""
        plan, limit = self.account.standing(t).plan or {}, self.limit or ""
        said = plan.get("at", {}).get(limit) or self.rulebook["limits"][limit].get("at") or self.rule["at"]
        return [step for step, lead in map(step_and_lead, said) if lead == self.lead]

    def refused(self, t: int) -> bool:
        """At this very instant; without a cap there is nothing to be refused for."""
        refusals = self.rulebook["limits"][self.limit].get("refused", [])
        happened = any(event["timestamp"] == t for event in self.account.selected(refusals))
        return happened and "refused" in self.steps(t) and self.account.allowed(self.limit or "", t) is not None

    def asked(self, t: int) -> Event | None:
        """The request at this very instant; of several the one with the last id."""
        here = [event for event in self.account.selected(self.rule["event"]) if event["timestamp"] == t]
        return here[-1] if here else None

    def guard(self, t: int, asked: Event | None) -> bool:
        return all(self.holds(condition, t, asked) is True for condition in self.conditions)

    def holds(self, condition: Any, t: int, asked: Event | None) -> bool | None:
        return truth(condition, lambda path: self.read(path, t, asked))

    def read(self, path: str, t: int, asked: Event | None) -> Any:  # noqa: PLR0911  one per kind of name
        how, inner = aspect(path)
        account, (root, _, rest) = self.account, path.partition(".")
        if how == "values":
            return self.different(inner, t)
        if how:
            value = self.read(inner, t, asked)
            return distance(how, value if inner == "customer_since" else date(value), t)
        person = asked["person"] if asked is not None else account.person_named_last(t)
        if root == "person":
            return NOBODY if person is None else account.person_trait(person, rest, t)
        if root == "segment":
            return self.holds(self.rulebook["segments"][rest], t, asked)
        if root in ("score", "temperature"):
            found = self.score(t, person)
            return band(self.rulebook["score"], found.total) if root == "temperature" else float(getattr(found, rest or "total"))
        if root == "properties":
            return there(asked or {}, path)
        if root == "rules":
            held: bool | None = True
            for condition in self.other(path):
                held = both(held, self.holds(condition, t, asked))
            return held
        return account.of_limit(self.limit or "", rest, t) if root == "limit" else account.value(path, t)

    def score(self, t: int, person: str | None) -> Score:
        """`person`: who is at hand."""

        def read(path: str) -> Any:
            return self.read(path, t, {"person": person})

        return self.account.once(("score", t, person), lambda: score(self.account, t, read, self.signalled))

    def signalled(self, rule: str) -> list[int]:
        """When another rule did; one of its limits can be named: limit/contacts."""
        name = rule.partition("/")[0]
        found = signals_of(self.account, name, self.horizon)
        return [each.qualified_at for each in found if rule == name or f"{each.rule}/".startswith(f"{rule}/")]

    def different(self, name: str, t: int) -> Any:
        """The different values that a measure counts; None: it counts none yet."""
        measure = self.rulebook["measures"][name]
        span = self.account.span(measure, t)
        return None if span is None else self.account.different(measure, span, t)

    # --- whom sales is to leave alone ---

    def suppressed(self, t: int) -> bool:
        """By the account, or by the person whom the rule is about, if it is about one."""
        person, paths = None, {leaf[1] for leaf in self.leaves()}
        if "event" in self.rule:
            person = (self.asked(t) or {}).get("person")
        elif any(aspect(path)[1].startswith("person.") for path in paths):
            person = self.account.person_named_last(t)

        def read(path: str) -> Any:
            return self.read(path, t, {"person": person})

        return any(truth(condition, read) is True for condition in self.rulebook.get("suppress", ()))

    def hearings(self, horizon: int) -> set[Hearing]:
        found = set()
        for each in self.walked(horizon):
            free = [self.rule.get("mode") != "shadow" and not self.suppressed(t) for t in (*each["instants"], *each["again"])]
            found.add(Hearing(self.name, each["at"], not any(free), free[len(each["instants"]) - 1]))
        return found

    # --- when it may change ---

    def instants(self, horizon: int) -> set[int]:
        """Every instant at which the rank can change, and many more; before its first event an account is not judged."""
        times = {event["timestamp"] for event in self.account.events}
        if not times:
            return set()
        found = {t + more for t in (*times, *self.account.plans.turns()) for more in (0, 1)}  # what lasts an instant is over
        found |= {override.since for override in self.account.overrides}
        if self.looks_at_the_score():
            lines = self.points()
            signalled = {at for line in lines if "rule" in line for at in self.signalled(line["rule"])}
            fades = max((duration(line["fades"]) // DAY for line in lines if "fades" in line), default=0)
            found |= {t + day * DAY for t in times | signalled for day in range(fades + 1)}
        for after in self.delays():
            found |= {t + after for t in times}
        for zone in {self.account.zone, "UTC"}:  # periods of the calendar begin anew
            found |= midnights(min(times), horizon + DAY, zone)
        found |= {t + length + more for t in times for length in self.compared_since() for more in (0, 1)}
        turns = {*self.account.plans.turns(), *times}
        for leaf in (leaf for leaf in self.leaves() if aspect(leaf[1])[0]):
            lengths = [0, *(plain(value) for value in leaf[2:] if isinstance(value, tuple))]
            found |= {at + sign * n + more for at in self.dates() for n in lengths for sign in (1, -1) for more in (0, 1)}
        for leaf in self.leaves():
            lengths = [plain(value) for value in leaf[2:] if isinstance(value, tuple)]
            if leaf[1] == "trial.left":
                found |= {turn - left + more for turn in turns for left in lengths for more in (0, 1)}
            elif leaf[1] in LASTING:
                found |= {turn + length + more for turn in turns for length in lengths for more in (0, 1)}
        return {t for t in found if min(times) <= t <= horizon}

    def leaves(self) -> list[Any]:
        return self.account.once(("leaves", self.name), self.every_leaf)

    def every_leaf(self) -> list[Any]:
        """Of its conditions, and of all behind them: other rules, segments, the lines of the score, why a limit is there."""
        ahead, found = [*self.conditions, *self.only_if(self.limit)], list[Any]()
        while ahead:
            of = list(leaves(ahead.pop()))
            ahead += [condition for leaf in of if leaf not in found for condition in self.behind(leaf[1])]
            found += of
        return found

    def only_if(self, limit: str | None) -> list[Any]:
        said = {} if limit is None else self.rulebook["limits"][limit]
        return [said["if"]] if "if" in said else []

    def behind(self, path: str) -> list[Any]:
        path = aspect(path)[1]
        root, _, rest = path.partition(".")
        if root == "segment":
            return [self.rulebook["segments"][rest]]
        if root in ("score", "temperature"):
            return [line["if"] for line in self.points() if "if" in line]
        if root == "limits":
            return self.only_if(path.split(".")[1])
        return self.other(path) if root == "rules" else []

    def points(self) -> list[dict[str, Any]]:
        """The lines of the score."""
        return [line for part in ("fit", "behaviour") for line in self.rulebook["score"].get(part, [])]

    def other(self, path: str) -> list[Any]:
        conditions: list[Any] = self.rulebook["rules"][path.removeprefix("rules.")]["when"]
        return conditions

    def dates(self) -> set[int]:
        """All that were ever said, and when anything was."""
        said = [date(value) for event in self.account.events for value in event["traits"].values()]
        return {at for at in said if at is not None} | {event["timestamp"] for event in self.account.events}

    def compared_since(self) -> set[int]:
        """What the time since a first event is compared with."""
        measures = self.rulebook.get("measures", {})
        about = [leaf for leaf in self.leaves() if "since" in measures.get(leaf[1], {})]
        return {plain(value) for leaf in about for value in leaf[2:] if isinstance(value, tuple)}

    def delays(self) -> set[int]:
        """How long after an event it may still matter: windows run out, an answer is overdue."""
        names = {aspect(leaf[1])[1].partition(".")[0] for leaf in self.leaves()}
        used = [measure for name, measure in self.rulebook.get("measures", {}).items() if name in names]
        lengths = {measure[key] for measure in used for key in ("window", "within") if key in measure}
        begin = {during(measure["during"])[0] for measure in used if "during" in measure}
        ran_out = {duration(length) for length in lengths if length not in PERIODS}
        return ran_out | {2 * length for length in ran_out} | begin  # of what was earlier too

    def looks_at_the_score(self) -> bool:
        return any(leaf[1].partition(".")[0] in ("score", "temperature") for leaf in self.leaves())

    # --- signals ---

    def signals(self, horizon: int) -> set[Signal]:
        found = self.walked(horizon)
        return {Signal(self.lead_type(each["at"]), self.name, self.step(each["rank"]), each["at"]) for each in found}

    def walked(self, horizon: int) -> list[dict[str, Any]]:
        return self.account.once(("walk", self.name, horizon), lambda: self.walk(horizon))

    def walk(self, horizon: int) -> list[dict[str, Any]]:
        """What is told, what the cooldown silences, what raises the signal before.

        `instants`: at which a signal came and rose; `again`: at which the same was asked for once more.
        """
        ahead = list(self.instants(horizon))
        found: list[dict[str, Any]] = []
        told, before = 0.0, None
        started = self.account.started
        if started is not None:
            told = self.lasting(started.at) if started.told else 0.0
            ahead = [t for t in {*ahead, started.at} if t > started.at or (t == started.at and not started.told)]
        heapify(ahead)
        while ahead:
            t = heappop(ahead)
            if t == before:
                continue
            before = t
            rank = self.rank(t)
            if rank > told:
                if not (found and self.cools(found[-1], t)):
                    found.append({"at": t, "rank": rank, "allowed": self.allowed(t), "instants": [t], "again": []})
                    told = rank
                    if t + self.cooldown <= horizon:
                        heappush(ahead, t + self.cooldown)
                elif rank > found[-1]["rank"]:
                    found[-1] |= {"rank": rank, "allowed": self.allowed(t)}
                    found[-1]["instants"].append(t)
                    told = rank
                elif "event" in self.rule:
                    found[-1]["again"].append(t)
            told = min(told, self.lasting(t)) if told else 0.0
        return found

    def cools(self, last: dict[str, Any], t: int) -> bool:
        """Within the cooldown of the last signal, unless the limit was raised since."""
        allowed, then = self.allowed(t), last["allowed"]
        raised = allowed is not None and then is not None and allowed > then
        return t < last["at"] + self.cooldown and not raised

    def allowed(self, t: int) -> float | None:
        return None if self.limit is None else self.account.allowed(self.limit, t)

    def step(self, rank: float) -> str | None:
        if "at" not in self.rule:
            return None
        return "refused" if rank == REFUSED else f"{round(rank * 100)}%"

    def lead_type(self, t: int) -> str:
        """The rule's own, else what follows from its family and where the account stood."""
        if self.lead is not None or "lead" in self.rule:
            return str(self.lead or self.rule["lead"])
        stage = self.account.standing(t).stage
        if self.rule["family"] == "upgrade_intent":
            return "service_sql" if stage in ("free", "paying") else "pql"
        return "xql" if stage == "paying" else "pql"
