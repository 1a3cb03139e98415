"""All events of one account in; the value of any name of the rulebook at any instant out, from the events until then.

An event is a dict: id, type, timestamp, received_at, name, person, anonymous, properties, traits. Of copies (the same id) the
first in the list is the event.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeVar

from tests.oracle.calendar import began
from tests.oracle.conditions import duration, truth
from tests.oracle.events import Event, dig, selects
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
        said = [(e["timestamp"], e["traits"]["plan"]) for e in self.events if e["type"] == "group" and "plan" in e["traits"]]
        self.plans = Plans(rulebook, said)
        self.known: dict[Any, Any] = {}

    def once(self, key: Any, work: Callable[[], T]) -> T:
        """The same question again gets the same answer, sooner."""
        if key not in self.known:
            self.known[key] = work()
        answer: T = self.known[key]
        return answer

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
        if root == "onboarding":
            took = self.onboarding_took(t)
            within = self.rulebook["onboarding"].get("within")
            return took if rest == "took" else took is not None and (within is None or took <= duration(within))
        if path == "customer_since":
            return next((at for at, plan in self.plans.said if at <= t and self.plans.paying(plan)), None)
        if root == "limits":
            limit, _, what = rest.partition(".")
            return self.of_limit(limit, what, t)
        if root == "account":
            return self.trait([e for e in self.events if e["type"] == "group"], rest, t)
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

    def of_limit(self, name: str, what: str, t: int) -> Any:
        if what == "refused":
            return len(self.until(self.rulebook["limits"][name].get("refused", []), t))
        return {"used": self.used, "allowed": self.allowed, "percent": self.percent}[what](name, t)

    def used(self, name: str, t: int) -> float | None:
        """How much of a limit. A gauge that was never told is unknown; a counter begins again with each of its periods."""
        limit = self.rulebook["limits"][name]
        if "count" in limit:
            never = limit["resets"] == "never"
            start = 0 if never else began(limit["resets"], t, self.zone, self.billed_on(t))
            return len(self.counted(limit["count"], range(start, t + 1)))
        values: list[Any] = [dig(event, limit["last"]) for event in self.until(limit["of"], t)]
        return next((v for v in reversed(values) if isinstance(v, int | float) and not isinstance(v, bool)), None)

    def allowed(self, name: str, t: int) -> float | None:
        """None: no cap, or unknown."""
        said = [override.allowed for override in self.overrides if override.limit == name and override.since <= t]
        plan = self.standing(t).plan
        most = None if plan is None else plan.get("allows", {}).get(name)
        if said and said[-1] != "plan":
            most = said[-1]
        return None if most == "none" else most

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
