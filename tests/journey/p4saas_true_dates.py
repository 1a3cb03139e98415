"""The p4saas history at its true dates, as somebody would import it: its files with their mappings, and what they must say."""

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from tests.journey.p4saas_material import DAY_MS, day_ms, iso, plan, rows, track

SETTINGS: dict[str, Any] = {
    "steps": [0.8, 1.0],
    "limits": {"exports": "export_data", "invites": "invite_sent"},
    "allows": {"Free": {"exports": 5, "invites": 6}, "Basic": {"exports": 4, "invites": 5}, "Pro": {"exports": 3, "invites": 4}},
    "onboarding": ["login", "feature_use", "invite_sent"],
    "within_ms": 30 * DAY_MS,
    "burst": 2,
    "burst_window_ms": 14 * DAY_MS,
    "cooldown_ms": 20 * DAY_MS,
}
GROUP = "type: group, groupId: {column: customer_id}"
EVENT = """\
type: track
event: {column: event_name}
userId: {column: customer_id}
groupId: {column: customer_id}
messageId: {column: event_id}
timestamp: {column: event_timestamp}
"""


class Source(NamedTuple):
    """One `handraiser import`: a file, and a mapping in one line or of a file."""

    file: Path
    mapping: str


def sources(folder: Path, work: Path, recent: dict[str, int]) -> list[Source]:
    """`recent`: account -> epoch ms; customers that are not in the files, each of whom exported much at once, then."""
    (work / "events.yaml").write_text(EVENT)
    with (work / "ended.csv").open("w", newline="") as file:
        out = csv.writer(file)
        out.writerow(["id", "customer_id", "end_date"])
        out.writerows(
            [f"{row['subscription_id']}-end", row["customer_id"], row["end_date"]]
            for row in rows(folder, "subscriptions")
            if ended(row)
        )
    with (work / "recent.csv").open("w", newline="") as file:
        out = csv.writer(file)
        out.writerow(["event_id", "customer_id", "event_name", "event_timestamp"])
        out.writerows([each["messageId"], each["groupId"], each["event"], each["timestamp"]] for each in exported(recent))
    said = "{{{group}, messageId: {{column: {id}}}, timestamp: {{column: {at}}}, traits: {{plan: {plan}}}}}"
    signup = said.format(group=GROUP, id="customer_id", at="signup_date", plan="{column: initial_plan}")
    began = said.format(group=GROUP, id="subscription_id", at="start_date", plan="{column: plan_name}")
    over = said.format(group=GROUP, id="id", at="end_date", plan="none")
    return [
        Source(folder / "customers.csv.gz", signup),
        Source(folder / "subscriptions.csv.gz", began),
        Source(work / "ended.csv", over),
        Source(folder / "events.csv.gz", str(work / "events.yaml")),
        Source(work / "recent.csv", str(work / "events.yaml")),
    ]


def messages(folder: Path, recent: dict[str, int]) -> Iterator[dict[str, Any]]:
    """What the files say, read by nothing that imports them."""
    for row in rows(folder, "customers"):
        yield {**plan(row["customer_id"], row["initial_plan"]), **at(row["customer_id"], row["signup_date"])}
    for row in rows(folder, "subscriptions"):
        yield {**plan(row["customer_id"], row["plan_name"]), **at(row["subscription_id"], row["start_date"])}
        if ended(row):
            yield {**plan(row["customer_id"], "none"), **at(f"{row['subscription_id']}-end", row["end_date"])}
    for row in rows(folder, "events"):
        yield {**track(row["customer_id"], row["event_name"]), **at(row["event_id"], row["event_timestamp"])}
    for each in exported(recent):
        yield {**track(each["groupId"], each["event"]), **each}


def ended(row: dict[str, str]) -> bool:
    """A few end before they begin: nobody can have sent that."""
    return row["end_date"] > row["start_date"]


def at(message_id: str, day: str) -> dict[str, str]:
    return {"messageId": message_id, "timestamp": iso(day_ms(day))}


def exported(recent: dict[str, int]) -> Iterator[dict[str, Any]]:
    for account, time in recent.items():
        for n in range(SETTINGS["burst"]):
            yield {"messageId": f"{account}-{n}", "groupId": account, "event": "export_data", "timestamp": iso(time + n)}
