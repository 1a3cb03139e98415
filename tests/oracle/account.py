"""All events of one account in; the value of any name of the rulebook at any instant out, from the events until then.

An event is a dict: id, type, timestamp, received_at, name, person, anonymous, properties, traits. Of copies (the same id) the
first in the list is the event.
"""

from collections.abc import Callable, Sequence
from math import ceil
from typing import Any, NamedTuple, TypeVar

from tests.oracle import calendar
from tests.oracle.conditions import duration, truth
from tests.oracle.events import Event, dig, selects
from tests.oracle.limits import Limit
from tests.oracle.measures import Measures
from tests.oracle.plans import UNKNOWN, Plans, Standing

__all__ = ["DAY", "Account", "Event", "Override", "dig"]

T = TypeVar("T")
DAY = 86_400_000
NAMES_A_PERSON = ("track", "page", "screen", "identify", "group")


class Override(NamedTuple):
    """What sales said that the account is allowed of a limit, from `since` on.

    `allowed`: a number, "none" (no cap), or "plan" (what the plan allows counts again).
    """

    since: int
    limit: str
    allowed: Any


class Account(Measures):
    """Slow on purpose: whatever it is asked for, it looks through all the events again."""

    def __init__(self, rulebook: dict[str, Any], events: list[Event], overrides: Sequence[Override] = ()) -> None:
        """`overrides`: in the order in which they were said."""
        self.rulebook = rulebook
        self.zone = rulebook.get("timezone", "UTC")
        self.overrides = overrides
        first = {event["id"]: event for event in reversed(events)}
        counted = [event for event in first.values() if not dropped(rulebook, event)]
        self.events = sorted(counted, key=lambda event: (event["timestamp"], event["id"]))
        self.plans = Plans(rulebook, self.plan_said(), self.said("addons"))
        self.known: dict[Any, Any] = {}

    def once(self, key: Any, work: Callable[[], T]) -> T:
        """The same question again gets the same answer, sooner."""
        if key not in self.known:
            self.known[key] = work()
        answer: T = self.known[key]
        return answer

    def said(self, trait: str) -> list[tuple[int, Any]]:
        """When what was said of the account."""
        return [(e["timestamp"], e["traits"][trait]) for e in self.events if e["type"] == "group" and trait in e["traits"]]

    def plan_said(self) -> list[tuple[int, Any]]:
        """From when on which plan counts: the trait `plan`, or what the rulebook's section `plan` names in its place."""
        source = self.rulebook.get("plan", {"from": "account.plan"})
        root, _, name = source["from"].partition(".")
        counted: list[tuple[int, Any]] = []
        for event in self.events:
            place = event["properties"] if root == "properties" else event["traits"]
            if name not in place or (root == "properties" and place[name] is None):
                continue
            if event["name"] != source["of"] if root == "properties" else event["type"] != "group":
                continue
            since = place.get(source["since"].partition(".")[2]) if "since" in source else None
            start = min(event["timestamp"], since if since is not None else event["timestamp"])
            if "since" in source:  # it replaces what was said of any later time
                counted = [each for each in counted if each[0] < start]
            counted.append((start, place[name]))
        return counted

    # --- which events ---

    def selected(self, selector: Any) -> list[Event]:
        aliases = self.rulebook.get("events", {})
        return self.once(("selected", repr(selector)), lambda: [e for e in self.events if selects(selector, e, aliases)])

    def until(self, selector: Any, t: int) -> list[Event]:
        return [event for event in self.selected(selector) if event["timestamp"] <= t]

    def billed_on(self, t: int) -> int:
        trait = self.rulebook.get("billing_day", "account.nothing").removeprefix("account.")
        said = self.trait([e for e in self.events if e["type"] == "group"], trait, t)
        return said if isinstance(said, int) and 1 <= said <= 31 and not isinstance(said, bool) else 1

    # --- where it stands ---

    def standing(self, t: int) -> Standing:
        return self.once(("standing", t), lambda: self._standing(t))

    def _standing(self, t: int) -> Standing:
        standing = self.plans.at(t)
        here = [event for event in self.events if event["timestamp"] <= t]
        anonymous = any(event["anonymous"] is not None and event["person"] is None for event in here)
        if standing == UNKNOWN and anonymous and not any(event["person"] is not None for event in here):
            return UNKNOWN._replace(stage="visitor")
        return standing

    def run(self, part: str, t: int) -> int | None:
        """Since when the stage (or name of the plan) is what it is at t, without a break."""
        now = getattr(self.standing(t), part)
        if now is None or (part == "stage" and self.standing(t).stage in ("unknown", "visitor")):
            return None
        points = {*self.plans.turns(), *(event["timestamp"] for event in self.events)}
        for point in sorted((point for point in points if point <= t), reverse=True):
            if getattr(self.standing(point - 1), part) != now:
                return int(point)
        seen = [e["timestamp"] for e in self.events if e["person"] is not None or e["anonymous"] is not None]
        first = min([*seen, *(at for at, _ in self.plans.said)], default=None)
        return first if first is not None and first <= t else None

    def paying(self, t: int) -> int | None:
        """When a paying plan was first said, if the account pays now."""
        if self.standing(t).stage != "paying":
            return None
        return next((at for at, plan in self.plans.said if at <= t and self.plans.paying(plan, at)), None)

    def quiet(self, t: int) -> int | None:
        """In a trial: when somebody last did something, at the earliest its begin."""
        begun = self.run("stage", t) if self.standing(t).stage == "trial" else None
        return None if begun is None else max([begun, *(event["timestamp"] for event in self.until("active", t))])

    # --- names ---

    def value(self, path: str, t: int) -> Any:  # noqa: PLR0911  one per kind of name
        """The value of a name that needs no limit, event or person at hand; None: unknown."""
        if path in self.rulebook.get("measures", {}):
            return self.once((path, t), lambda: self.measure(self.rulebook["measures"][path], t))
        root, _, rest = path.partition(".")
        if root in self.rulebook.get("measures", {}):
            compared = self.earlier if rest == "earlier" else self.rising_weeks
            return self.once((path, t), lambda: compared(self.rulebook["measures"][root], t))
        if path == "plan":
            return self.standing(t).name
        if path == "stage":
            return self.standing(t).stage
        if path == "plan.change":
            return self.once((path, t), lambda: self.plans.change(t))
        if path == "trial.left":
            return self.standing(t).left
        if path in LASTING:
            since = self.once((path, t), lambda: LASTING[path](self, t))
            return None if since is None else t - since
        if root == "onboarding":
            took = self.onboarding_took(t)
            within = self.rulebook["onboarding"].get("within")
            return took if rest == "took" else took is not None and (within is None or took <= duration(within))
        if path == "customer_since":
            return next((at for at, plan in self.plans.said if at <= t and self.plans.paying(plan, at)), None)
        if root == "limits":
            limit, _, what = rest.partition(".")
            return self.of_limit(limit, what, t)
        if root == "account":
            return next((value for at, value in reversed(self.said(rest)) if at <= t), None)
        raise ValueError(f"not a name that the oracle knows: {path}")

    def counted(self, selector: Any, span: range) -> list[Any]:
        """Events, of premium (event, feature): an event is in it once for each feature that the plan lacked."""
        if selector != "premium":
            return [event for event in self.selected(selector) if event["timestamp"] in span]
        return [(event, feature) for event, feature in self.premium() if event["timestamp"] in span]

    def premium(self) -> list[tuple[Event, str]]:
        """Each use or refusal of a feature that the plan in force at that time lacked."""
        return self.once("premium", self._premium)

    def _premium(self) -> list[tuple[Event, str]]:
        found = []
        for feature, how in self.rulebook.get("features", {}).items():
            for event in self.selected([how[each] for each in ("used", "refused") if each in how]):
                plan = self.standing(event["timestamp"]).plan
                if plan is not None and feature not in plan.get("has", []):
                    found.append((event, feature))
        return found

    def onboarding_took(self, t: int) -> int | None:
        """Of the account; else of the person who was first to be done in time, or the first who was done."""
        onboarding = self.rulebook["onboarding"]
        people = sorted({event["person"] for event in self.events if event["person"]})
        by_person = onboarding.get("by") == "person"
        whose = [self.walked(onboarding["steps"], t, person) for person in (people if by_person else [None])]
        done = [times for times in whose if times is not None]
        within = duration(onboarding["within"]) if "within" in onboarding else 10**15
        best = sorted(done, key=lambda times: (max(times) - min(times) > within, max(times)))
        return max(best[0]) - min(best[0]) if best else None

    def walked(self, steps: list[Any], t: int, person: str | None) -> list[int] | None:
        """When each step was done first, by that person or by anybody."""
        found: list[int] = []
        for step in steps:
            times = self.reached(*next(iter(step.items())), t) if isinstance(step, dict) else self.until(step, t)
            seen = [event["timestamp"] for event in times if person is None or event["person"] == person]
            if not seen:
                return None
            found.append(seen[0])
        return found

    def reached(self, name: str, number: int, t: int) -> list[Event]:
        """The event with which a measure came to a number, and those after it."""
        measure = self.rulebook["measures"][name]
        events = self.until(measure.get("count", measure.get("of")), t)
        values = [event["id"] if "count" in measure else self.told_apart(measure, event) for event in events]
        return [event for n, event in enumerate(events) if len(set(values[: n + 1]) - {None}) >= number]

    def trait(self, events: list[Event], name: str, t: int) -> Any:
        said = [event["traits"][name] for event in events if event["timestamp"] <= t and name in event["traits"]]
        return said[-1] if said else None

    # --- a limit, a person ---

    def limit(self, name: str) -> Limit:
        return Limit(name, self.rulebook["limits"][name], self.until, self.value, self.period)

    def period(self, unit: str, t: int, zone: str | None) -> tuple[int, int]:
        """When it began and when it ends; `zone` None: that of the rulebook."""
        days = (zone or self.zone, self.billed_on(t))
        return calendar.began(unit, t, *days), calendar.ends(unit, t, *days)

    def of_limit(self, name: str, what: str, t: int) -> Any:
        known = {"used": self.used, "allowed": self.allowed, "percent": self.percent, "full_in": self.full_in}
        return (known | {"worst": self.worst, "refused": self.refusals})[what](name, t)

    def used(self, name: str, t: int) -> float | None:
        return self.once(("used", name, t), lambda: self.limit(name).used(t))

    def allowed(self, name: str, t: int) -> float | None:
        said = [override.allowed for override in self.overrides if override.limit == name and override.since <= t]
        return self.once(("allowed", name, t), lambda: self.limit(name).allowed(self.standing(t).plan, said, t))

    def worst(self, name: str, t: int) -> Any:
        """The part of the account that counts."""
        limit = self.limit(name)
        return limit.worst(t)[0] if "worst_by" in limit.said and limit.is_there(t) else None

    def refusals(self, name: str, t: int) -> int | None:
        limit = self.limit(name)
        return len(self.until(limit.said.get("refused", []), t)) if limit.is_there(t) else None

    def full_in(self, name: str, t: int) -> int | None:
        """From the last midnight on, at the pace of the seven days before it (of what resets: since it did)."""
        limit, midnight = self.limit(name), t - t % DAY
        allowed, (start, end) = self.allowed(name, t), limit.period_at(midnight)
        since = max(midnight - 7 * DAY, start)
        if allowed is None or since == midnight or "each" in limit.said:
            return None
        before, now = self.used(name, since), self.used(name, midnight)
        if before is None or now is None or now <= before:
            return None
        exactly = max(0, allowed - now) * (midnight - since) / (now - before)
        if exactly > 3_650 * DAY:
            return None
        more = ceil(exactly)
        return None if end is not None and midnight + more >= end else more

    def percent(self, name: str, t: int) -> float | None:
        used, allowed = self.used(name, t), self.allowed(name, t)
        if used is None or allowed is None:
            return None
        if allowed == 0:
            return 1.0 if used > 0 else 0.0
        return used / allowed

    def person_named_last(self, t: int) -> str | None:
        here = [event for event in self.events if event["timestamp"] <= t and event["type"] in NAMES_A_PERSON]
        return here[-1]["person"] if here else None

    def person_trait(self, person: str | None, name: str, t: int) -> Any:
        if person is None:
            return None
        if name in ("email_domain", "email_kind"):
            return of_email(name, self.person_trait(person, "email", t)) or of_email(name, person)
        return self.trait([e for e in self.events if e["type"] != "group" and e["person"] == person], name, t)


LASTING: dict[str, Callable[[Account, int], int | None]] = {
    "stage.for": lambda account, t: account.run("stage", t),
    "plan.for": lambda account, t: account.run("name", t),
    "paying.for": Account.paying,
    "trial.quiet": Account.quiet,
}


def dropped(rulebook: dict[str, Any], event: Event) -> bool:
    """Whether `drop_events` makes it count for nothing. Of its person only the id says something here."""

    def read(path: str) -> Any:
        root, _, rest = path.partition(".")
        return of_email(rest, event["person"]) if root == "person" else dig(event, path)

    return any(truth(condition, read) is True for condition in rulebook.get("drop_events", ()))


def of_email(name: str, address: Any) -> str | None:
    """`email_domain` or `email_kind`, as far as the made-up people go."""
    local, _, domain = address.lower().partition("@") if isinstance(address, str) else ("", "", "")
    if not domain:
        return None
    kind = "free_mail" if domain == "gmail.com" else "role" if local == "info" else "business"
    return str(domain) if name == "email_domain" else kind
