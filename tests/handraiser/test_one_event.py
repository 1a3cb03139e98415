"""What became of one event: its way, its place in the inventory, and its dead letter replayed, through the product."""

import subprocess
import sys
import time
from typing import Any

from contracts.messages import EVENTS, UNATTRIBUTED, UsageEvent
from detector.shapes import iso
from eventlog.log_embedded import EmbeddedLog
from tests.ingest.served import Reader
from tests.journey.product import Product, wait_until
from tests.journey.receiver import Receiver

RULEBOOK = """\
project: shop
events: {pinged: Pinged}
measures: {pings: {count: pinged}}
plans: {free: {stage: free, price: 0}}
no_plan: free
lead_types: {pql: {to: sales, do: Call, answer_in: 1h}}
rules:
  pinging: {lead: pql, when: [pings >= 1], say: "{account} pinged"}
"""


def letters(product: Product, **filters: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = product.api("detector", "GET", "/v1/deadletters", params={"project": "shop", **filters})["data"]
    return found


def replay(product: Product, **which: Any) -> dict[str, Any]:
    answer: dict[str, Any] = product.api("detector", "POST", "/v1/deadletters/replay", json={"project": "shop", **which})
    return answer


def events(product: Product, topic: str) -> list[UsageEvent]:
    reader = Reader(EmbeddedLog(product.data / "log.sqlite", lambda: 0), [topic])
    try:
        return [each for each in reader.read() if isinstance(each, UsageEvent)]
    finally:
        reader.close()


def test_what_a_setting_mends_goes_through_with_its_own_time_and_id_once(product: Product) -> None:
    key = product.create_project("shop")
    product.apply(RULEBOOK)
    product.api("ingest", "PATCH", "/v1/projects/shop", json={"posthog_group": "company"})
    at = iso(int(time.time() * 1000) - 3_600_000)
    event = {"event": "Pinged", "uuid": "u1", "timestamp": at, "properties": {"$groups": {"team": "bolt"}}}
    hopeless = {"event": "Pinged", "uuid": "u2", "timestamp": "soon", "distinct_id": "ada"}
    product.http.post(f"{product.url('ingest')}/batch", json={"api_key": key, "batch": [event, hopeless]})
    wait_until("kept", lambda: len(letters(product)) == 2, 10)
    (letter,) = letters(product, code="missing_identity")
    assert replay(product) == {"replayed": 0, "refused": 2, "cut": 0, "next": None}

    product.api("ingest", "PATCH", "/v1/projects/shop", json={"posthog_group": "team"})
    assert replay(product) == {"replayed": 1, "refused": 1, "cut": 0, "next": None}
    (lead,) = wait_until("a lead", lambda: product.leads("shop"), 10)
    assert (lead["account"]["external_id"], lead["qualified_at"]) == ("bolt", at)
    (got,) = events(product, EVENTS)
    assert (got.id, iso(got.received_at)) == ("u1", letter["received_at"])
    (mended,) = letters(product, code="missing_identity")
    assert mended["replayed_at"] is not None
    assert replay(product) == {"replayed": 0, "refused": 1, "cut": 0, "next": None}
    assert len(events(product, EVENTS)) == 1
    said = cli(product, "deadletters", "replay")
    assert said.stdout == "0 replayed, 1 refused again, 0 not kept whole.\n"
    assert "Pinged" in cli(product, "deadletters", "show", letter["id"]).stdout


def test_what_found_no_account_looks_for_it_again_and_may_fail_again(product: Product) -> None:
    key = product.create_project("shop")
    product.apply(RULEBOOK)
    for account in ("bolt", "acme"):
        product.send(key, [{"type": "group", "userId": "ada", "groupId": account, "messageId": f"g-{account}"}])
    product.send(key, [{"type": "track", "userId": "ada", "event": "Pinged", "messageId": "m1"}])
    wait_until("two accounts", lambda: letters(product, code="ambiguous_account"), 10)
    (letter,) = letters(product)
    assert replay(product, ids=["dead_none"])["replayed"] == 0
    assert replay(product, code="ambiguous_account") == {"replayed": 1, "refused": 0, "cut": 0, "next": None}
    pinged = wait_until("twice", lambda: [e.id for e in events(product, UNATTRIBUTED) if e.name == "Pinged"] == ["m1", "m1"], 10)
    assert pinged
    wait_until("it has failed again", lambda: letters(product)[0]["replayed_at"] is None, 10)
    assert [each["id"] for each in letters(product)] == [letter["id"]], "one letter"
    assert replay(product, ids=[letter["id"]])["replayed"] == 1


def cli(product: Product, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "handraiser", *words, "--data", str(product.data)]
    return subprocess.run(command, env=product.environment, capture_output=True, text=True, check=True)


def test_what_arrives_is_in_the_inventory_within_two_seconds_though_nobody_knows_whose_it_is(product: Product) -> None:
    key = product.create_project("shop")
    product.apply(RULEBOOK)
    product.send(key, [{"type": "track", "anonymousId": "x", "event": "Pingd"}] * 3)
    started = time.monotonic()

    def row() -> Any:
        rows = product.api("detector", "GET", "/v1/event-names", params={"project": "shop"})["data"]
        return rows and rows[0]

    seen = wait_until("counted", row, 10)
    assert time.monotonic() - started < 2
    assert (seen["name"], seen["count"], seen["mapped"], seen["suggestion"]) == ("Pingd", 3, False, "pinged")


def codes(product: Product, message_id: str) -> list[str]:
    path = product.api("detector", "GET", f"/v1/events/{message_id}", params={"project": "shop"})
    return [step["code"] for step in path["steps"]]


def test_the_way_of_one_event_is_told_from_request_to_webhook_or_to_the_reason(product: Product) -> None:
    receiver = Receiver()
    key = product.create_project("shop")
    product.apply(RULEBOOK)
    receiver.secret = product.add_endpoint("shop", receiver.url)
    try:
        group = {"type": "group", "userId": "ada", "groupId": "bolt", "messageId": "g1"}
        ping = {"type": "track", "userId": "ada", "event": "Pinged", "messageId": "p1"}
        product.send(key, [group, ping])
        assert receiver.wait(lambda r: bool(r.messages), 20)
        product.settle(20)
        product.send(key, [ping, {**ping, "messageId": "p2", "event": "Other"}])
        product.send(key, [{**ping, "userId": "eve", "messageId": "q1"}, {**ping, "messageId": "bad", "timestamp": "soon"}])
        product.settle(20)
        assert codes(product, "p1") == ["received", "copy", "attributed", "attributed", "lead.created", "delivery_delivered"]
        assert codes(product, "p2") == ["received", "attributed", "no_lead_event"]
        assert codes(product, "q1") == ["received", "waits_for_account"]
        assert codes(product, "bad") == ["rejected"]
        assert codes(product, "never/was@here") == ["not_found"]
        said = cli(product, "event", "p1").stdout
        assert "Pinged of person ada, no account named" in said
        assert "Webhook to" in said
    finally:
        receiver.close()


def test_what_somebody_did_before_signing_in_counts_for_their_account_whichever_came_first(product: Product) -> None:
    key = product.create_project("shop")
    product.apply(RULEBOOK)
    early, late = ({"type": "track", "anonymousId": "x", "event": "Pinged", "messageId": m} for m in ("early", "late"))
    product.send(key, [early])
    product.send(key, [{"type": "identify", "userId": "ada", "anonymousId": "x", "messageId": "i"}])
    product.send(key, [late])
    product.send(key, [{"type": "group", "userId": "ada", "groupId": "bolt", "messageId": "g"}])
    product.settle(20)
    wait_until("a lead", lambda: product.leads("shop"), 10)
    pinged = {(event.id, event.account, event.person) for event in events(product, EVENTS) if event.name == "Pinged"}
    assert pinged == {("early", "bolt", "ada"), ("late", "bolt", "ada")}
    product.verify()
