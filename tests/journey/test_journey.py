"""POST in, verified webhook out, as a product and a sales team see it; on the embedded log and on Kafka + PostgreSQL."""

import os
import signal
import time
import uuid
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.journey.product import Product, wait_until
from tests.journey.receiver import Receiver

RULEBOOK = """\
project: shop
use: b2b-saas@1
account: [group]
currency: EUR
events:
  upgrade_requested: Upgrade Clicked
limits:
  contacts: {last: properties.total, of: Contact Count Changed, refused: Contact Import Refused}
plans:
  free:     {stage: free,   price: 0,  allows: {contacts: 500},   has: []}
  standard: {stage: paying, price: 20, allows: {contacts: 10000}, has: []}
no_plan: free
"""


@pytest.fixture(params=["embedded", "kafka"])
def product(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Product]:
    environment = {}
    if request.param == "kafka":
        environment = {
            "HANDRAISER_KAFKA": request.getfixturevalue("kafka"),
            "HANDRAISER_DATABASE_URL": request.getfixturevalue("postgres"),
            "HANDRAISER_TOPIC_PREFIX": f"t{uuid.uuid4().hex[:8]}.",
        }
    product = Product(tmp_path / "data", environment)
    yield product
    product.close()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()
    yield receiver
    receiver.close()


def open_shop(product: Product, receiver: Receiver) -> str:
    """A running product with one project, its rulebook and one endpoint; the write key."""
    product.start()
    key = product.create_project("shop")
    product.apply(RULEBOOK)
    receiver.secret = product.add_endpoint("shop", receiver.url)
    return key


def contacts(account: str, total: int, **more: Any) -> list[dict[str, Any]]:
    """What a product sends: who belongs where, who it is, what was done; the last names no account."""
    person = f"ada@{account}"
    return [
        {"type": "group", "userId": person, "groupId": account, "traits": {"name": "Acme Bakery"}, "messageId": f"g-{account}"},
        {"type": "identify", "userId": person, "traits": {"email": "ada@acme.io"}, "messageId": f"i-{account}"},
        {
            "type": "track",
            "userId": person,
            "event": "Contact Count Changed",
            "properties": {"total": total},
            "messageId": f"t-{account}-{total}",
            **more,
        },
    ]


def told(change: str, receiver: Receiver) -> bool:
    return change in {message["type"] for message in receiver.messages}


def test_an_event_becomes_a_verified_webhook_within_a_second(product: Product, receiver: Receiver) -> None:
    key = open_shop(product, receiver)
    product.send(key, contacts("warm-up", 487))
    assert receiver.wait(lambda r: len(r.messages) == 1, 20), product.printed()

    began = time.monotonic()
    answer = product.send(key, contacts("acc_9", 487))
    assert answer.json() == {"success": True, "accepted": 3, "rejected": 0, "errors": []}
    assert receiver.wait(lambda r: len(r.messages) == 2, 10), product.printed()
    assert time.monotonic() - began < 1

    lead = receiver.messages[1]
    assert (lead["type"], lead["project"]) == ("lead.created", "shop")
    data = lead["data"]
    assert (data["lead_type"], data["status"], data["account"]["external_id"]) == ("pql", "open", "acc_9")
    assert [(each["rule"], each["step"]) for each in data["signals"]] == [("limit/contacts", "80%")]
    assert data["people"][0]["email"] == "ada@acme.io"
    assert "t-acc_9-487" in data["evidence"][0]["message_ids"]
    assert receiver.ids[1] == lead["id"]
    assert receiver.refused == []

    row = next(each for each in product.leads("shop") if each["lead_id"] == data["lead_id"])
    assert (row["lead_type"], row["status"], row["qualified_at"]) == ("pql", "open", data["qualified_at"])


def test_a_request_sent_again_doubles_no_lead(product: Product, receiver: Receiver) -> None:
    key = open_shop(product, receiver)
    for _ in range(3):
        assert product.send(key, contacts("acc_1", 490)).status_code == 200
    product.send(key, contacts("acc_2", 490))
    both = {"acc_1", "acc_2"}
    assert receiver.wait(lambda r: {m["data"]["account"]["external_id"] for m in r.messages} == both, 20), product.printed()
    product.settle(10)
    assert [lead["account"]["external_id"] for lead in product.leads("shop")].count("acc_1") == 1
    assert sum(m["data"]["account"]["external_id"] == "acc_1" for m in receiver.messages) == 1


