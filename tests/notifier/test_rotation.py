"""An endpoint's secret and the master key can be changed while webhooks leave: no receiver and no notifier notices."""

import logging
import threading
from collections.abc import AsyncIterator

import httpx
import pytest
import sqlalchemy as sa
from fastapi import FastAPI
from standardwebhooks import WebhookVerificationError

from notifier import health
from notifier.core.delivery import Status
from notifier.core.matching import Filters
from notifier.core.signing import signed_headers
from notifier.core.urls import parse_url
from notifier.secret_routes import create_router
from notifier.store import NotifierStore
from notifier.store_secrets import SECRETS_MAX
from notifier.tables import endpoints
from notifier.vault import MasterKeyError, Vault, new_master_key
from notifier.worker import Notifier
from runtime.web import install_error_answers
from tests.notifier.bench import DEVELOPMENT, Bench
from tests.notifier.conftest import LeadEvents

KEY = {"authorization": "Bearer ak_good"}
DAY_S = 86_400


def client_of(bench: Bench, store: NotifierStore) -> httpx.AsyncClient:
    app = FastAPI()
    install_error_answers(app)
    app.include_router(create_router(store, lambda key: key == "ak_good", bench.clock))
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://api", headers=KEY)


@pytest.fixture
async def client(bench: Bench) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(bench, bench.store) as client:
        yield client


def sealed(engine: sa.Engine) -> list[tuple[bytes, bytes]]:
    with engine.connect() as tx:
        return [(row.url, row.secrets) for row in tx.execute(sa.select(endpoints).order_by(endpoints.c.id))]


async def test_every_route_of_secrets_wants_an_api_key(client: httpx.AsyncClient) -> None:
    for path in ("/v1/endpoints/ep_1/rotate", "/v1/reseal"):
        assert (await client.post(path, headers={"authorization": "Bearer ak_bad"})).status_code == 401
    unknown = await client.post("/v1/endpoints/ep_1/rotate")
    assert (unknown.status_code, unknown.json()["code"]) == (404, "not_found")


async def test_both_secrets_sign_until_the_overlap_ends_the_new_one_first(
    bench: Bench, client: httpx.AsyncClient, lead_event: LeadEvents
) -> None:
    endpoint, old = bench.endpoint()
    answer = await client.post(f"/v1/endpoints/{endpoint.id}/rotate")
    rotated = answer.json()
    assert (answer.status_code, set(rotated), rotated["id"]) == (201, {"id", "secret", "old_until"}, endpoint.id)
    new = rotated["secret"]
    bench.clock.pass_(DAY_S - 1)
    await bench.deliver(lead_event(1))
    await bench.notifier.test(endpoint.id)
    bench.clock.pass_(1)
    await bench.deliver(lead_event(2))
    during, test, after = bench.receiver.received
    for got, secrets in ((during, [new, old]), (test, [new, old]), (after, [new])):
        signed = signed_headers(secrets, got.headers["webhook-id"], int(got.headers["webhook-timestamp"]), got.body)
        assert got.headers["webhook-signature"] == signed["webhook-signature"]


async def test_a_receiver_with_either_secret_verifies_during_the_overlap(
    bench: Bench, client: httpx.AsyncClient, lead_event: LeadEvents
) -> None:
    endpoint, old = bench.endpoint()
    new = (await client.post(f"/v1/endpoints/{endpoint.id}/rotate", json={"overlap_s": 60})).json()["secret"]
    await bench.deliver(lead_event())
    (got,) = bench.receiver.received
    assert got.verified(new) == got.verified(old)


async def test_without_an_overlap_the_old_secrets_end_at_once(
    bench: Bench, client: httpx.AsyncClient, lead_event: LeadEvents
) -> None:
    endpoint, first = bench.endpoint()
    path = f"/v1/endpoints/{endpoint.id}/rotate"
    second = (await client.post(path)).json()["secret"]
    third = (await client.post(path, json={"overlap_s": 0})).json()["secret"]
    await bench.deliver(lead_event())
    (got,) = bench.receiver.received
    got.verified(third)
    for gone in (first, second):
        with pytest.raises(WebhookVerificationError):
            got.verified(gone)


async def test_a_later_rotation_makes_no_old_secret_sign_longer(bench: Bench, client: httpx.AsyncClient) -> None:
    endpoint, _ = bench.endpoint()
    path = f"/v1/endpoints/{endpoint.id}/rotate"
    second = (await client.post(path, json={"overlap_s": 60})).json()["secret"]
    third = (await client.post(path, json={"overlap_s": 3600})).json()["secret"]
    opened = bench.store.secrets.opened_endpoint(endpoint.id, bench.clock.now + 60_000)
    assert opened is not None
    assert opened.secrets == [third, second]


async def test_at_most_a_few_secrets_sign_at_a_time(bench: Bench, client: httpx.AsyncClient) -> None:
    endpoint, _ = bench.endpoint()
    path = f"/v1/endpoints/{endpoint.id}/rotate"
    for _ in range(SECRETS_MAX - 1):
        assert (await client.post(path)).status_code == 201
    refused = await client.post(path)
    assert (refused.status_code, refused.json()["code"]) == (409, "too_many_secrets")
    assert (await client.post(path, json={"overlap_s": 0})).status_code == 201


