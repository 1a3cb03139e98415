"""The catcher takes what is signed, refuses what is not, and remembers the last thousand."""

import base64
import json
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from fastapi import FastAPI
from standardwebhooks import Webhook, WebhookVerificationError

from handraiser.catch import caught_line
from handraiser.catcher import REMEMBERED_MAX, Catcher, Caught, create_router
from handraiser.web import new_app

SECRET = "whsec_" + base64.b64encode(b"k" * 32).decode()
OTHER = "whsec_" + base64.b64encode(b"o" * 32).decode()
API_KEY = {"Authorization": "Bearer ak_good"}


def signed(webhook_id: str, secret: str = SECRET, age_s: int = 0) -> tuple[bytes, dict[str, str]]:
    body = json.dumps({"id": webhook_id, "type": "lead.created"}).encode()
    at = datetime.now(UTC) - timedelta(seconds=age_s)
    signature = Webhook(secret).sign(webhook_id, at, body.decode())
    return body, {"webhook-id": webhook_id, "webhook-timestamp": str(int(at.timestamp())), "webhook-signature": signature}


@pytest.fixture
def app() -> FastAPI:
    app = new_app("test")
    app.include_router(create_router(Catcher(lambda: [OTHER, SECRET], lambda: 1_000), lambda key: key == "ak_good"))
    return app


def client(app: FastAPI) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://catcher")


async def test_a_good_signature_is_taken_and_listed_once(app: FastAPI) -> None:
    body, headers = signed("le_1")
    async with client(app) as http:
        assert (await http.post("/catcher", content=body, headers=headers)).status_code == 200
        assert (await http.post("/catcher", content=body, headers=headers)).status_code == 200
        listed = (await http.get("/catcher", headers=API_KEY)).json()
    assert listed == {
        "data": [{"webhook_id": "le_1", "received_at": 1_000, "payload": {"id": "le_1", "type": "lead.created"}}],
        "next": None,
    }


@pytest.mark.parametrize("wrong", ["another_key", "changed_body", "old", "unsigned"])
async def test_anything_else_gets_401_and_is_not_kept(app: FastAPI, wrong: str) -> None:
    body, headers = signed("le_1")
    if wrong == "another_key":
        body, headers = signed("le_1", secret="whsec_" + base64.b64encode(b"x" * 32).decode())
    elif wrong == "changed_body":
        body += b" "
    elif wrong == "old":
        body, headers = signed("le_1", age_s=600)
    else:
        headers = {}
    async with client(app) as http:
        answer = await http.post("/catcher", content=body, headers=headers)
        listed = (await http.get("/catcher", headers=API_KEY)).json()
    assert answer.status_code == 401
    assert answer.json()["code"] == "bad_signature"
    assert listed["data"] == []


def test_whoever_waits_for_messages_hears_of_refused_ones_too() -> None:
    told: list[str] = []
    catcher = Catcher(lambda: [SECRET], lambda: 1, lambda each: told.append(each.webhook_id), lambda: told.append("refused"))
    catcher.receive(*signed("le_1"))
    with pytest.raises(WebhookVerificationError):
        catcher.receive(*signed("le_2", secret=OTHER))
    assert told == ["le_1", "refused"]


async def test_the_list_needs_an_api_key(app: FastAPI) -> None:
    async with client(app) as http:
        assert (await http.get("/catcher")).status_code == 401


def test_only_the_last_thousand_are_remembered() -> None:
    catcher = Catcher(lambda: [SECRET], lambda: 0)
    for n in range(REMEMBERED_MAX + 5):
        catcher.receive(*signed(f"le_{n}"))
    assert len(catcher.caught()) == REMEMBERED_MAX
    assert catcher.caught()[0].webhook_id == "le_5"


def test_a_caught_message_is_one_readable_line() -> None:
    data = {"lead_type": "pql", "temperature": None, "account": {"name": "Acme Bakery"}, "summary": "has used 487 of 500"}
    line = caught_line(Caught("le_1", 0, {"type": "lead.created", "data": data}))
    assert line == "lead.created  pql  Acme Bakery  has used 487 of 500  le_1"
