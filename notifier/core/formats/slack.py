"""What is told comes in; a Slack message goes out, read in 30 seconds: who, why now, what to offer, what to be careful about.

Whatever others wrote is `plain_text`, which Slack neither formats nor links, with `&`, `<` and `>` escaped: it cannot mention a
channel either. Only our own words and links are `mrkdwn`. Limits and escaping: docs.slack.dev/reference/block-kit.
"""

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from itertools import accumulate
from typing import Any

import msgspec

from notifier.core import reading
from notifier.core.payload import Message, part, parts

TITLE_MAX, SUMMARY_MAX, LINE_MAX = 70, 1000, 500
"""Under half of Slack's 150 and 3000, which may count in UTF-16; an escaped character counts with all of its escape."""
URL_MAX = 600
LATE_MS = 5 * 60_000
_LATE = "delayed"
_ESCAPES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}


def slack(message: Message) -> bytes:
    data = message.data
    title, summary = reading.title(message.type, data), reading.summary(data)
    blocks = [{"type": "header", "text": _plain(title, TITLE_MAX)}, {"type": "section", "text": _plain(summary, SUMMARY_MAX)}]
    if message.type in reading.TOLD:
        blocks += _lines([("Answer by", _answer_by(data))])
        at = datetime.fromtimestamp(message.timestamp / 1000, UTC)
        blocks += _lines(
            [
                ("Who", reading.who(data, at)),
                ("Why", reading.why(data)),
                ("Offer", reading.offer(data)),
                ("Care", reading.care(data)),
            ]
        )
        blocks += _foot(data, ("accept", "reject", "snooze", "lead"), reading.score(data))
    else:
        blocks += _lines([("Said", reading.said(data))]) + _foot(data, ("lead",), "")
    text = _escaped(f"{title}: {summary}", SUMMARY_MAX)
    return msgspec.json.encode({"text": text, "mrkdwn": False, "unfurl_links": False, "unfurl_media": False, "blocks": blocks})


def late(body: bytes, ms: int) -> bytes:
    """The message with a line below its title that says how late it is; from a few minutes on, and anew with each try."""
    if ms < LATE_MS:
        return body
    message = msgspec.json.decode(body)
    said = _plain(f"Delayed {reading.span(ms / 1000)}: this is how things stood then", LINE_MAX)
    title, *rest = [block for block in message["blocks"] if block.get("block_id") != _LATE]
    blocks = [title, {"type": "context", "block_id": _LATE, "elements": [said]}, *rest]
    return msgspec.json.encode(message | {"blocks": blocks})


def is_material(type_: str, data: dict[str, Any]) -> bool:
    """A new lead, a change of status; of updates a new signal, a higher step, a hotter temperature, and what is disputed."""
    if type_ == "lead.updated":
        return any(reading.is_news(change) for change in parts(data, "changes"))
    return type_ != "lead.snoozed"


def _answer_by(data: dict[str, Any]) -> dict[str, Any] | None:
    """In each reader's own time zone."""
    at = reading.time_of(data.get("answer_by"))
    if at is None or data.get("status") != "open":
        return None
    shown = f"<!date^{int(at.timestamp())}^{{date_short_pretty}} {{time}}|{at:%d %b %H:%M} UTC>"
    return {"type": "mrkdwn", "text": shown, "verbatim": True}


def _foot(data: dict[str, Any], keys: Iterable[str], score: str) -> list[dict[str, Any]]:
    linked = " · ".join(filter(None, (_link(part(data, "links").get(key), reading.LINKS[key]) for key in keys)))
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
    letters = [_ESCAPES.get(letter, letter) for letter in reading.one_line(text)]
    fitting = sum(length <= chars_max for length in accumulate(map(len, letters)))
    return "".join(letters if fitting == len(letters) else [*letters[: fitting - 1], "…"])
