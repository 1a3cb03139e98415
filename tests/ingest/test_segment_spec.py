"""Every example payload of the Segment spec against a table written by hand from that spec.

The table was reasoned from each payload; nothing in it comes from our code. The rules that decided, by their letter:

- T  The payload says its `type`.
- R  It has no `type`: it goes to the route of its kind (HTTP API: one endpoint per call). `action` is not a field of the spec.
- B  A batch is judged event by event.
- G  `context.groupId` names the account (B2B SaaS spec, common fields).
- N  A group may name no person: `groupId` is what it needs (group spec).
- I  `userId` or `anonymousId` is required (common fields); `user_id` is not a field of the spec.
- O  The event's own `timestamp`, no `sentAt`: taken as it is, however old.
- C  `sentAt` tells the client's clock: timestamp = received − (sentAt − original time) (common fields, "timestamps").
- F  `receivedAt`: somebody else received it first, and made `timestamp` of the client's times; it is taken as it is.
- D  No time given: the time of receipt.
- X  "timestamp must be an ISO-8601 date string": `2015-2-02T…` is none.

An unknown `writeKey` in the payload (YOUR_WRITE_KEY) does not count: the key in the header is good.
"""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from contracts.messages import DeadLetter, UsageEvent
from tests.ingest.served import NOW, Reader, Served


class Taken(NamedTuple):
    """`at`: the timestamp, ISO 8601, or milliseconds after the time of receipt."""

    rules: str
    type: str
    name: str | None
    person: str | None
    account: str | None
    at: str | int


class Refused(NamedTuple):
    rules: str
    code: str


P, Q, V = "019mr8mf4r", "97980cfea0067", "userId"
ACCT, INITECH = "acct_123", "0e8c78ea9d97a7b8185e8632"

TABLE: list[tuple[str, Taken | Refused | list[Taken | Refused]]] = [
    # HTTP API
    ("identify", Taken("RO", "identify", None, P, None, "2012-12-02T00:30:08.276")),
    ("track", Taken("RO", "track", "Item Purchased", P, None, "2012-12-02T00:30:12.984")),
    ("page", Taken("RO", "page", "Tracking HTTP API", P, None, "2012-12-02T00:31:29.738")),
    ("screen", Taken("RO", "screen", "Tracking HTTP API", P, None, "2012-12-02T00:31:29.738")),
    ("group", Taken("RO", "group", None, P, "8e9df332ac", "2012-12-02T00:31:38.208")),
    ("alias", Taken("RO", "alias", None, P, None, "2012-12-02T00:31:29.738")),
    (
        "batch",
        [
            Taken("BTO", "identify", None, P, None, "2012-12-02T00:30:08.276"),
            Taken("BTO", "track", "Song Played", P, None, "2012-12-02T00:30:12.984"),
            Refused("BTX", "invalid_timestamp"),
            Refused("BTX", "invalid_timestamp"),
        ],
    ),
    ("identify", Taken("RO", "identify", None, P, None, "2012-12-02T00:30:08.276")),
    # alias
    ("alias", Taken("TD", "alias", None, "507f191e81", None, 0)),
    ("alias", Taken("TF", "alias", None, "507f191e81", None, "2015-02-23T22:28:55.111")),
    # B2B SaaS
    ("track", Taken("TGD", "track", "Account Created", P, ACCT, 0)),
    ("track", Taken("TGD", "track", "Account Deleted", P, ACCT, 0)),
    ("track", Taken("TGD", "track", "Signed Up", P, ACCT, 0)),
    ("track", Taken("TGD", "track", "Signed In", P, ACCT, 0)),
    ("track", Taken("TGD", "track", "Signed Out", P, ACCT, 0)),
    ("track", Taken("TGD", "track", "Invite Sent", P, ACCT, 0)),
    ("track", Taken("TGD", "track", "Account Added User", P, ACCT, 0)),
    ("track", Taken("TGD", "track", "Account Removed User", P, ACCT, 0)),
    ("track", Taken("TGD", "track", "Trial Started", P, ACCT, 0)),
    ("track", Taken("TGD", "track", "Trial Ended", P, ACCT, 0)),
    # common fields: sent at …31.581, happened at …31.905
    ("track", Taken("TGF", "track", "Report Submitted", Q, "12345", "2015-12-10T04:08:31.905")),
    # copilot
    ("track", Taken("RD", "track", "Conversation Started", "123", None, 0)),
    ("track", Taken("RD", "track", "Message Sent", "123", None, 0)),
    ("track", Taken("RD", "track", "Message Received", "123", None, 0)),
    ("track", Taken("RD", "track", "Conversation Ended", "123", None, 0)),
    ("track", Taken("RD", "track", "Action Invoked", "123", None, 0)),
    ("track", Taken("RD", "track", "Media Generated", "123", None, 0)),
    ("track", Taken("RD", "track", "Component Loaded", "123", None, 0)),
    ("track", Taken("RD", "track", "Feedback Submitted", "123", None, 0)),
    ("track", Taken("RD", "track", "Item Purchased", "user123", None, 0)),
    # e-commerce
    ("track", Taken("RD", "track", "Viewed Product Category", P, None, 0)),
    ("track", Taken("RD", "track", "Viewed Product", P, None, 0)),
    ("track", Taken("RD", "track", "Added Product", P, None, 0)),
    ("track", Taken("RD", "track", "Removed Product", P, None, 0)),
    ("track", Taken("RD", "track", "Order Completed", P, None, 0)),
    # e-mail: all say user_id
    ("track", Refused("RI", "missing_identity")),
    ("track", Refused("RI", "missing_identity")),
    ("track", Refused("RI", "missing_identity")),
    ("track", Refused("RI", "missing_identity")),
    ("track", Refused("RI", "missing_identity")),
    ("track", Refused("RI", "missing_identity")),
    # group, identify
    ("group", Taken("TND", "group", None, None, INITECH, 0)),
    ("group", Taken("TF", "group", None, Q, INITECH, "2015-02-23T22:28:55.111")),
    ("identify", Taken("TD", "identify", None, Q, None, 0)),
    ("identify", Taken("TF", "identify", None, Q, None, "2015-02-23T22:28:55.111")),
    # live chat
    ("track", Taken("RD", "track", "Live Chat Conversation Started", P, None, 0)),
    ("track", Taken("RD", "track", "Live Chat Message Sent", P, None, 0)),
    ("track", Taken("RD", "track", "Live Chat Message Received", P, None, 0)),
    # mobile
    ("track", Taken("TD", "track", "Application Installed", P, None, 0)),
    ("track", Taken("TD", "track", "Application Opened", P, None, 0)),
    ("track", Taken("TD", "track", "Application Backgrounded", P, None, 0)),
    ("track", Taken("TD", "track", "Application Foregrounded", P, None, 0)),
    ("track", Taken("TD", "track", "Application Updated", P, None, 0)),
    ("track", Taken("TD", "track", "Application Uninstalled", P, None, 0)),
    ("track", Taken("TD", "track", "Application Crashed", P, None, 0)),
    ("track", Taken("TD", "track", "Install Attributed", P, None, 0)),
    ("track", Taken("TD", "track", "Push Notification Received", P, None, 0)),
    ("track", Taken("TD", "track", "Push Notification Tapped", P, None, 0)),
    ("track", Taken("TD", "track", "Push Notification Bounced", P, None, 0)),
    ("track", Taken("TD", "track", "Deep Link Opened", P, None, 0)),
    ("track", Taken("TD", "track", "Deep Link Clicked", P, None, 0)),
    # page, screen, track
    ("page", Refused("TI", "missing_identity")),
    ("page", Taken("TF", "page", "Home", Q, None, "2015-02-23T22:28:55.111")),
    ("screen", Refused("TI", "missing_identity")),
    ("screen", Taken("TF", "screen", "Home", Q, None, "2015-02-23T22:28:55.111")),
    ("track", Refused("TI", "missing_identity")),
    # originalTimestamp …01.152, sent at …01.169
    ("track", Taken("TF", "track", "Course Clicked", "AiUGstSDIg", None, "2015-12-12T19:11:01.249")),
    # video
    ("track", Taken("RD", "track", "Video Playback Started", V, None, 0)),
    ("track", Taken("RD", "track", "Video Playback Paused", V, None, 0)),
    ("track", Taken("RD", "track", "Video Playback Interrupted", V, None, 0)),
    ("track", Taken("RD", "track", "Video Playback Buffer Started", V, None, 0)),
    ("track", Taken("RD", "track", "Video Playback Buffer Completed", V, None, 0)),
    ("track", Taken("RD", "track", "Video Playback Seek Started", V, None, 0)),
    ("track", Taken("RD", "track", "Video Playback Seek Completed", V, None, 0)),
    ("track", Taken("RD", "track", "Video Playback Resumed", V, None, 0)),
    ("track", Taken("RD", "track", "Video Playback Completed", V, None, 0)),
    ("track", Taken("RD", "track", "Video Playback Exited", V, None, 0)),
    ("track", Taken("RD", "track", "Video Content Started", V, None, 0)),
    ("track", Taken("RD", "track", "Video Content Playing", V, None, 0)),
    ("track", Taken("RD", "track", "Video Content Completed", V, None, 0)),
    ("track", Taken("RD", "track", "Video Ad Started", V, None, 0)),
    ("track", Taken("RD", "track", "Video Ad Playing", V, None, 0)),
    ("track", Taken("RD", "track", "Video Ad Completed", V, None, 0)),
]


