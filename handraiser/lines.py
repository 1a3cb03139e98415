"""What `up` shows: in, addresses, webhook payloads and what could not be used; out, single lines for people. Pure."""

import html
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from handraiser.bodies import data_of

_TYPE_WIDTH = 13
_TEMPERATURE_WIDTH = 5
_ACCOUNT_WIDTH = 13
_TEXT_WIDTH = 50
CLOSING = ("lead.won", "lead.lost")
_EVENT_NAME = re.compile(r" \([a-z_]+\)$")


@dataclass(frozen=True, slots=True)
class Banner:
    """What the first block says. `rulebook` and `write_key` None: started without --try, nothing was made."""

    version: str
    ready_s: float
    data: Path
    url: str
    status: str
    """What /health says at this moment."""
    engines: str
    write_key: str | None = None
    rulebook: Path | None = None
    account: str = "acc_1"
    """For the curl: an account that this server does not know yet, so that its event makes a lead."""
    person: str = "ada"


def banner_lines(banner: Banner) -> list[str]:
    lines = [f"Handraiser {banner.version} · ready in {banner.ready_s:.1f} s · data in {_dotted(banner.data)} · {banner.engines}"]
    key = f"      key {banner.write_key}" if banner.write_key else ""
    lines.append(f"  events    {banner.url}/v1/batch{key}")
    if banner.rulebook:
        lines.append(f"  rulebook  {banner.rulebook}")
        lines.append(f"  webhooks  → {banner.url}/catcher     trial receiver, checks signatures")
    lines.append(f"  health    {banner.url}/health        {banner.status}")
    if banner.write_key:
        lines.append("Paste this (your own event):")
        lines.append("  " + curl(banner.url, banner.write_key, banner.account, banner.person))
    return lines


def next_command(projects: Sequence[str], data: Path) -> str:
    """Plain `up` makes nothing: what to type next."""
    option = _data_option(data)
    if not projects:
        return f"Next: handraiser projects create NAME{option}   (or see the pretend customer: handraiser up --try)"
    return f"Next: handraiser keys create --project {projects[0]}{option}   and send events to /v1/batch"


def why_line(account: str, data: Path) -> str:
    """Behind the trial's story: what to type about the customer that made no lead."""
    return f"Bolt Bikes made no lead. Ask why: handraiser why {account}{_data_option(data)}"


def _data_option(data: Path) -> str:
    return "" if str(data) == "handraiser-data" else f" --data {data}"


def curl(url: str, write_key: str, account: str, person: str) -> str:
    """A request that makes a lead. Its third event names no account: the `group` before it does."""
    batch = [
        {"type": "group", "userId": person, "groupId": account, "traits": {"name": "My Account", "plan": "free"}},
        {"type": "identify", "userId": person, "traits": {"email": "ada@my.example", "firstName": "Ada", "lastName": "Lo"}},
        {"type": "track", "userId": person, "event": "Contact Count Changed", "properties": {"total": 487}},
    ]
    body = json.dumps({"batch": batch}, separators=(",", ":"))
    return f"curl -su {write_key}: {url.removeprefix('http://')}/v1/batch -d '{body}'"


class Told(NamedTuple):
    """What an earlier line said of a lead."""

    lead_type: str
    plan: str | None


def told_of(payload: dict[str, Any]) -> tuple[str, Told] | None:
    """(lead id, what to remember of it); None for a message that is about no lead, or of its end: the plan is the new one."""
    data = data_of(payload)
    if "lead_id" not in data or payload.get("type") in CLOSING:
        return None
    return str(data["lead_id"]), Told(str(data.get("lead_type")), (data.get("account") or {}).get("plan"))


