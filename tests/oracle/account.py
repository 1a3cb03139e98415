"""All events of one account in; the value of any name of the rulebook at any instant out, from the events until then.

An event is a dict: id, type, timestamp, received_at, name, person, anonymous, properties, traits. Of copies (the same id) the
first in the list is the event.
"""

from collections.abc import Callable, Sequence
from math import ceil
from typing import Any, NamedTuple, TypeVar

from tests.oracle.conditions import duration, truth
from tests.oracle.limits import Limit, month_of, text_of
from tests.oracle.plans import UNKNOWN, Plans, Standing

T = TypeVar("T")
Event = dict[str, Any]
DAY = 86_400_000
NAMES_A_PERSON = ("track", "page", "screen", "identify", "group")


class Override(NamedTuple):
    """What sales said that the account is allowed of a limit, from `since` on.

    `allowed`: a number, "none" (no cap), or "plan" (what the plan allows counts again).
    """

    since: int
    limit: str
    allowed: Any


class Account:
    """Slow on purpose: whatever it is asked for, it looks through all the events again."""

    def __init__(self, rulebook: dict[str, Any], events: list[Event], overrides: Sequence[Override] = ()) -> None:
        """`overrides`: in the order in which they were said."""
        self.rulebook = rulebook
        self.overrides = overrides
        first = {event["id"]: event for event in reversed(events)}
        self.events = sorted(first.values(), key=lambda event: (event["timestamp"], event["id"]))
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

    def until(self, selector: Any, t: int, window: int | None = None) -> list[Event]:
        """In (t - window, t]."""
        since = -1 if window is None else t - window
        return [event for event in self.selected(selector) if since < event["timestamp"] <= t]

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

    def measure(self, measure: dict[str, Any], t: int) -> Any:
        window = duration(measure["window"]) if "window" in measure else None
        if "absent" in measure:
            return self.absent(measure, t)
        if "count" in measure:
            counted = self.counted(measure["count"], t, window)
            return len({each[0]["id"] if isinstance(each, tuple) else each["id"] for each in counted})
        if "last" in measure:
            values = [dig(event, measure["last"]) for event in self.until(measure["of"], t, window)]
            return next((value for value in reversed(values) if value is not None), None)
        return len(self.different(measure, t))

    def different(self, measure: dict[str, Any], t: int) -> set[Any]:
        """The values that a `distinct` counts."""
        window = duration(measure["window"]) if "window" in measure else None
        counted = self.counted(measure["of"], t, window)
        return {each for event in counted if (each := told_apart(measure, event)) is not None}

    def counted(self, selector: Any, t: int, window: int | None) -> list[Any]:
        """Events, of premium (event, feature): an event is in it once for each feature that the plan lacked."""
        if selector != "premium":
            return self.until(selector, t, window)
        since = -1 if window is None else t - window
        return [(event, feature) for event, feature in self.premium() if since < event["timestamp"] <= t]

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

    def absent(self, measure: dict[str, Any], t: int) -> bool:
        """Whether what should have followed `after` did not, for so long."""
        answers = [event["timestamp"] for event in self.until(measure["absent"], t)]
        waiting = [e["timestamp"] for e in self.until(measure["after"], t) if not answers or e["timestamp"] > answers[-1]]
        return bool(waiting) and waiting[0] + duration(measure["within"]) <= t

    def onboarding_took(self, t: int) -> int | None:
        firsts: list[int] = []
        for step in self.rulebook["onboarding"]["steps"]:
            seen = self.until(step, t)
            if not seen:
                return None
            firsts.append(seen[0]["timestamp"])
        return max(firsts) - min(firsts)

    def trait(self, events: list[Event], name: str, t: int) -> Any:
        said = [event["traits"][name] for event in events if event["timestamp"] <= t and name in event["traits"]]
        return said[-1] if said else None

    # --- a limit, a person ---

    def limit(self, name: str) -> Limit:
        return Limit(name, self.rulebook["limits"][name], self.until, self.value, dig)

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
        """From the last midnight on, at the pace of the seven days before it (of a month: since it began)."""
        limit, midnight = self.limit(name).said, t - t % DAY
        allowed, since = self.allowed(name, t), midnight - 7 * DAY
        if "resets" in limit:
            since = max(since, next(midnight - days * DAY for days in range(32) if first_of_month(midnight - days * DAY)))
        if allowed is None or since == midnight or "each" in limit:
            return None
        before, now = self.used(name, since), self.used(name, midnight)
        if before is None or now is None or now <= before:
            return None
        exactly = max(0, allowed - now) * (midnight - since) / (now - before)
        if exactly > 3_650 * DAY:
            return None
        more = ceil(exactly)
        begins_again = [midnight + days * DAY for days in range(1, 32) if first_of_month(midnight + days * DAY)]
        return None if "resets" in limit and midnight + more >= begins_again[0] else more

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
        return self.trait([e for e in self.events if e["type"] != "group" and e["person"] == person], name, t)


LASTING: dict[str, Callable[[Account, int], int | None]] = {
    "stage.for": lambda account, t: account.run("stage", t),
    "plan.for": lambda account, t: account.run("name", t),
    "paying.for": Account.paying,
    "trial.quiet": Account.quiet,
}


def selects(selector: Any, event: Event, aliases: dict[str, Any]) -> bool:
    """`selector`: a name of `aliases`, the product's own name, `active`, {of, where}, or a list of such."""
    if isinstance(selector, list):
        return any(selects(each, event, aliases) for each in selector)
    if isinstance(selector, dict):
        return selects(selector["of"], event, aliases) and truth(selector["where"], lambda path: there(event, path)) is True
    if event["type"] != "track":
        return False
    if selector == "active":
        return event["person"] is not None
    if selector in aliases:
        return selects(aliases[selector], event, {})
    return bool(event["name"] == selector)


def dig(event: Event, path: str) -> Any:
    """`properties.total` of an event; None if it is not there, or not plain."""
    value = there(event, path)
    return value if isinstance(value, str | int | float) else None


def there(event: Event, path: str) -> Any:
    """Whatever it is."""
    value: Any = event
    for part in path.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return value


def first_of_month(midnight: int) -> bool:
    return month_of(midnight) != month_of(midnight - 1)


def told_apart(measure: dict[str, Any], counted: Any) -> Any:
    """What a `distinct` counts different ones of."""
    event, feature = counted if isinstance(counted, tuple) else (counted, None)
    match measure["distinct"]:
        case "day":
            return event["timestamp"] // DAY
        case "person":
            return event["person"]
        case "feature":
            return feature
        case path:
            return text_of(dig(event, path))
