"""The names that conditions and texts may use: a path and the place it stands in go in, a typed Name comes out."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, get_args

from detector.core.emails import Kind
from detector.core.rulebook.model import Name, Type
from detector.core.rulebook.problems import Refusal, closest, did_you_mean

STAGES: Final = ("unknown", "visitor", "trial", "free", "paying", "churned")
CHANGES: Final = ("up", "down")
EMAIL_KINDS: Final = get_args(Kind)

LIMIT_NAMES: Final = {
    "limit.used": Type.NUMBER,
    "limit.allowed": Type.NUMBER,
    "limit.percent": Type.PERCENT,
    "limit.left": Type.NUMBER,
    "limit.label": Type.TEXT,
    "limit.worst": Type.ANY,  # of a limit with `worst_by`: the part that counts
    "limit.full_in": Type.DURATION,  # from the last midnight on
    "limit.refused": Type.NUMBER,  # times that the product refused for lack of this limit
}
STATE_NAMES: Final = {
    "plan": Type.TEXT,
    "plan.change": Type.TEXT,
    "stage": Type.TEXT,
    "onboarding.done": Type.BOOL,
    "onboarding.took": Type.DURATION,
    "trial.left": Type.DURATION,
    "trial.quiet": Type.DURATION,
    "stage.for": Type.DURATION,
    "plan.for": Type.DURATION,
    "paying.for": Type.DURATION,
    "customer_since": Type.TIME,
}
PERSON_NAMES: Final = {"person.email_domain": Type.TEXT, "person.email_kind": Type.TEXT}
TIMES: Final = frozenset(name for name, kind in STATE_NAMES.items() if kind is Type.TIME)
"""Epoch ms; what a product sends as a date may be written in other ways."""
COMPARED_ONLY: Final = frozenset(["trial.left", "trial.quiet", "stage.for", "plan.for", "paying.for"])
"""They move with every millisecond: only beside a fixed value is it known beforehand when a condition about it changes."""
GROWS: Final = COMPARED_ONLY - {"trial.left"}
TEXT_NAMES: Final = {
    "account": Type.TEXT,
    "person": Type.TEXT,
    "offer.plan": Type.TEXT,
    "offer.covers": Type.LIST,
    "trial.ends_on": Type.TEXT,
    "trial.would_lose": Type.LIST,
    "churned_on": Type.TEXT,
}
LATER_NAMES: Final = (*("score", "score.fit", "score.behaviour", "temperature", "trial"),)
OF_MEASURES: Final = {
    "earlier": "a measure with `window`: what it was one window before",
    "rising_weeks": "a measure with `count`, `distinct`, `sum`, `min` or `max`",
}
RESERVED: Final = frozenset(
    (
        *("account", "person", "properties", "event", "limit", "plan", "stage", "onboarding", "offer", "trial", "score"),
        *("limits", "rules", "customer_since"),
        *("and", "or", "not", "in", "between", "matches", "contains", "covers", "true", "false", "none", "null"),
        *("active", "premium"),
    )
)
"""Words that the language keeps for itself: no measure, event or list may take them."""

_DAYS: Final = {
    "trial.ends_on": "trial.left <= 3d",
    "churned_on": "stage.for <= 30d",
    "limit.full_on": "limit.full_in <= 14d",
}
"""Days that texts name -> what to compare instead."""
_TRAIT = re.compile(r"(account|person|properties)((?:\.[\w$]+)+)")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a condition or text stands, and so which names it has."""

    title: str
    state: bool = True
    """The account: its measures, plan, stage, onboarding, traits."""
    limit: bool = False
    """One limit at hand (`each: limit`)."""
    rules: bool = False
    """What other rules say: `rules.…`."""
    event: bool = False
    """One event at hand, with `event`, and its `properties.…`."""
    properties: bool = False
    person: bool = True
    """The traits of the person at hand. Not in `where`: what a person is may be said after what the person did."""
    text: bool = False
    """A `say` or `do`: whole things may be named, not only what can be compared."""


WHERE: Final = Place("`where`", state=False, properties=True, person=False)
DROP: Final = Place("`drop_events`", state=False, properties=True)
CLOSE: Final = Place("`close`")
SUPPRESS: Final = Place("`suppress`")
DO: Final = Place("`do`", text=True)
IF: Final = Place("`if`", person=False)


