"""How fast a key, and each address with it, may send, and what each family of clients is told beyond."""

from typing import Any

import httpx
import pytest

from ingest.core.rate import BURST_S, SENDERS_MAX, Rates, network_of
from tests.ingest.served import Served

TRACK = {"type": "track", "userId": "ada", "event": "Sent"}
POSTHOG = {"event": "Sent", "distinct_id": "ada"}


async def make(served: Served, **wanted: Any) -> str:
    headers = {"authorization": f"Bearer {served.api_key.text}"}
    return str((await served.client.post("/v1/keys", json={"project": "acme", **wanted}, headers=headers)).json()["key"])


def of(address: str, served: Served) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(served.client._transport.app, client=(address, 5))  # type: ignore[attr-defined]
    return httpx.AsyncClient(transport=transport, base_url="http://ingest")


async def test_a_key_may_send_so_much_and_is_told_when_to_come_again(served: Served) -> None:
    key = await make(served, events_per_s=10)
    assert (await served.post("batch", {"batch": [TRACK] * 99}, key=key)).status_code == 200
    assert (await served.post("batch", {"batch": [TRACK] * 51}, key=key)).status_code == 200, "a request is taken whole"
    refused = await served.post("batch", {"batch": [TRACK]}, key=key)
    assert (refused.status_code, refused.json()["code"]) == (429, "too_fast")
    assert (refused.headers["retry-after"], refused.headers["x-ratelimit-reset"]) == ("5", "5")
    assert len(served.usage_events()) == 150, "nothing of it is kept"
    served.now += 5_000
    assert (await served.post("batch", {"batch": [TRACK]}, key=key)).status_code == 429
    served.now += 1
    assert (await served.post("batch", {"batch": [TRACK]}, key=key)).status_code == 200
    assert (await served.post("batch", {"batch": [TRACK] * 200})).status_code == 200, "others are free"


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/v1/track", TRACK, 429),
        ("/v1/events", [TRACK], 429),
        ("/batch/", [POSTHOG], 429),
        ("/e/", [POSTHOG], 503),
        ("/i/v0/e/", [POSTHOG], 503),
        ("/capture/", POSTHOG, 503),
        ("/api/v1/events", [{}], 429),
    ],
)
async def test_what_each_client_is_told(served: Served, path: str, body: Any, status: int) -> None:
    key = await make(served, events_per_s=1)
    bearer = {"authorization": f"Bearer {key}"}
    await served.post("batch", {"batch": [TRACK] * 12}, key=key)
    refused = await served.client.post(path, json=body, headers=bearer)
    assert (refused.status_code, refused.headers["retry-after"]) == (status, "2")


async def test_nobody_alone_uses_up_a_browsers_key(served: Served) -> None:
    key = await make(served, trust="browser")
    body = {"batch": [{**TRACK, "anonymousId": "x"}] * 1000, "writeKey": key}
    async with of("2001:db8::1", served) as one, of("2001:db8::ffff:2", served) as same, of("2001:db8:0:1::1", served) as other:
        assert (await one.post("/v1/batch", json=body)).status_code == 200
        assert (await one.post("/v1/batch", json=body)).status_code == 429
        assert (await same.post("/v1/batch", json=body)).status_code == 429, "of one network"
        assert (await other.post("/v1/batch", json=body)).status_code == 200


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("10.0.0.1", "10.0.0.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2"),
        ("2001:db8::1", "2001:db8:0:0"),
        ("::1", "0:0:0:0"),
        ("1::", "1:0:0:0"),
        ("::ffff:10.0.0.1", "::ffff:10.0.0.1"),
        ("", ""),
    ],
)
def test_the_network_of_an_address(address: str, network: str) -> None:
    assert network_of(address) == network


def test_rates_are_bounded_in_memory_and_a_clock_that_goes_back_takes_nothing() -> None:
    rates = Rates[int]()
    for sender in range(SENDERS_MAX + 5):
        rates.sent(sender, 1, 0, 100)
    assert rates.wait_s(0, 1, 0) == 0, "forgotten"
    assert rates.wait_s(SENDERS_MAX + 4, 1, 0) == 100 - BURST_S
    assert rates.wait_s(SENDERS_MAX + 4, 1, -50) == 100 - BURST_S
    assert rates.wait_s(SENDERS_MAX + 4, 1, -40) == 80
