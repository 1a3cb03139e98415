"""How the rooms' reports become one judgement."""

from typing import Any

import httpx

from handraiser.health import Health, create_router, exposition, merged
from handraiser.web import new_app

OK: dict[str, Any] = {"status": "ok", "figure": 1}
PROBLEM = {"code": "x", "since": None, "what": "Something is odd", "do": "Look."}


def test_the_whole_is_as_bad_as_its_worst_part() -> None:
    degraded = {"status": "degraded", "problems": [PROBLEM]}
    assert merged({"a": OK, "b": OK}, "m", 0, 0)["status"] == "ok"
    assert merged({"a": OK, "b": degraded}, "m", 0, 0)["status"] == "degraded"
    assert merged({"a": {"status": "down"}, "b": degraded}, "m", 0, 0)["status"] == "down"


def test_problems_are_gathered_with_their_remedy_and_told_in_the_summary() -> None:
    whole = merged({"a": OK, "b": {"status": "degraded", "problems": [PROBLEM]}}, "m", 60_000, 0)
    assert whole["problems"] == [PROBLEM]
    assert whole["summary"] == "Leads flow. Something is odd."
    assert whole["checks"] == {"a": OK, "b": {"status": "degraded"}}
    assert whole["uptime_s"] == 60


async def test_a_check_that_breaks_is_down_and_not_a_500() -> None:
    def broken() -> dict[str, Any]:
        raise OSError("no disk")

    whole = await Health("m", {"log": broken}, lambda: 1).current()
    assert whole["status"] == "down"
    assert whole["problems"][0]["code"] == "check_failed"


async def test_rooms_are_asked_at_most_every_two_seconds() -> None:
    asked: list[int] = []
    now = [0]

    def check() -> dict[str, Any]:
        asked.append(1)
        return OK

    health = Health("m", {"a": check}, lambda: now[0])
    await health.current()
    now[0] = 1_999
    await health.current()
    assert len(asked) == 1
    now[0] = 2_000
    await health.current()
    assert len(asked) == 2


async def test_down_is_503_and_not_ready_is_503() -> None:
    health = Health("m", {"a": lambda: {"status": "down", "problems": [PROBLEM]}}, lambda: 0)
    app = new_app("test")
    app.include_router(create_router(health, lambda key: key == "ak_good"))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app, client=("10.0.0.9", 1)), base_url="http://it") as http:
        assert (await http.get("/live")).status_code == 200
        assert (await http.get("/ready")).status_code == 503
        health.ready = True
        assert (await http.get("/ready")).status_code == 200
        anonymous = await http.get("/health")
        assert (anonymous.status_code, anonymous.json()) == (503, {"status": "down", "checks": {"a": {"status": "down"}}})
        known = await http.get("/health", headers={"Authorization": "Bearer ak_good"})
        assert known.json()["problems"] == [PROBLEM]
        assert (await http.get("/metrics")).status_code == 401
        assert (await http.get("/metrics", headers={"Authorization": "Bearer ak_good"})).status_code == 200


def test_the_detectors_metrics_take_the_place_of_the_empty_ones_here() -> None:
    ours = b"# TYPE handraiser_detector_x counter\nhandraiser_detector_x 0.0\nother 1.0\n"
    assert exposition(ours, b"handraiser_detector_x 7.0\n") == b"other 1.0\nhandraiser_detector_x 7.0\n"
    assert exposition(ours, b"") == ours