@dataclass(frozen=True, slots=True)
class Names:
    """What one rulebook defines. `measures`: name -> type of its value; `several`: those that count different values.

    `rules`: name -> the key that its form begins with: `when`, `each` or `event`.
    """

    measures: Mapping[str, Type] = field(default_factory=dict)
    several: frozenset[str] = frozenset()
    lists: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    plans: tuple[str, ...] = ()
    events: tuple[str, ...] = ()
    limits: tuple[str, ...] = ()
    rules: Mapping[str, str] = field(default_factory=dict)
    moving: frozenset[str] = frozenset()
    """The measures among COMPARED_ONLY."""

    def compared_only(self, path: str) -> bool:
        return path in COMPARED_ONLY or path in self.moving

    def find(self, path: str, place: Place, offset: int) -> Name:
        """The typed name. Raises Refusal if there is none, not here, or not yet."""
        known = self._types(place)
        if path in known:
            return Name(path, known[path])
        if path.startswith("limits.") and place == IF:
            raise Refusal(offset, "unknown_name", f"'{path}' is not known in `if`", "A limit cannot depend on another")
        if path.startswith("limits.") and place.state:
            return self._limit(path, offset)
        if path.startswith("rules.") and place.state:
            return self._rule(path, place, offset)
        trait = _TRAIT.fullmatch(path)
        if trait and path not in LATER_NAMES and self._has_traits(trait[1], place):
            return Name(path, Type.ANY)
        raise self._refusal(path, place, offset, known)

    def _limit(self, path: str, offset: int) -> Name:
        """What is known of a limit by its name."""
        _, limit, *rest = path.split(".", 2)
        if limit not in self.limits:
            raise Refusal(offset, "unknown_name", f"there is no limit '{limit}'", did_you_mean(limit, self.limits))
        kind = LIMIT_NAMES.get(f"limit.{''.join(rest)}")
        if kind is None:
            near = did_you_mean("".join(rest), [name.removeprefix("limit.") for name in LIMIT_NAMES])
            raise Refusal(offset, "unknown_name", f"unknown name '{path}'", near)
        return Name(path, kind)

    def _rule(self, path: str, place: Place, offset: int) -> Name:
        """Whether another rule holds."""
        rule = path.removeprefix("rules.")
        form = self.rules.get(rule)
        if form is None:
            raise Refusal(offset, "unknown_name", f"there is no rule '{rule}'", did_you_mean(rule, self.rules))
        if not place.rules:
            raise Refusal(offset, "unknown_name", f"'{path}' is not known in {place.title}", "It is known in `when` of a rule")
        if form == "each":
            remedy = "Write what it asks of one limit: limits.NAME.percent >= 80%"
            raise Refusal(offset, "type", f"'{path}' is judged for each limit, so it does not hold as a whole", remedy)
        if form == "event":
            remedy = "Count its events in a measure: {count: …, window: 7d}"
            raise Refusal(offset, "type", f"'{path}' holds for an instant only, when its event comes", remedy)
        return Name(path, Type.BOOL)

    def values(self, path: str) -> tuple[str, ...] | None:
        """The texts that this name can have, if they are known beforehand."""
        fixed = {"stage": STAGES, "plan.change": CHANGES, "plan": self.plans, "event": self.events}
        fixed["person.email_kind"] = EMAIL_KINDS
        return fixed.get(path)

    def _types(self, place: Place) -> dict[str, Type]:
        known: dict[str, Type] = {}
        if place.state:
            known |= {**self.measures, **STATE_NAMES}
        if place.person:
            known |= PERSON_NAMES
        if place.limit:
            known |= LIMIT_NAMES
        if place.event:
            known["event"] = Type.TEXT
        if place.text:
            known |= TEXT_NAMES
            if place.limit:
                known["limit.full_on"] = Type.TEXT
        return known

    @staticmethod
    def _has_traits(root: str, place: Place) -> bool:
        return {"account": place.state, "person": place.person, "properties": place.properties}[root]

    def _refusal(self, path: str, place: Place, offset: int, known: Mapping[str, Type]) -> Refusal:
        root = path.partition(".")[0]
        if path in LATER_NAMES:
            return Refusal(offset, "not_supported_yet", f"not supported yet: {path}")
        return Refusal(offset, "unknown_name", *self._why_not(path, root, place, list(known)))

    def _why_not(self, path: str, root: str, place: Place, known: list[str]) -> tuple[str, str]:  # noqa: PLR0911 (one return a reason)
        """Message and remedy for a name that is not known in this place."""
        of_measure = OF_MEASURES.get(path.partition(".")[2])
        if root in self.measures and of_measure is not None and place.state:
            return f"'{path}' is not known", f"There is `.{path.partition('.')[2]}` of {of_measure}"
        if path in LIMIT_NAMES or (path == "limit.full_on" and not place.limit):
            remedy = "Use it in such a rule" if place in (WHERE, DROP, CLOSE, SUPPRESS, DO, IF) else "Add `each: limit`"
            return f"'{path}' is only known in a rule with `each: limit`", remedy
        if path == "event" or (root == "properties" and path != root):
            remedy = "It is known in `where`, and in a rule with `event`; for a value over time, write a measure"
            return f"'{path}' is not known in {place.title}: no event is at hand", remedy
        if path in _DAYS and place.state:
            return f"'{path}' cannot be compared", f"Write how long: {_DAYS[path]}"
        if root == "person" and place == IF:
            return f"'{path}' is not known in {place.title}: no person is at hand", "Ask for it in a line of `when`"
        if root == "person" and not place.person:
            remedy = "Send what you need as a property of the event, or ask for it in a line of `when`"
            return f"'{path}' is not known in {place.title}: it may be said after the event", remedy
        if path in TEXT_NAMES and not place.text:
            trait = f"Name one of its traits, such as {path}.country"
            return f"'{path}' cannot be compared", trait if path in ("account", "person") else "Use it in `say` or `do`"
        if path in self.lists:
            return f"'{path}' is a list", f"Write: … in {path}"
        if not place.state and (
            root in (*STATE_NAMES, "onboarding", "account", "trial", "limits", "rules") or path in self.measures
        ):
            there = "There is: properties.…, person.…; what holds of an account goes into `suppress`"
            return f"'{path}' is not known in {place.title}", there if place.person else "There is: properties.…"
        near = closest(path, known)
        if near is not None or "." in path or place.text:
            return f"unknown name '{path}'", did_you_mean(path, known)
        return f"unknown name '{path}'", f'A text needs quotes: "{path}"'
