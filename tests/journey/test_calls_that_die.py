"""SIGKILL between a call's deed and its answer: a command, a rulebook, the end of an import. Who calls again has it done once."""

import signal
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest

from runtime.points import POINTS
from tests.journey.product import Product, wait_until
from tests.journey.test_crash_matrix import ROOMS, Shop
from tests.journey.test_journey import RULEBOOK, contacts

IMPORT = {"X-Handraiser-Import": "i-1"}
MONTHS_AGO = (datetime.now(UTC) - timedelta(days=90)).isoformat()


@pytest.fixture(params=["embedded", "services"])
def shop(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Shop]:
    environment = {}
    if request.param == "services":
        environment = {
            "HANDRAISER_KAFKA": request.getfixturevalue("kafka"),
            "HANDRAISER_DATABASE_URL": request.getfixturevalue("postgres"),
            "HANDRAISER_TOPIC_PREFIX": f"t{uuid.uuid4().hex[:8]}.",
            "HANDRAISER_MASTER_KEY": "k" * 43 + "=",
        }
    shop = Shop(Product(tmp_path / "data", environment, services=bool(environment)), seed=0)
    yield shop
    shop.close()


def dies_at(shop: Shop, room: str, place: str, call: Callable[[], Any]) -> None:
    """The process of `room` dies in `call` at `place`, and the caller has no answer; then it is started again."""
    name = "up" if "up" in shop.product.processes else room
    process = shop.product.processes[name]
    process.kill()
    process.start(kill_at=place)
    wait_until("ready", process.is_ready, 40)
    with pytest.raises(httpx.TransportError):
        call()
    wait_until("its end", lambda: process.died() is not None, 20)
    assert process.died() == -signal.SIGKILL
    shop.product.restart(name)


@pytest.mark.timeout(240)
def test_who_calls_again_after_a_death_has_it_done_once(shop: Shop) -> None:
    product = shop.product
    (lead,) = one_more_lead(shop)

    own = partial(
        product.api,
        "detector",
        "POST",
        f"/v1/leads/{lead['lead_id']}/owner",
        {"email": "kim@shop.io"},
        headers={"Idempotency-Key": "once"},
    )
    dies_at(shop, "detector", "command.append.after", own)
    # On Kafka the dead process is a member of its group for 6 s more, longer than a call waits: until then it is "accepted".
    wait_until("its command is applied", lambda: own()["status"] == "applied", 20)
    product.settle(40)
    assert [message["data"]["owner"]["email"] for message in shop.receiver.messages if message["type"] == "lead.updated"] == [
        "kim@shop.io"
    ]

    apply = partial(product.apply, RULEBOOK.replace("[80%", "[70%") + "rules: {limit: {at: [50%, 100%]}}\n")
    dies_at(shop, "detector", "rulebook.store.after", apply)
    versions = partial(product.api, "detector", "GET", "/v1/rulebooks", params={"project": "shop"})
    assert len(versions()["data"]) == 2
    assert {lead["rulebook_version"] for lead in one_more_lead(shop)} == {1}
    apply()
    assert len(versions()["data"]) == 2
    assert sorted(lead["rulebook_version"] for lead in one_more_lead(shop)) == [1, 1, 2]

    key = product.api("ingest", "POST", "/v1/keys", {"project": "shop", "trust": "server", "may_import": True})["key"]
    history = [{**message, "timestamp": MONTHS_AGO} for message in contacts("old", 487, context={"groupId": "old"})]
    answer = product.http.post(f"{product.url('ingest')}/v1/batch", json={"batch": history}, auth=(key, ""), headers=IMPORT)
    assert answer.status_code == 200
    end = partial(
        product.api, "ingest", "POST", "/v1/import/end", {"import_id": "i-1"}, headers={"Authorization": f"Bearer {key}"}
    )
    dies_at(shop, "ingest", "import.end.after", end)
    end()
    old = wait_until("its lead", lambda: [each for each in product.leads("shop") if each["account"]["external_id"] == "old"], 20)
    assert [lead["qualified_at"][:10] for lead in old] == [MONTHS_AGO[:10]]
    product.settle(40)
    assert "old" not in {message["data"]["account"]["external_id"] for message in shop.receiver.messages}
    product.verify()


def one_more_lead(shop: Shop) -> list[dict[str, Any]]:
    """All leads, once an account more has one."""
    shop.send()
    wait_until("the answer", shop.send_owed, 20)
    return wait_until("its lead", lambda: leads if len(leads := shop.product.leads("shop")) == len(shop.accounts) else [], 20)


def test_every_place_is_some_tests() -> None:
    rooms = {room for rooms in ROOMS.values() for room in rooms}
    assert {place.partition(".")[0] for place in POINTS} == rooms | {
        "import",
        "rulebook",
        "command",
        "spool",
    }  # the last: test_log_away.py
