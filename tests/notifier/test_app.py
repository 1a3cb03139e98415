"""The API of endpoints, over HTTP as its users see it."""

from collections.abc import AsyncIterator

import httpx
import pytest
import sqlalchemy as sa
from fastapi import FastAPI

from notifier.app import create_router
from notifier.core.addresses import Policy, policy_for
from notifier.sender import Sender
from notifier.store import NotifierStore
from notifier.vault import Vault, new_master_key
from notifier.worker import Notifier
from runtime.web import install_error_answers
from tests.notifier import receiver as moods
from tests.notifier.conftest import StandingClock
from tests.notifier.receiver import Receiver, receiving, says

KEY = {"authorization": "Bearer ak_good"}
NEW = {"url": "https://8.8.8.8/hook/secret-part", "project": "acme-mail"}


def client_of(store: NotifierStore, sender: Sender, clock: StandingClock, policy: Policy) -> httpx.AsyncClient:
    app = FastAPI()
    install_error_answers(app)
    notifier = Notifier(store, sender, clock)
    projects = {"acme-mail"}
    app.include_router(create_router(store, notifier, lambda key: key == "ak_good", policy, projects.__contains__, clock))
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://api", headers=KEY)


@pytest.fixture
async def client(store: NotifierStore, sender: Sender, clock: StandingClock) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(store, sender, clock, policy_for(production=False)) as client:
        yield client


@pytest.fixture
async def production(store: NotifierStore, clock: StandingClock) -> AsyncIterator[httpx.AsyncClient]:
    strict = Sender(policy_for(production=True))
    async with client_of(store, strict, clock, policy_for(production=True)) as client:
        yield client
    await strict.aclose()


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as receiver:
        yield receiver


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1/endpoints"),
        ("POST", "/v1/endpoints"),
        ("GET", "/v1/endpoints/ep_1"),
        ("DELETE", "/v1/endpoints/ep_1"),
        ("POST", "/v1/endpoints/ep_1/test"),
        ("POST", "/v1/endpoints/ep_1/enable"),
    ],
)
async def test_every_route_wants_an_api_key(client: httpx.AsyncClient, method: str, path: str) -> None:
    answer = await client.request(method, path, json=NEW, headers={"authorization": "Bearer ak_bad"})
    assert (answer.status_code, answer.json()["code"]) == (401, "unauthorized")
    if "ep_1" in path:
        unknown = await client.request(method, path)
        assert (unknown.status_code, unknown.json()["code"]) == (404, "not_found")
        assert "ep_1" in unknown.json()["message"]


async def test_an_endpoint_of_a_project_that_is_not_there_says_how_to_make_it(client: httpx.AsyncClient) -> None:
    answer = await client.post("/v1/endpoints", json=NEW | {"project": "acme"})
    assert (answer.status_code, answer.json()["code"]) == (404, "project_not_found")
    assert "handraiser projects create acme" in answer.json()["message"]
    assert (await client.get("/v1/endpoints")).json()["data"] == []


async def test_an_endpoint_tells_its_secret_once_and_its_path_never(client: httpx.AsyncClient) -> None:
    only = {"lead_types": ["pql"], "to": ["product"], "temperature": ["hot"], "segments": ["smb"], "steps": ["100%", "refused"]}
    made = await client.post("/v1/endpoints", json=NEW | {"types": ["lead.*"], "name": "CRM", **only})
    assert made.status_code == 201
    assert made.json()["secret"].startswith("whsec_")
    endpoint_id = made.json()["id"]
    listed, one = await client.get("/v1/endpoints"), await client.get(f"/v1/endpoints/{endpoint_id}")
    assert listed.json() == {"data": [one.json()], "next": None}
    shown = one.json()
    assert shown | {"secret": made.json()["secret"]} == made.json()
    assert (shown["url"], shown["name"], shown["types"], shown["status"]) == ("https://8.8.8.8", "CRM", ["lead.*"], "enabled")
    assert {key: shown[key] for key in only} == only
    assert "secret" not in listed.text
    assert (await client.delete(f"/v1/endpoints/{endpoint_id}")).status_code == 204
    assert (await client.get(f"/v1/endpoints/{endpoint_id}")).status_code == 404
    assert (await client.get("/v1/endpoints")).json() == {"data": [], "next": None}


async def test_an_endpoint_tells_the_names_of_its_extra_headers_and_never_their_values(client: httpx.AsyncClient) -> None:
    made = await client.post("/v1/endpoints", json=NEW | {"headers": {"X-Gateway-Key": "tok-0123456789"}})
    assert (made.status_code, made.json()["headers"]) == (201, ["x-gateway-key"])
    refused = await client.post("/v1/endpoints", json=NEW | {"headers": {"X-Gateway-Key": "tok-0123456789\r\nx: y"}})
    assert (refused.status_code, refused.json()["code"]) == (422, "header_refused")
    too_many = await client.post("/v1/endpoints", json=NEW | {"headers": {f"x-{n}": "tok-0123456789" for n in range(11)}})
    assert (too_many.status_code, too_many.json()["code"]) == (422, "invalid_request")
    for answer in (made, refused, too_many, await client.get("/v1/endpoints")):
        assert "tok-0123456789" not in answer.text


