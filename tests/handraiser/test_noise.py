"""Sales is spared: what is over a cap stands in the list of leads, waits, and `why` says for what; who asks is heard at once."""

import json
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.journey.product import Product
from tests.journey.receiver import Receiver
from tests.journey.test_journey import RULEBOOK, contacts

CAPS = "noise: {account: none, person: none, brake: none, endpoint: {leads: 1, per: 1d}}\n"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()
    yield receiver
    receiver.close()


def handraiser(product: Product, *words: str) -> str:
    command = [sys.executable, "-m", "handraiser", *words, "--data", str(product.data)]
    done = subprocess.run(command, env=product.environment, check=False, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_lead_over_a_cap_waits_and_why_says_so_until_somebody_asks(product: Product, receiver: Receiver) -> None:
    key = product.create_project("shop")
    product.apply(RULEBOOK + CAPS)
    receiver.secret = product.add_endpoint("shop", receiver.url, caps=True)
    for account in ("first", "second"):
        product.send(key, contacts(account, 487))
        product.settle(20)
    assert [each["data"]["account"]["external_id"] for each in receiver.messages] == ["first"]
    leads = {each["account"]["external_id"]: each["lead_id"] for each in product.leads("shop")}
    assert set(leads) == {"first", "second"}

    said = handraiser(product, "why", "second")
    assert f"! 127.0.0.1 is not told of {leads['second']} yet: there were as many leads at this endpoint" in said
    assert "not told of" not in handraiser(product, "why", "first")
    (line,) = json.loads(handraiser(product, "deliveries", "list", "--status", "capped", "--json"))["data"]
    assert line["lead_id"] == leads["second"]
    (waits,) = product.api("detector", "GET", "/v1/accounts/second/why?project=shop")["leads"][0]["held_back"]
    assert (waits["endpoint"], waits["cap"], waits["until"]) == ("127.0.0.1", "endpoint", line["next_at"])

    click = {"type": "track", "userId": "ada@second", "event": "Upgrade Clicked", "messageId": "click"}
    product.send(key, [click | {"context": {"groupId": "second"}}])
    assert receiver.wait(lambda r: len(r.messages) > 1, 20)
    product.settle(20)
    assert "second" in {each["data"]["account"]["external_id"] for each in receiver.messages}
    assert "not told of" not in handraiser(product, "why", "second")