def lead_line(payload: dict[str, Any], at: datetime, answer: str, told: Mapping[str, Told]) -> str | None:
    """One webhook that has been settled; None for one that another line already tells. `answer`: `catcher 200, 41 ms`."""
    change = str(payload.get("type", ""))
    data = data_of(payload)
    if "text" in payload:  # Slack's, which is one line already
        return f"{at:%H:%M:%S}  {html.unescape(payload['text'])}  → {answer}"
    if not change.startswith("lead.") or not data:
        return f"{at:%H:%M:%S}  {change}  → {answer}"
    if change == "lead.superseded":  # the stronger lead's own line says that it takes over
        return None
    if change in CLOSING:
        return _closed_line(change, payload, at, told)
    text = _why(data)
    if data.get("takes_over"):
        earlier = told.get(str(data["takes_over"]))
        text += f" · takes over the {_label(earlier.lead_type) if earlier else 'earlier lead'}"
    head = f"{_label(str(data.get('lead_type'))):<{_TYPE_WIDTH}}{data.get('temperature') or '':<{_TEMPERATURE_WIDTH}}"
    return f"{at:%H:%M:%S}  {head}{_account(data) + '  ':<{_ACCOUNT_WIDTH}}{text:<{_TEXT_WIDTH}}  → {answer}"


def _closed_line(change: str, payload: dict[str, Any], at: datetime, told: Mapping[str, Told]) -> str:
    """WON and LOST come by telemetry, when the plan changes, or by what sales reports."""
    data = data_of(payload)
    now_on = (data.get("account") or {}).get("plan") or "no plan"
    earlier = told.get(str(data.get("lead_id")))
    changes = data.get("changes")
    said = {change.get("field") for change in changes} & {"reason", "amount", "by"} if isinstance(changes, list) else set()
    known = earlier is not None and earlier.plan is not None
    by = "by sales  " if said or (earlier and earlier.plan == now_on) else "by telemetry  " if known else ""
    parts = [f"{earlier.plan} → {now_on}" if earlier and earlier.plan not in (None, now_on) else f"now on {now_on}"]
    qualified, closed = data.get("qualified_at"), payload.get("timestamp")
    if qualified and closed:
        span = datetime.fromisoformat(closed) - datetime.fromisoformat(qualified)
        parts.append(f"{_span(span.total_seconds())} after the lead")
    label = change.removeprefix("lead.").upper()
    return f"{at:%H:%M:%S}  {label:<{_TYPE_WIDTH}}{by}{_account(data)}  {', '.join(parts)}"


def held_line(count: int, person: str, until: datetime, at: datetime) -> str:
    events = "1 event" if count == 1 else f"{count} events"
    waits = "waits" if count == 1 else "wait"
    return f"{at:%H:%M:%S}  {events} of {person} {waits} for {_their(count)} account: send `group`; dead letter at {until:%H:%M}"


def dead_letter_line(code: str, message: str, dead_letter: str, count: int, at: datetime) -> str:
    """Rejected events, and held ones whose account never came."""
    events = "1 event" if count == 1 else f"{count} events"
    return f"{at:%H:%M:%S}  {events} could not be used: {code}: {message} (handraiser deadletters show {dead_letter})"


def _their(count: int) -> str:
    return "her" if count == 1 else "their"


def _label(lead_type: str) -> str:
    return lead_type.replace("_", " ").upper()


def _account(data: dict[str, Any]) -> str:
    account = data.get("account") or {}
    return f"{account.get('name') or account.get('external_id') or '?'}"


def _why(data: dict[str, Any]) -> str:
    """The summary without the account's name, which stands beside it, and the event's name in the rulebook."""
    text = str(data.get("summary") or "")
    name = (data.get("account") or {}).get("name")
    if name:
        text = text.removeprefix(f"{name} has used ").removeprefix(f"{name} ").replace(f" {name}", "")
    return _EVENT_NAME.sub("", text)


def _span(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    if seconds < 7_200:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3_600:.0f} h" if seconds < 172_800 else f"{seconds / 86_400:.0f} days"


def _dotted(path: Path) -> str:
    return str(path) if path.is_absolute() else f"./{path}"
