"""Usage events that lie together in one frame, field by field: what many of them have in common is said, made and kept once.

Who looks at a few fields of every event, and at all fields of few, makes far fewer objects so than with one for each event.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import repeat, starmap
from typing import Any, TypeVar

import msgspec
from msgspec.structs import astuple

from contracts.messages import EMPTY_OBJECT, EventType, Trust, UsageEvent

T = TypeVar("T")
_NONE = (None,)
_FALSE = (False,)
_EMPTY = (EMPTY_OBJECT,)


class Columns(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """Of each field of a usage event as many values as there are events, in order, or the one value that all of them have.

    Type and name of an event are that pair of `names` which `name` says. A field that is left out has its default in all.
    They stand in the order of an event's own fields, `names` in place of its type.
    """

    project: list[str]
    id: list[str]
    names: list[tuple[EventType, str | None]]
    timestamp: list[int]
    received_at: list[int]
    name: list[int]
    account: Sequence[str | None] = _NONE
    person: Sequence[str | None] = _NONE
    anonymous: Sequence[str | None] = _NONE
    previous: Sequence[str | None] = _NONE
    link: Sequence[str | None] = _NONE
    original_timestamp: Sequence[int | None] = _NONE
    sent_at: Sequence[int | None] = _NONE
    future: Sequence[bool] = _FALSE
    attributed: Sequence[bool] = _FALSE
    historical: Sequence[bool] = _FALSE
    trust: Sequence[Trust] = ("server",)
    key_id: Sequence[str] = ("",)
    properties: Sequence[msgspec.Raw] = _EMPTY
    traits: Sequence[msgspec.Raw] = _EMPTY
    context: Sequence[msgspec.Raw] = _EMPTY

    def __post_init__(self) -> None:
        """Raises ValueError, which a decoder makes its own: these are not columns of the same events."""
        count = len(self.id)
        if not count or not {1, count}.issuperset(map(len, _columns(self))):
            raise ValueError(f"columns of {count} events have other lengths")
        if not 0 <= min(self.name) <= max(self.name) < len(self.names):
            raise ValueError("an event has a name that is not there")

    def __len__(self) -> int:
        return len(self.id)

    def each(self, values: Sequence[T]) -> Iterable[T]:
        """What a column says of event after event."""
        return values if len(values) == len(self.id) else repeat(values[0], len(self.id))

    @property
    def keys(self) -> Iterator[tuple[str, str | None]]:
        """(project, account) of each event."""
        return zip(self.each(self.project), self.each(self.account), strict=True)

    def key(self, place: int) -> tuple[str, str | None]:
        """The same of the event at this place."""
        return self.project[place if len(self.project) > 1 else 0], self.account[place if len(self.account) > 1 else 0]

    @property
    def types_and_names(self) -> Iterator[tuple[EventType, str | None]]:
        """Of each event."""
        return map(self.names.__getitem__, self.each(self.name))

    def only(self, places: Sequence[int]) -> "Columns | None":
        """The events at these places, in this order. None: no event."""
        if not places:
            return None
        if len(places) == len(self.id):
            return self
        columns = zip(_FIELDS, _columns(self), strict=True)
        chosen = {field: [values[place] for place in places] for field, values in columns if len(values) > 1}
        chosen.pop("type", None)
        return msgspec.structs.replace(self, **chosen)

    def of_each_project(self) -> Iterator[tuple[str, Sequence[int], "Columns"]]:
        """(project, the places of its events, these events)."""
        if len(self.project) == 1:
            yield self.project[0], range(len(self)), self
            return
        places: dict[str, list[int]] = {}
        for place, project in enumerate(self.project):
            places.setdefault(project, []).append(place)
        for project, found in places.items():
            if (part := self.only(found)) is not None:
                yield project, found, part

    def events(self) -> list[UsageEvent]:
        """All of them."""
        columns: list[Iterable[Any]] = list(map(self.each, _columns(self)))
        columns[_TYPE], columns[_NAME] = zip(*self.types_and_names, strict=True)
        for field in _OBJECTS:
            columns[field] = map(_object, columns[field])
        return list(starmap(UsageEvent, zip(*columns, strict=True)))

    def event(self, place: int) -> UsageEvent:
        """The one at this place."""
        values = [values[place if len(values) > 1 else 0] for values in _columns(self)]
        values[_TYPE], values[_NAME] = self.names[values[_NAME]]
        for field in _OBJECTS:
            values[field] = _object(values[field])
        return UsageEvent(*values)


def _object(raw: msgspec.Raw) -> msgspec.Raw:
    """One in which nothing is is the very EMPTY_OBJECT, by which readers know it."""
    return EMPTY_OBJECT if raw == EMPTY_OBJECT else raw


def _columns(of: Columns) -> list[Sequence[Any]]:
    """In the order of an event's fields; where its type belongs stands what says both type and name."""
    columns = list(astuple(of))
    columns[_TYPE] = columns[_NAME]
    return columns


_FIELDS = UsageEvent.__struct_fields__
_DEFAULTS = dict(zip(reversed(_FIELDS), reversed(UsageEvent.__struct_defaults__), strict=False))
_TYPE, _NAME = _FIELDS.index("type"), _FIELDS.index("name")
_OBJECTS = tuple(map(_FIELDS.index, ("properties", "traits", "context")))


def columns_of(events: Sequence[UsageEvent]) -> Columns:
    """Of one event or more."""
    if len(events) == 1:
        values: list[Any] = [[value] for value in astuple(events[0])]
        values[_TYPE], values[_NAME] = [(events[0].type, events[0].name)], [0]
        return Columns(*values)
    columns: dict[str, Any] = dict(zip(_FIELDS, zip(*map(astuple, events), strict=True), strict=True))
    names = list(zip(columns.pop("type"), columns["name"], strict=True))
    places = {name: place for place, name in enumerate(dict.fromkeys(names))}
    columns["name"] = list(map(places.__getitem__, names))
    for field, values in list(columns.items()):
        if field == "id" or values.count(values[0]) < len(values):
            columns[field] = list(values)
        elif field in _DEFAULTS and field != "name" and values[0] == _DEFAULTS[field]:
            del columns[field]
        else:
            columns[field] = [values[0]]
    return Columns(names=list(places), **columns)
