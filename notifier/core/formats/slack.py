"""What is told comes in; a Slack message goes out, read in 30 seconds: who, why now, what to offer, what to be careful about.

Whatever others wrote is `plain_text`, which Slack neither formats nor links, with `&`, `<` and `>` escaped: it cannot mention a
channel either. Only our own words and links are `mrkdwn`. Limits and escaping: docs.slack.dev/reference/block-kit.
"""

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from itertools import accumulate
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from notifier.core.payload import Message, days, label, part, parts

TITLE_MAX, SUMMARY_MAX, LINE_MAX = 70, 1000, 500
"""Under half of Slack's 150 and 3000, which may count in UTF-16; an escaped character counts with all of its escape."""
PARTS_MAX = 6
"""Of one line: more is not read in 30 seconds."""
URL_MAX = 600
LATE_MS = 5 * 60_000
_LATE = "delayed"
TEMPERATURES = ("cold", "warm", "hot")
_SIGNS = {"hot": "🔥", "warm": "🌤", "cold": "🧊"}
_ESCAPES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
_UNSEEN = re.compile(r"[\x00-\x1f\x7f\u2028-\u202e\u2066-\u2069]")
"""Control characters, and those that turn the direction of the rest of a line."""
_LINKS = {"accept": "Take it", "reject": "Not a fit", "snooze": "Snooze", "lead": "Full story"}
_TOLD = ("lead.created", "lead.updated")
_OF_ENDPOINTS = {"endpoint.test": "Test from Handraiser", "endpoint.disabled": "An endpoint is disabled"}


def slack(message: Message) -> bytes:
    data = message.data
    title = _title(message)
    summary = _summary(data)
    blocks = [{"type": "header", "text": _plain(title, TITLE_MAX)}, {"type": "section", "text": _plain(summary, SUMMARY_MAX)}]
    if message.type in _TOLD:
        blocks += _lines([("Answer by", _answer_by(data))])
        at = datetime.fromtimestamp(message.timestamp / 1000, UTC)
        blocks += _lines([("Who", _who(data, at)), ("Why", _why(data)), ("Offer", _offer(data)), ("Care", _care(data))])
        blocks += _foot(data, ("accept", "reject", "snooze", "lead"), _score(data))
    else:
        blocks += _lines([("Said", _said(data))]) + _foot(data, ("lead",), "")
    text = _escaped(f"{title}: {summary}", SUMMARY_MAX)
    return msgspec.json.encode({"text": text, "mrkdwn": False, "unfurl_links": False, "unfurl_media": False, "blocks": blocks})


def late(body: bytes, ms: int) -> bytes:
    """The message with a line below its title that says how late it is; from a few minutes on, and anew with each try."""
    if ms < LATE_MS:
        return body
    message = msgspec.json.decode(body)
    said = _plain(f"Delayed {_span(ms / 1000)}: this is how things stood then", LINE_MAX)
    title, *rest = [block for block in message["blocks"] if block.get("block_id") != _LATE]
    blocks = [title, {"type": "context", "block_id": _LATE, "elements": [said]}, *rest]
    return msgspec.json.encode(message | {"blocks": blocks})


def is_material(type_: str, data: dict[str, Any]) -> bool:
    """A new lead, a change of status; of updates a new signal, a higher step, a hotter temperature, and what is disputed."""
    if type_ == "lead.updated":
        return any(_is_news(change) for change in parts(data, "changes"))
    return type_ != "lead.snoozed"


def _is_news(change: dict[str, Any]) -> bool:
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
    return TEMPERATURES.index(temperature) if temperature in TEMPERATURES else -1


def _title(message: Message) -> str:
    if message.type in _OF_ENDPOINTS:
        return _OF_ENDPOINTS[message.type]
    data = message.data
    temperature, total = data.get("temperature"), part(data, "score").get("total")
    heat = " ".join(filter(None, (_text(temperature), _number(round(total) if isinstance(total, float) else total))))
    if message.type not in _TOLD:
        return _dotted((label(_text(data.get("lead_type"))), message.type.removeprefix("lead.")))
    sign = _SIGNS.get(_text(temperature), "✋")
    return _dotted((f"{sign} {label(_text(data.get('lead_type')))}", heat, _news(data)))


def _news(data: dict[str, Any]) -> str:
    """What an update brought."""
    changes = [change for change in parts(data, "changes") if _is_news(change)]
    says = {"signal": "new signal", "temperature": "hotter", "disputed": "disputed"}
    return ", ".join(dict.fromkeys(says.get(change["field"]) or f"now {_step(change['new'])}" for change in changes))


def _summary(data: dict[str, Any]) -> str:
    summary = _text(data.get("summary")) or _text(data.get("message"))
    account = part(data, "account")
    name = _text(account.get("name")) or _text(account.get("external_id"))
    if not summary:
        summary = "; ".join(dict.fromkeys(_dotted((signal.get("rule"), _step(signal.get("step")))) for signal in _signals(data)))
    return summary if name in summary else ": ".join(filter(None, (name, summary)))


def _signals(data: dict[str, Any]) -> list[dict[str, Any]]:
    """The newest first."""
    return parts(data, "signals")[::-1]


def _answer_by(data: dict[str, Any]) -> dict[str, Any] | None:
    """In each reader's own time zone."""
    at = _time(data.get("answer_by"))
    if at is None or data.get("status") != "open":
        return None
    shown = f"<!date^{int(at.timestamp())}^{{date_short_pretty}} {{time}}|{at:%d %b %H:%M} UTC>"
    return {"type": "mrkdwn", "text": shown, "verbatim": True}


