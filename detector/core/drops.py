"""A usage event in; whether it counts for nothing, out: the section `drop_events`, compiled.

`properties.…` are the event's own. `person.…` is what was said of its person until here, in the order of the log and whatever
the times: somebody is one of ours, or is not. So the traits that this looks at are kept of everybody, also of those whose
events are dropped, apart from the account's people.
"""

from collections.abc import Callable, Iterable
from typing import Any, Final, NamedTuple

import msgspec

from contracts.messages import EMPTY_OBJECT, UsageEvent
from detector.core.account import Account
from detector.core.emails import domain_of, kind_of
from detector.core.facts.people import PEOPLE_MAX, Traits
from detector.core.instants import NEVER
from detector.core.rulebook.decode import dig, kept
from detector.core.rulebook.generate import Source
from detector.core.rulebook.model import Binary, Condition, Expr, In, Name
from detector.core.rulebook.tree_walk import names_in

KNOWN: Final = "known"
"""The store of people's traits that decide what is dropped."""
_EMAIL: Final = "email"
_OF_EMAIL: Final = {"email_domain": domain_of, "email_kind": kind_of}


class _Sight(NamedTuple):
    """What a condition looks at."""

    properties: Any
    person: str | None
    known: Traits | None


class Drops:
    """Asked of every event, so it is cheap: properties are decoded only if one that counts is there, people are remembered."""

    def __init__(self, conditions: Iterable[Condition]) -> None:
        by_path = [(condition, {name.path for name in names_in(condition.expr)}) for condition in conditions]
        self._of_person = [_compiled(each) for each, paths in by_path if not any(map(_is_property, paths))]
        self._of_event = [_compiled(each) for each, paths in by_path if any(map(_is_property, paths))]
        used = {path for _, paths in by_path for path in paths}
        firsts = {path.split(".")[1] for path in used if _is_property(path)}
        self._glance, self._nothing = _glance(sorted(firsts))
        self._marks = [first.encode() for first in firsts]
        traits = {path.removeprefix("person.") for path in used if not _is_property(path)}
        self._traits = frozenset(_EMAIL if trait in _OF_EMAIL else trait for trait in traits)
        mixed = any(len({_is_property(path) for path in paths}) > 1 for _, paths in by_path)
        self._whatever = mixed or any(holds(_Sight({}, None, None)) is True for holds in self._of_event)
        """Whether one may hold though none of these properties is there."""

    def spare(self, body: bytes) -> bool:
        """Whether no event in it can be dropped for its properties. `body`: JSON, in which a name may be written with escapes."""
        if not self._of_event:
            return True
        return not (self._whatever or b"\\" in body or any(map(body.__contains__, self._marks)))

    def drop(self, account: Account, event: UsageEvent) -> bool:
        """Also learns who its person is."""
        if self._traits and event.person is not None and event.traits is not EMPTY_OBJECT and event.type != "group":
            self._learn(account, event.person, event)
        return self.drops(account, event.person, event.properties)

    def drops(self, account: Account, person: str | None, properties: msgspec.Raw) -> bool:
        """Whether it drops what this person did, with these properties."""
        if self._traits and person is not None:
            known = account.outsiders.get(person)
            if known is None or account.dropped_by is not self:
                known = self._is_outsider(account, person)
            if known:
                account.dropped += 1
                return True
        if not self._of_event:
            return False
        if not self._whatever:
            try:
                if self._glance(properties) == self._nothing:
                    return False
            except msgspec.MsgspecError:
                return False  # not an object: an event without properties is still an event
        return self._holds(account, person, properties)

    def _learn(self, account: Account, person: str, event: UsageEvent) -> None:
        try:
            said = msgspec.json.decode(event.traits)
        except msgspec.MsgspecError:
            return
        names = sorted(self._traits & said.keys()) if isinstance(said, dict) else ()
        if names:
            known: Traits = account.facts.store(KNOWN)
            known.make_room(person, account.facts.activity.people)
            for name in names:
                known.add(person, name, event.timestamp, event.id, kept(said[name]))
            account.outsiders.pop(person, None)

    def _is_outsider(self, account: Account, person: str) -> bool:
        if account.dropped_by is not self or len(account.outsiders) >= PEOPLE_MAX:
            account.dropped_by, account.outsiders = self, {}
        found = account.outsiders.get(person)
        if found is None:
            sight = _Sight({}, person, account.facts.store(KNOWN))
            found = account.outsiders[person] = any(holds(sight) is True for holds in self._of_person)
        return found

    def _holds(self, account: Account, person: str | None, properties: msgspec.Raw) -> bool:
        sight = _Sight(_decoded(properties), person, account.facts.store(KNOWN))
        if any(holds(sight) is True for holds in self._of_event):
            account.dropped += 1
            return True
        return False


def drops(conditions: Iterable[Condition]) -> Drops | None:
    """None: nothing can ever be dropped."""
    possible = [condition for condition in conditions if _can_hold(condition.expr)]
    return Drops(possible) if possible else None


def _can_hold(expr: Expr) -> bool:
    """Nothing is `in` an empty list, which is what a base has until the project fills it."""
    match expr:
        case In(options=options):
            return bool(options)
        case Binary(operator="and", left=left, right=right):
            return _can_hold(left) and _can_hold(right)
        case Binary(operator="or", left=left, right=right):
            return _can_hold(left) or _can_hold(right)
        case _:
            return True


def _is_property(path: str) -> bool:
    return path.startswith("properties.")


def _compiled(condition: Condition) -> Callable[[_Sight], bool | None]:
    source = Source()
    return source.all_hold("drops", (condition,), lambda name: f"{source.bind(_reader(name))}(m)")


def _reader(name: Name) -> Callable[[_Sight], Any]:
    root, _, rest = name.path.partition(".")
    if root == "properties":
        path = tuple(rest.split("."))
        return lambda sight: kept(dig(sight.properties, path))
    of_email = _OF_EMAIL.get(rest)
    if of_email is not None:
        return lambda sight: of_email(_said(sight, _EMAIL)) or of_email(sight.person)
    return lambda sight: _said(sight, rest)


def _said(sight: _Sight, trait: str) -> Any:
    """What was said last of the person, by the times of what was said."""
    return None if sight.person is None or sight.known is None else sight.known.value(sight.person, trait, NEVER)


def _glance(names: list[str]) -> tuple[Callable[[msgspec.Raw], object], object]:
    """A function that reads these properties of an event and skips all others, and what it finds where none of them is."""
    fields = [(f"f{n}", Any, msgspec.UNSET) for n in range(len(names))]
    struct = msgspec.defstruct("Used", fields, rename={f"f{n}": name for n, name in enumerate(names)})
    return msgspec.json.Decoder(struct).decode, struct()


def _decoded(properties: msgspec.Raw) -> Any:
    try:
        return msgspec.json.decode(properties)
    except msgspec.MsgspecError:
        return {}