def test_rotations_at_the_same_time_lose_no_secret(bench: Bench) -> None:
    endpoint, first = bench.endpoint()
    now, made = bench.clock.now, []

    def rotate() -> None:
        made.append(bench.store.secrets.rotate(endpoint.id, now + 1000, now))

    threads = [threading.Thread(target=rotate) for _ in range(SECRETS_MAX - 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    opened = bench.store.secrets.opened_endpoint(endpoint.id, now)
    assert opened is not None
    assert sorted(opened.secrets) == sorted(str(each) for each in [first, *made])


@pytest.mark.parametrize("body", [{"overlap_s": -1}, {"overlap_s": 31 * DAY_S}, {"overlap_s": True}, {"overlap": 1}])
async def test_a_rotation_of_another_shape_is_refused(client: httpx.AsyncClient, body: dict[str, object]) -> None:
    assert (await client.post("/v1/endpoints/ep_1/rotate", json=body)).status_code == 422


async def test_the_master_key_is_changed_while_webhooks_leave(
    bench: Bench, master_key: str, lead_event: LeadEvents, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    new_key = new_master_key()
    endpoint, secret = bench.endpoint()
    bench.store.secrets.rotate(endpoint.id, bench.clock.now + 1000, bench.clock.now)
    before = sealed(bench.engine)
    both = NotifierStore(bench.engine, Vault(f"{new_key}, {master_key}"))
    both.secrets.check_master_key()
    assert sealed(bench.engine) == before
    async with client_of(bench, both) as client:
        assert (await client.post("/v1/reseal")).json() == {"resealed": 1}
        after = sealed(bench.engine)
        assert (await client.post("/v1/reseal")).json() == {"resealed": 0}
    assert sealed(bench.engine) == after
    only_new = NotifierStore(bench.engine, Vault(new_key))
    only_new.secrets.check_master_key()
    bench.log.append(lead_event())
    bench.notifier.intake.run_once(0)  # type: ignore[union-attr]
    assert await Notifier(only_new, bench.sender, bench.clock).run_once() == 1
    bench.receiver.received[0].verified(secret)
    with pytest.raises(MasterKeyError, match="after a comma"):
        bench.store.secrets.check_master_key()
    logged = "\n".join(str(record.__dict__) for record in caplog.records)
    assert not any(hidden in logged for hidden in (new_key, master_key, secret))


async def test_a_notifier_without_the_key_leaves_a_sealed_endpoint_to_others_and_serves_the_rest(
    bench: Bench, master_key: str, lead_event: LeadEvents
) -> None:
    new_key = new_master_key()
    bench.endpoint(name="old")
    both = NotifierStore(bench.engine, Vault(f"{new_key},{master_key}"))
    bench.clock.pass_(1)
    target = parse_url(bench.receiver.url(), DEVELOPMENT)
    made, _ = both.add_endpoint("acme-mail", "new", target, Filters(), bench.clock.now)
    assert await bench.deliver(lead_event()) == 1
    assert sorted(bench.statuses()) == [Status.DELIVERED, Status.PENDING]
    (problem,) = health.report(bench.store, {}, bench.clock.now)["problems"]
    assert (problem["code"], made.id in problem["what"]) == ("endpoint_sealed", True)
    assert await bench.notifier.run_once() == 0
    assert bench.store.deliveries.claim(bench.clock.now).next_at is None
    assert await Notifier(both, bench.sender, bench.clock).run_once() == 1
    assert bench.statuses() == [Status.DELIVERED, Status.DELIVERED]


async def test_what_cannot_be_opened_is_resealed_by_nobody_and_the_answer_says_why(bench: Bench) -> None:
    endpoint, _ = bench.endpoint()
    before = sealed(bench.engine)
    async with client_of(bench, NotifierStore(bench.engine, Vault(new_master_key()))) as client:
        for path in ("/v1/reseal", f"/v1/endpoints/{endpoint.id}/rotate"):
            answer = await client.post(path)
            assert (answer.status_code, answer.json()["code"]) == (503, "master_key")
            assert "HANDRAISER_MASTER_KEY" in answer.json()["message"]
    assert sealed(bench.engine) == before


def test_an_endpoint_that_changes_while_it_is_resealed_keeps_the_change(
    bench: Bench, master_key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    endpoint, old = bench.endpoint()
    vault = Vault(f"{new_master_key()},{master_key}")
    both = NotifierStore(bench.engine, vault)
    made: list[str | None] = []
    reseal = vault.reseal

    def meanwhile(text: bytes) -> bytes:
        if not made:
            made.append("")
            made[0] = bench.store.secrets.rotate(endpoint.id, bench.clock.now + 1000, bench.clock.now)
        return reseal(text)

    monkeypatch.setattr(vault, "reseal", meanwhile)
    assert both.secrets.reseal() == 1
    opened = both.secrets.opened_endpoint(endpoint.id, bench.clock.now)
    assert opened is not None
    assert opened.secrets == [made[0], old]
    assert both.secrets.reseal() == 0