def milliseconds(at: str | int) -> int:
    if isinstance(at, int):
        return NOW + at
    return round(datetime.fromisoformat(at).replace(tzinfo=UTC).timestamp() * 1000)


async def test_every_payload_of_the_segment_spec_is_taken_or_refused_as_the_spec_says(served: Served, test_data: Path) -> None:
    lines = (test_data / "segment" / "segment_spec_examples.jsonl").read_text().splitlines()
    payloads: list[dict[str, Any]] = [json.loads(line)["payload"] for line in lines]
    assert len(payloads) == len(TABLE) == 83
    assert sum("type" not in payload for payload in payloads) == 47
    reader = Reader(served.log)
    for number, (payload, (route, expected)) in enumerate(zip(payloads, TABLE, strict=True)):
        answer = (await served.post(route, payload)).json()
        taken = [row for row in as_list(expected) if isinstance(row, Taken)]
        refused = [row.code for row in as_list(expected) if isinstance(row, Refused)]
        messages = reader.read()
        found = {
            (event.type, event.name, event.person, event.account, event.timestamp, event.project)
            for event in messages
            if isinstance(event, UsageEvent) and event.link is None
        }
        wanted = {(row.type, row.name, row.person, row.account, milliseconds(row.at), "acme") for row in taken}
        assert found == wanted, (number, payload)
        assert [letter.code for letter in messages if isinstance(letter, DeadLetter)] == refused, (number, payload)
        assert [problem["code"] for problem in answer["errors"]] == refused, (number, payload)
        assert (answer["accepted"], answer["rejected"]) == (len(taken), len(refused)), number
    reader.close()


def as_list(expected: Taken | Refused | list[Taken | Refused]) -> list[Taken | Refused]:
    return expected if isinstance(expected, list) else [expected]
