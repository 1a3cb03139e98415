"""What an applied rulebook began to count, and of which accounts not everything is known yet: for people who look at it."""

from collections.abc import Iterator

from detector.core.rulebook.changing import facts_of
from detector.core.rulebook.measured import Calendar, Measure, Newest, Rolling, Steps
from detector.core.rulebook.model import Limit, Rulebook
from detector.core.zones import Zone, period, zone
from detector.shapes import WarmingLine, iso
from detector.store.rulebooks import Rulebooks


def warming(store: Rulebooks, rulebook: Rulebook, now: int) -> list[WarmingLine]:
    """Of the project whose rulebook it is; what is known whole by now is left out."""
    return list(_lines(store, rulebook, now))


def _lines(store: Rulebooks, rulebook: Rulebook, now: int) -> Iterator[WarmingLine]:
    since: dict[str, int] = {}
    for projects in store.spans(rulebook.project).values():
        for key, span in projects.get(rulebook.project, {}).items():
            if span.is_partly:
                since[key] = max(span.since, since.get(key, 0))
    in_zone = zone(rulebook.timezone)
    for (section, name), keys in facts_of(rulebook).items():
        begun = max((since[key] for key in keys if key in since), default=None)
        if begun is None or _is_always_whole(section, name, rulebook):
            continue
        until = _until(section, name, rulebook, begun, in_zone)
        if until is None or until > now:
            yield WarmingLine(project=rulebook.project, name=name, since=iso(begun), until=None if until is None else iso(until))


def _is_always_whole(section: str, name: str, rulebook: Rulebook) -> bool:
    """The newest value of something is right whatever came before."""
    if section == "limits":
        limit = rulebook.limits[name]
        return limit.kind == "gauge" and limit.worst_by is None
    return section == "measures" and isinstance(rulebook.measures[name], Newest)


def _until(section: str, name: str, rulebook: Rulebook, since: int, in_zone: Zone) -> int | None:
    """When what came before the switch has left its window; None: never, or that is another time for each account."""
    thing: Limit | Measure | None = {**rulebook.measures}.get(name) if section == "measures" else rulebook.limits.get(name)
    match thing:
        case Steps(within_ms=ms):
            return since + ms
        case Limit(period=unit) if section == "limits":
            return _next(unit, since, in_zone)
        case _:
            window = getattr(thing, "window", None)
    match window:
        case Rolling(ms=ms):
            return since + ms
        case Calendar(unit=unit):
            return _next(unit, since, in_zone)
        case _:
            return None


def _next(unit: str | None, since: int, in_zone: Zone) -> int | None:
    return in_zone.begins(period(unit, in_zone.day(since))[1]) if unit in ("day", "week", "month") else None
