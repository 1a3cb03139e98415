"""What is told comes in; what people read of it goes out, in their words: who, why now, what to offer, what to be careful about.

For messages of every kind that are read in 30 seconds. Nothing here is escaped for where it is shown.
"""

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from notifier.core.payload import days, label, part, parts

PARTS_MAX = 6
"""Of one line: more is not read in 30 seconds."""
_TEMPERATURES = ("cold", "warm", "hot")
_SIGNS = {"hot": "🔥", "warm": "🌤", "cold": "🧊"}
LINKS = {"accept": "Take it", "reject": "Not a fit", "snooze": "Snooze", "lead": "Full story"}
TOLD = ("lead.created", "lead.updated")
_OF_ENDPOINTS = {"endpoint.test": "Test from Handraiser", "endpoint.disabled": "An endpoint is disabled"}
_UNSEEN = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")
"""Control characters, which a terminal obeys, and those that turn the direction of the rest of a line."""


def title(type_: str, data: dict[str, Any]) -> str:
    if type_ in _OF_ENDPOINTS:
        return _OF_ENDPOINTS[type_]
    temperature, total = data.get("temperature"), part(data, "score").get("total")
    heat = " ".join(filter(None, (_text(temperature), _number(round(total) if isinstance(total, float) else total))))
    if type_ not in TOLD:
        return _dotted((label(_text(data.get("lead_type"))), type_.removeprefix("lead.")))
    sign = _SIGNS.get(_text(temperature), "✋")
    return _dotted((f"{sign} {label(_text(data.get('lead_type')))}", heat, _news(data)))


def _news(data: dict[str, Any]) -> str:
    """What an update brought."""
    changes = [change for change in parts(data, "changes") if is_news(change) or change.get("field") == "owner"]
    says = {"signal": "new signal", "temperature": "hotter", "disputed": "disputed", "owner": "new owner"}
    return ", ".join(dict.fromkeys(says.get(change["field"]) or f"now {_step(change['new'])}" for change in changes))


def summary(data: dict[str, Any]) -> str:
    summary = _text(data.get("summary")) or _text(data.get("message"))
    account = part(data, "account")
    name = _text(account.get("name")) or _text(account.get("external_id"))
    if not summary:
        summary = "; ".join(dict.fromkeys(_dotted((signal.get("rule"), _step(signal.get("step")))) for signal in _signals(data)))
    return summary if name in summary else ": ".join(filter(None, (name, summary)))


def who(data: dict[str, Any], at: datetime) -> str:
    person = next(iter(parts(data, "people")), {})
    titled = ", ".join(filter(None, (name_of(person) or _text(person.get("external_id")), _text(person.get("title")))))
    seen = time_of(person.get("last_seen"))
    seconds = (at - seen).total_seconds() if seen is not None and seen <= at else None
    active = None if seconds is None else f"active {span(seconds)} ago" if seconds >= 60 else "active just now"
    return _dotted((titled, person.get("email"), active, _local(person.get("timezone"), at)))


def name_of(person: dict[str, Any]) -> str:
    """A mailbox that stands in for a last name is no name where there is a first one."""
    first, last = _text(person.get("first_name")), _text(person.get("last_name"))
    if first and last == _text(person.get("email")).partition("@")[0]:
        return first
    return " ".join(filter(None, (first, last)))


def _local(zone: object, at: datetime) -> str | None:
    """`14:05 in Berlin`; None where there is no such time zone."""
    try:
        return f"{at.astimezone(ZoneInfo(_text(zone))):%H:%M} in {_text(zone).rpartition('/')[2].replace('_', ' ')}"
    except (ValueError, OSError, KeyError):  # as ZoneInfo refuses a key that is none
        return None


def why(data: dict[str, Any]) -> str:
    summary = data.get("summary")
    told = [_crossed(each.get("step")) if each.get("text") == summary else each.get("text") for each in _signals(data)]
    full = [
        f"{_text(each.get('limit'))} full about {at:%a %d %b}"
        for each in parts(data, "usage")
        if (at := time_of(each.get("full_on")))
    ]
    stopped = [
        f"stopped {times}× at the cap of {_text(each.get('limit'))} in 7 days"
        for each in parts(data, "usage")
        if (times := _number(each.get("refused_7d"))) not in ("", "0")
    ]
    reached = [
        f"{name} on {days(each.get('days'))}{' (not in the plan)' * (each.get('in_plan') is False)}"
        for each in parts(data, "features")
        if (name := _text(each.get("name"))) not in " ".join(map(_text, told))
    ]
    onboarding = part(data, "onboarding")
    done = f"onboarding {_number(onboarding['done'])} of {_number(onboarding.get('of'))}" if onboarding.get("done") else None
    return _dotted((*told[:PARTS_MAX], *full, *stopped, *reached, done))