def test_a_request_that_the_log_took_only_in_part_and_the_spool_whole_doubles_no_lead(
    own_broker: tuple[str, int], postgres: str, tmp_path: Path, receiver: Receiver
) -> None:
    address, broker = own_broker
    product = Product(tmp_path / "data", {"HANDRAISER_KAFKA": address, "HANDRAISER_DATABASE_URL": postgres})
    try:
        key = open_shop(product, receiver)
        many = [message for n in range(40) for message in contacts(f"acc_{n}", 490)]  # they lie in many partitions
        os.kill(broker, signal.SIGSTOP)
        taken = product.send(key, many)
        os.kill(broker, signal.SIGCONT)
        assert taken.status_code == 200
        assert product.send(key, many).status_code == 200
        assert receiver.wait(lambda r: len({m["data"]["lead_id"] for m in r.messages}) == 40, 30), product.printed()
        wait_until("everything settled", product.is_settled, 20)
        assert len(product.leads("shop")) == 40
        assert len(receiver.messages) == 40
    finally:
        os.kill(broker, signal.SIGCONT)
        product.close()


def test_a_stronger_lead_takes_over_and_the_upgrade_wins_it(product: Product, receiver: Receiver) -> None:
    key = open_shop(product, receiver)
    person, account = "ada@acc_3", "acc_3"
    steps: list[tuple[str, list[dict[str, Any]]]] = [
        ("lead.created", contacts(account, 487)),
        ("lead.superseded", [{"type": "track", "userId": person, "event": "Upgrade Clicked"}]),
        ("lead.won", [{"type": "group", "userId": person, "groupId": account, "traits": {"plan": "standard"}}]),
    ]
    for change, messages in steps:
        product.send(key, messages)
        assert receiver.wait(partial(told, change), 20), product.printed()
    wait_until("all four changes", lambda: len(receiver.messages) >= 4, 10)
    changes = {(m["data"]["lead_type"], m["type"]) for m in receiver.messages}
    assert changes == {
        ("pql", "lead.created"),
        ("service_sql", "lead.created"),
        ("pql", "lead.superseded"),
        ("service_sql", "lead.won"),
    }


def test_a_stop_in_good_order_loses_nothing(product: Product, receiver: Receiver) -> None:
    key = open_shop(product, receiver)
    assert product.send(key, contacts("acc_4", 499)).status_code == 200
    assert product.stop() == [0]
    product.start()
    assert receiver.wait(lambda r: len(r.messages) >= 1, 20), product.printed()
    assert {m["data"]["account"]["external_id"] for m in receiver.messages} == {"acc_4"}


def test_a_wrong_key_is_told_apart_from_no_key(product: Product) -> None:
    product.start()
    messages = contacts("acc_5", 1)
    without = httpx.post(f"{product.url('ingest')}/v1/batch", json={"batch": messages})
    wrong = product.send("wk_aaaaaaaa_bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb", messages)
    assert (without.status_code, wrong.status_code) == (401, 401)
    assert without.json()["message"] != wrong.json()["message"]


KEEN = """\
measures:
  imports: {count: List Imported, window: 7d}
rules:
  keen: {lead: pql, when: [imports >= 2], on_enable: {backfill: 1d}, say: "{account} imported {imports} lists"}
  late: {lead: pql, when: [imports >= 2], say: "{account} imported {imports} lists"}
"""


def test_a_rulebook_finds_in_the_log_what_none_before_it_looked_for_though_the_detector_is_killed(
    product: Product, receiver: Receiver
) -> None:
    key = open_shop(product, receiver)
    accounts = [f"acc_{n}" for n in range(20)]
    for n in range(2):
        imported = {"type": "track", "event": "List Imported", "userId": "ada"}
        product.send(key, [{**imported, "groupId": account, "messageId": f"{account}-{n}"} for account in accounts])
    product.settle(10)
    assert receiver.messages == []

    product.apply(RULEBOOK + KEEN)
    product.kill_detector()
    assert receiver.wait(lambda r: len(r.messages) == len(accounts), 40), product.printed()

    told = [each["data"] for each in receiver.messages]
    signals = [(each["account"]["external_id"], [of["rule"] for of in each["signals"]]) for each in told]
    assert sorted(signals) == sorted((account, ["keen"]) for account in accounts)
    # partitions without any of these accounts may be read again last
    wait_until("all was read again", lambda: product.api("detector", "GET", "/v1/rulebooks?project=shop")["backfill"] is None, 20)
    assert product.api("detector", "GET", "/v1/rulebooks?project=shop")["warming"] == []
    product.verify()