async def test_an_endpoint_has_the_format_that_was_asked_for(client: httpx.AsyncClient) -> None:
    made = [await client.post("/v1/endpoints", json=NEW | asked) for asked in ({}, {"format": "flat"}, {"format": "slack"})]
    assert [answer.json()["format"] for answer in made] == ["standard", "flat", "slack"]
    assert (await client.post("/v1/endpoints", json=NEW | {"format": "xml"})).status_code == 422


async def test_an_endpoint_gets_as_much_of_who_somebody_is_as_was_asked_for(client: httpx.AsyncClient) -> None:
    made = [await client.post("/v1/endpoints", json=NEW | asked) for asked in ({}, {"pii": "minimal"})]
    assert [answer.json()["pii"] for answer in made] == ["full", "minimal"]
    assert (await client.post("/v1/endpoints", json=NEW | {"pii": "none"})).status_code == 422


@pytest.mark.parametrize(
    ("url", "code", "says_"),
    [
        ("http://8.8.8.8/", "url_scheme", "use https"),
        ("https://8.8.8.8:8080/", "url_port", "443 and 8443"),
        ("https://me:secret@8.8.8.8/", "url_user_info", "leave out"),
        ("https://127.0.0.1/", "url_address", "loopback"),
        ("https://localhost/", "url_address", "loopback"),
        ("https://169.254.169.254/", "url_address", "metadata"),
        ("https://0x7f.1/", "url_address", "plain IP address"),
        ("nonsense", "url_scheme", "https://"),
    ],
)
async def test_a_url_that_may_not_be_is_refused_with_the_reason(
    production: httpx.AsyncClient, url: str, code: str, says_: str
) -> None:
    answer = await production.post("/v1/endpoints", json=NEW | {"url": url})
    assert (answer.status_code, answer.json()["code"]) == (422, code)
    assert says_ in answer.json()["message"]
    assert (await production.get("/v1/endpoints")).json()["data"] == []


@pytest.mark.parametrize(
    "change",
    [
        {"types": []},
        {"types": ["lead.*.x"]},
        {"unknown": 1},
        {"project": ""},
        {"url": None},
        {"name": "a\0"},
        {"project": "a\0"},
        {"temperature": ["tepid"]},
        {"steps": ["80"]},
    ],
)
async def test_a_request_of_another_shape_is_refused(client: httpx.AsyncClient, change: dict[str, object]) -> None:
    answer = await client.post("/v1/endpoints", json=NEW | change)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")
    assert next(iter(change)) in answer.json()["detail"]


async def test_a_test_goes_the_way_of_every_webhook_and_says_what_came_of_it(
    client: httpx.AsyncClient, receiver: Receiver
) -> None:
    made = (await client.post("/v1/endpoints", json=NEW | {"url": receiver.url()})).json()
    outcome = (await client.post(f"/v1/endpoints/{made['id']}/test")).json()
    assert (outcome["outcome"], outcome["status"], outcome["error"], outcome["remedy"]) == ("delivered", 200, None, None)
    payload = receiver.received[0].verified(made["secret"])
    assert (payload["type"], payload["project"], payload["data"]["endpoint_id"]) == ("endpoint.test", "acme-mail", made["id"])
    assert payload["id"] == receiver.received[0].headers["webhook-id"]


async def test_a_test_that_fails_says_what_to_do(client: httpx.AsyncClient, receiver: Receiver) -> None:
    made = (await client.post("/v1/endpoints", json=NEW | {"url": receiver.url()})).json()
    test = f"/v1/endpoints/{made['id']}/test"
    receiver.behave = says(401)
    refused = (await client.post(test)).json()
    assert (refused["outcome"], refused["status"], refused["error"]) == ("failed", 401, "http_status")
    assert "verify the signature" in refused["remedy"]
    receiver.behave = moods.hangs
    hung = (await client.post(test)).json()
    assert (hung["status"], hung["error"]) == (None, "headers_timeout")
    assert "answer 2xx first" in hung["remedy"]


async def test_a_disabled_endpoint_can_be_enabled(client: httpx.AsyncClient) -> None:
    made = (await client.post("/v1/endpoints", json=NEW)).json()
    enabled = await client.post(f"/v1/endpoints/{made['id']}/enable")
    assert (enabled.status_code, enabled.json()["status"]) == (200, "enabled")


async def test_the_openapi_document_describes_every_answer(client: httpx.AsyncClient) -> None:
    document = (await client.get("/openapi.json")).json()
    assert set(document["paths"]) == {
        "/v1/endpoints",
        "/v1/endpoints/{endpoint_id}",
        "/v1/endpoints/{endpoint_id}/enable",
        "/v1/endpoints/{endpoint_id}/test",
    }
    created = document["paths"]["/v1/endpoints"]["post"]["responses"]["201"]["content"]["application/json"]["schema"]
    assert created["$ref"].endswith("EndpointCreated")


async def test_a_test_of_what_another_master_key_sealed_says_which_key_is_missing(
    store: NotifierStore, client: httpx.AsyncClient, sender: Sender, clock: StandingClock, engine: sa.Engine
) -> None:
    made = (await client.post("/v1/endpoints", json=NEW)).json()
    without = NotifierStore(engine, Vault(new_master_key()))
    async with client_of(without, sender, clock, policy_for(production=False)) as other:
        answer = await other.post(f"/v1/endpoints/{made['id']}/test")
    assert (answer.status_code, answer.json()["code"]) == (503, "master_key")
    assert store.endpoint(made["id"]) is not None