def offer(data: dict[str, Any]) -> str:
    offer = part(data, "offer")
    name, price, now = _text(offer.get("name")), _number(offer.get("price_next")), _number(offer.get("price_now"))
    per = " per ".join(filter(None, (_text(offer.get("currency")), _text(offer.get("per")))))
    costs = f"{price} {per}{f' (now {now})' if now else ''}" if price else ""
    covers = offer.get("covers")
    listed = ", ".join(map(_text, covers[:PARTS_MAX])) if isinstance(covers, list) else ""
    plan = ": ".join(filter(None, (", ".join(filter(None, (name, costs))), listed)))
    return _dotted((plan, _text(data.get("recommended_action")).removesuffix(".")))


def care(data: dict[str, Any]) -> str:
    person = next(iter(parts(data, "people")), {})
    history, owner = part(data, "history"), _text(part(data, "owner").get("email"))
    before, outcome = _number(history.get("leads_before")), _text(history.get("last_outcome"))
    earlier = f"leads before this one: {before}{f', the last one {outcome}' if outcome else ''}"
    goals = [f"{_text(key)}: “{_text(value)}”" for key, value in part(data, "told_us").items()]
    return _dotted(
        (
            "opted out: do not contact this person" if person.get("may_contact") == "none" else None,
            "disputed: late events say that it did not hold" if data.get("disputed") is True else None,
            "takes over an earlier lead" if data.get("takes_over") else None,
            f"owned by {owner}" if owner else None,
            "a paying customer" if part(data, "account").get("stage") == "paying" else None,
            "first lead of this account" if before in ("", "0") else earlier,
            *goals[:PARTS_MAX],
        )
    )


def said(data: dict[str, Any]) -> str:
    """What sales reported with a status."""
    said = {change.get("field"): change.get("new") for change in parts(data, "changes")}
    amount, by = _number(said.get("amount")), _text(said.get("by"))
    return _dotted((said.get("reason"), f"amount {amount}" if amount else None, f"by {by}" if by else None))


def score(data: dict[str, Any]) -> str:
    total, fit, behaviour = (_number(part(data, "score").get(key)) for key in ("total", "fit", "behaviour"))
    return f"{total} = fit {fit} + behaviour {behaviour}" if total else ""


def is_news(change: dict[str, Any]) -> bool:
    old, new = change.get("old"), change.get("new")
    match change.get("field"):
        case "signal":
            return old is None
        case "step":
            return _height(new) > _height(old)
        case "temperature":
            return _heat(new) > _heat(old)
        case "disputed":
            return new is True
        case _:
            return False


def _height(step: object) -> float:
    """`refused` is above every percentage."""
    percent = re.fullmatch(r"(\d+(?:\.\d+)?)%", step) if isinstance(step, str) else None
    return float(percent[1]) if percent else float("inf") if step else 0.0


def _heat(temperature: object) -> int:
    return _TEMPERATURES.index(temperature) if temperature in _TEMPERATURES else -1


def _signals(data: dict[str, Any]) -> list[dict[str, Any]]:
    """The newest first."""
    return parts(data, "signals")[::-1]


def _step(step: object) -> str:
    return f"{step} step" if isinstance(step, str) and step.endswith("%") else _text(step)


def _crossed(step: object) -> str:
    said = _step(step)
    return f"{said} crossed" if said.endswith(" step") else said


def _dotted(texts: Iterable[object]) -> str:
    return " · ".join(dict.fromkeys(filter(None, map(_text, texts))))


def _text(value: object) -> str:
    return "" if value is None else str(value)


def _number(value: object) -> str:
    """At most two decimals."""
    return "" if value is None else f"{round(value, 2):g}" if isinstance(value, float) else str(value)


def time_of(value: object) -> datetime | None:
    try:
        at = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
    return at.replace(tzinfo=at.tzinfo or UTC) if at is not None else None


def span(seconds: float) -> str:
    if seconds < 7200:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.0f} h" if seconds < 172_800 else f"{seconds / 86_400:.0f} days"


def one_line(text: str) -> str:
    """Whatever others wrote, on one line, without what is not seen."""
    return " ".join(_UNSEEN.sub(" ", text).split())