def _who(data: dict[str, Any], at: datetime) -> str:
    person = next(iter(parts(data, "people")), {})
    name = " ".join(filter(None, (_text(person.get("first_name")), _text(person.get("last_name")))))
    titled = ", ".join(filter(None, (name or _text(person.get("external_id")), _text(person.get("title")))))
    seen = _time(person.get("last_seen"))
    seconds = (at - seen).total_seconds() if seen is not None and seen <= at else None
    active = None if seconds is None else f"active {_span(seconds)} ago" if seconds >= 60 else "active just now"
    return _dotted((titled, person.get("email"), active, _local(person.get("timezone"), at)))


def _local(zone: object, at: datetime) -> str | None:
    """`14:05 in Berlin`; None where there is no such time zone."""
    try:
        return f"{at.astimezone(ZoneInfo(_text(zone))):%H:%M} in {_text(zone).rpartition('/')[2].replace('_', ' ')}"
    except (ValueError, OSError, KeyError):  # as ZoneInfo refuses a key that is none
        return None


def _why(data: dict[str, Any]) -> str:
    summary = data.get("summary")
    told = [_crossed(each.get("step")) if each.get("text") == summary else each.get("text") for each in _signals(data)]
    full = [
        f"{_text(each.get('limit'))} full about {at:%a %d %b}"
        for each in parts(data, "usage")
        if (at := _time(each.get("full_on")))
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


def _offer(data: dict[str, Any]) -> str:
    offer = part(data, "offer")
    name, price, now = _text(offer.get("name")), _number(offer.get("price_next")), _number(offer.get("price_now"))
    per = " per ".join(filter(None, (_text(offer.get("currency")), _text(offer.get("per")))))
    costs = f"{price} {per}{f' (now {now})' if now else ''}" if price else ""
    covers = offer.get("covers")
    listed = ", ".join(map(_text, covers[:PARTS_MAX])) if isinstance(covers, list) else ""
    plan = ": ".join(filter(None, (", ".join(filter(None, (name, costs))), listed)))
    return _dotted((plan, _text(data.get("recommended_action")).removesuffix(".")))


def _care(data: dict[str, Any]) -> str:
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


def _said(data: dict[str, Any]) -> str:
    """What sales reported with a status."""
    said = {change.get("field"): change.get("new") for change in parts(data, "changes")}
    amount, by = _number(said.get("amount")), _text(said.get("by"))
    return _dotted((said.get("reason"), f"amount {amount}" if amount else None, f"by {by}" if by else None))


def _score(data: dict[str, Any]) -> str:
    total, fit, behaviour = (_number(part(data, "score").get(key)) for key in ("total", "fit", "behaviour"))
    return f"{total} = fit {fit} + behaviour {behaviour}" if total else ""


def _foot(data: dict[str, Any], keys: Iterable[str], score: str) -> list[dict[str, Any]]:
    linked = " · ".join(filter(None, (_link(part(data, "links").get(key), _LINKS[key]) for key in keys)))
    elements = [{"type": "mrkdwn", "text": linked, "verbatim": True}] if linked else []
    elements += [_plain(score, LINE_MAX)] if score else []
    return [{"type": "context", "elements": elements}] if elements else []


def _link(url: object, words: str) -> str | None:
    """Only http and https, and nothing in it that could end the link."""
    if not isinstance(url, str) or not re.fullmatch(r"https?://[^\s<>|]+", url):
        return None
    escaped = url.replace("&", "&amp;")
    return f"<{escaped}|{words}>" if len(escaped) <= URL_MAX else None


def _lines(lines: Iterable[tuple[str, str | dict[str, Any] | None]]) -> list[dict[str, Any]]:
    """A line has our word, then theirs."""
    return [
        {
            "type": "context",
            "elements": [{"type": "mrkdwn", "text": f"*{label}*"}, said if isinstance(said, dict) else _plain(said, LINE_MAX)],
        }
        for label, said in lines
        if said
    ]


def _plain(text: str, chars_max: int) -> dict[str, Any]:
    return {"type": "plain_text", "text": _escaped(text, chars_max) or "–", "emoji": False}


def _escaped(text: str, chars_max: int) -> str:
    """On one line, and not longer than `chars_max` when escaped."""
    letters = [_ESCAPES.get(letter, letter) for letter in " ".join(_UNSEEN.sub(" ", text).split())]
    fitting = sum(length <= chars_max for length in accumulate(map(len, letters)))
    return "".join(letters if fitting == len(letters) else [*letters[: fitting - 1], "…"])


def _dotted(texts: Iterable[object]) -> str:
    return " · ".join(dict.fromkeys(filter(None, map(_text, texts))))


def _text(value: object) -> str:
    return "" if value is None else str(value)


def _number(value: object) -> str:
    """At most two decimals."""
    return "" if value is None else f"{round(value, 2):g}" if isinstance(value, float) else str(value)


def _step(step: object) -> str:
    return f"{step} step" if isinstance(step, str) and step.endswith("%") else _text(step)


def _crossed(step: object) -> str:
    said = _step(step)
    return f"{said} crossed" if said.endswith(" step") else said


def _time(value: object) -> datetime | None:
    try:
        at = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
    return at.replace(tzinfo=at.tzinfo or UTC) if at is not None else None


def _span(seconds: float) -> str:
    if seconds < 7200:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.0f} h" if seconds < 172_800 else f"{seconds / 86_400:.0f} days"
