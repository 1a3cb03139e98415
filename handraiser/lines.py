"""What `up` shows: in, addresses, webhook payloads and what could not be used; out, single lines for people. Pure."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

_TYPE_WIDTH = 13
_TEMPERATURE_WIDTH = 5
_ACCOUNT_WIDTH = 13
_TEXT_WIDTH = 50


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
    option = "" if str(data) == "handraiser-data" else f" --data {data}"
    if not projects:
        return f"Next: handraiser projects create NAME{option}   (or see the pretend customer: handraiser up --try)"
    return f"Next: handraiser keys create --project {projects[0]}{option}   and send events to /v1/batch"


def curl(url: str, write_key: str, account: str, person: str) -> str:
    """A request that makes a lead. Its third event names no account: the `group` before it does."""
    batch = [
        {"type": "group", "userId": person, "groupId": account, "traits": {"name": "My Account", "plan": "free"}},
        {"type": "identify", "userId": person, "traits": {"email": "ada@my.example", "firstName": "Ada", "lastName": "Lo"}},
        {"type": "track", "userId": person, "event": "Contact Count Changed", "properties": {"total": 487}},
    ]
    body = json.dumps({"batch": batch}, separators=(",", ":"))
    return f"curl -su {write_key}: {url.removeprefix('http://')}/v1/batch -d '{body}'"


def lead_line(payload: dict[str, Any], at: datetime, answer: str) -> str | None:
    """One webhook that has been settled; None for one that another line already tells. `answer`: `catcher 200, 41 ms`."""
    change = str(payload.get("type", ""))
    data = payload.get("data") or {}
    if change == "lead.superseded":  # the stronger lead's own line says that it takes over
        return None
    if change in {"lead.won", "lead.lost"}:
        return closed_line(change, payload, data, at)
    if not change.startswith("lead."):
        return f"{at:%H:%M:%S}  {change}  → {answer}"
    text = _why(data) if change in {"lead.created", "lead.updated"} else change.removeprefix("lead.")
    if data.get("takes_over"):
        text += f" · takes over the {_takes_over(data['takes_over'])}"
    head = f"{_label(str(data.get('lead_type'))):<{_TYPE_WIDTH}}{data.get('temperature') or '':<{_TEMPERATURE_WIDTH}}"
    return f"{at:%H:%M:%S}  {head}{_account(data) + '  ':<{_ACCOUNT_WIDTH}}{text:<{_TEXT_WIDTH}}  → {answer}"


def closed_line(change: str, payload: dict[str, Any], data: dict[str, Any], at: datetime) -> str:
    """WON and LOST come by telemetry: nobody had to report them."""
    detail = _plan_change(data)
    qualified, told = data.get("qualified_at"), payload.get("timestamp")
    if qualified and told:
        span = (datetime.fromisoformat(told) - datetime.fromisoformat(qualified)).total_seconds()
        detail = ", ".join(part for part in (detail, f"{_span(span)} after the lead") if part)
    label = change.removeprefix("lead.").upper()
    return f"{at:%H:%M:%S}  {label:<{_TYPE_WIDTH}}by telemetry  {_account(data)}  {detail}"


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
    """The summary without the account's name, which stands beside it, and the words that the column makes needless."""
    text = str(data.get("summary") or "")
    name = (data.get("account") or {}).get("name")
    if name:
        text = text.removeprefix(f"{name} has used ").removeprefix(f"{name} ")
    return text


def _takes_over(lead: Any) -> str:
    if isinstance(lead, dict) and lead.get("lead_type"):
        return _label(str(lead["lead_type"]))
    return "earlier lead"


def _plan_change(data: dict[str, Any]) -> str:
    for change in data.get("changes") or []:
        if isinstance(change, dict) and change.get("field") in {"plan", "account.plan"}:
            return f"{change.get('from')} → {change.get('to')}"
    return f"now on {plan}" if (plan := (data.get("account") or {}).get("plan")) else ""


def _span(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    if seconds < 7_200:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3_600:.0f} h" if seconds < 172_800 else f"{seconds / 86_400:.0f} days"


def _dotted(path: Path) -> str:
    return str(path) if path.is_absolute() else f"./{path}"
