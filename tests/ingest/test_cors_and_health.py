"""What browsers need on every answer, and what operators see of ingest."""

import pytest

from eventlog.port import LogError
from ingest.batcher import WAITING_BYTES_MAX
from ingest.health import report
from ingest.spooling import SpoolState
from tests.ingest.served import NOW, Served

EMPTY = SpoolState(0, 100, None, None)
TRACK = {"type": "track", "userId": "ada", "event": "Sent"}
ORIGIN = "https://app.example"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("POST", "/v1/batch", 400), ("GET", "/v1/batch", 405), ("POST", "/v1/nowhere", 404), ("GET", "/v1/broken", 500)],
)
async def test_every_answer_has_cors_headers_and_the_one_error_body(served: Served, method: str, path: str, status: int) -> None:
    async def broken() -> None:
        raise RuntimeError("bug")

    served.app.add_api_route("/v1/broken", broken)
    response = await served.client.request(method, path, headers={"origin": ORIGIN})
    assert response.status_code == status
    assert response.headers["access-control-allow-origin"] == ORIGIN
    assert response.headers["access-control-expose-headers"] == "Retry-After, X-RateLimit-Reset"
    assert "Origin" in response.headers["vary"]
    assert {"code", "message", "detail", "error"} == response.json().keys()


async def test_a_good_answer_has_them_too(served: Served) -> None:
    response = await served.post("track", TRACK, origin=ORIGIN)
    assert (response.status_code, response.headers["access-control-allow-origin"]) == (200, ORIGIN)


@pytest.mark.parametrize("path", ["/v1/batch", "/v1/events/", "/v1/nowhere"])
async def test_a_preflight_mirrors_origin_and_headers(served: Served, path: str) -> None:
    asked = {"access-control-request-method": "POST", "access-control-request-headers": "authorization,x-retry-count"}
    response = await served.client.options(path, headers={"origin": ORIGIN, **asked})
    assert response.status_code == 204
    assert response.headers["access-control-allow-origin"] == ORIGIN
    assert response.headers["access-control-allow-headers"] == "authorization,x-retry-count"
    assert response.headers["access-control-allow-methods"] == "POST"


async def test_other_paths_are_closed_to_other_origins(served: Served) -> None:
    response = await served.client.get("/metrics", headers={"origin": ORIGIN})
    assert "access-control-allow-origin" not in response.headers


async def test_health_counts_what_came(served: Served) -> None:
    assert report(served.batcher, EMPTY, NOW) == {
        "status": "ok",
        "events_per_s": 0.0,
        "last_event_age_s": None,
        "rejected_ratio_5m": 0.0,
        "waiting_bytes": 0,
        "waiting_bytes_max": WAITING_BYTES_MAX,
        "spool_bytes": 0,
        "spool_bytes_max": 100,
        "spool_oldest_s": None,
    }
    await served.post("batch", {"batch": [TRACK] * 6 + [{}] * 2})
    seen = report(served.batcher, EMPTY, NOW + 2_500)
    assert (seen["events_per_s"], seen["last_event_age_s"], seen["rejected_ratio_5m"]) == (0.1, 2.5, 0.25)
    later = report(served.batcher, EMPTY, NOW + 310_000)
    assert (later["events_per_s"], later["rejected_ratio_5m"]) == (0.0, 0.0)


async def test_health_is_degraded_while_events_wait_for_the_log(served: Served) -> None:
    seen = report(served.batcher, SpoolState(50, 100, NOW - 3_500, "Kafka is away."), NOW)
    assert (seen["status"], seen["spool_bytes"], seen["spool_oldest_s"]) == ("degraded", 50, 3.5)
    (problem,) = seen["problems"]
    assert problem["code"] == "ingest_spooling"
    assert problem["what"] == "50 bytes of events wait in the spool, the oldest for 3 s. The log was away: Kafka is away."


async def test_health_is_down_while_the_log_fails_and_degraded_for_a_minute_after(served: Served) -> None:
    served.producer.error = LogError("disk full")
    await served.post("track", TRACK)
    assert report(served.batcher, EMPTY, NOW)["status"] == "down"
    served.producer.error = None
    await served.post("track", TRACK)
    assert report(served.batcher, EMPTY, NOW)["status"] == "degraded"
    assert report(served.batcher, EMPTY, NOW + 60_001)["status"] == "ok"
