"""What sales tells by the API: the answer says what became of it; the wait for it ends after 5 s."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from contracts.messages import EVENTS
from detector import commander
from tests.detector.shell.api import Api
from tests.detector.shell.samples import log_is_down
from tests.detector.shell.world import World


@pytest.fixture
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commander, "WAIT_S", 0.05)


def types(world: World) -> list[str]:
    return [event.type for event in world.sent()]


@contextmanager
def working(world: World) -> Iterator[None]:
    """The detector runs meanwhile."""
    stop = threading.Event()
    thread = threading.Thread(target=world.worker.run, args=(stop,))
    thread.start()
    try:
        yield
    finally:
        stop.set()
        world.worker.wake()
        thread.join()


def test_the_answer_says_what_became_of_it(api: Api, world: World, lead: str) -> None:
    with working(world):
        accepted = api.post(f"/v1/leads/{lead}/outcome", json={"status": "accepted", "by": "jo"})
        owned = api.post(f"/v1/leads/{lead}/owner", json={"email": "jo@us.io"})
        snoozed = api.post(f"/v1/leads/{lead}/snooze", json={"until": "2026-06-01T02:00:00+02:00"})
        won = api.post(f"/v1/leads/{lead}/outcome", json={"status": "won", "amount": 1200.5, "reason": "liked it"})

    assert [answer.status_code for answer in (accepted, owned, snoozed, won)] == [200] * 4
    now = {"lead_id": lead, "status": "won", "revision": 5, "changed": True}
    assert won.json() == {"command_id": won.json()["command_id"], "status": "applied", "result": now}
    found = api.get(f"/v1/leads/{lead}").json()
    assert (found["status"], found["owner"], found["snoozed_until"]) == ("won", {"email": "jo@us.io"}, "2026-06-01T00:00:00.000Z")
    assert [event["type"] for event in found["events"]] == [
        *("lead.created", "lead.accepted", "lead.updated", "lead.snoozed", "lead.won"),
    ]
    assert [(each["field"], each["new"]) for each in found["events"][-1]["changes"]] == [
        *(("status", "won"), ("reason", "liked it"), ("amount", 1200.5)),
    ]


def test_a_snooze_is_ended_by_null(api: Api, world: World, lead: str) -> None:
    with working(world):
        api.post(f"/v1/leads/{lead}/snooze", json={"until": "2030-01-01T00:00:00Z"})
        ended = api.post(f"/v1/leads/{lead}/snooze", json={"until": None})
    assert ended.json()["result"]["changed"] is True


def test_what_is_refused_when_it_is_applied_is_an_error_in_the_usual_shape(api: Api, world: World, lead: str) -> None:
    with working(world):
        api.post(f"/v1/leads/{lead}/outcome", json={"status": "opportunity"})
        back = api.post(f"/v1/leads/{lead}/outcome", json={"status": "accepted"})
        past = api.post(f"/v1/leads/{lead}/snooze", json={"until": "2020-01-01T00:00:00Z"})
    assert (back.status_code, back.json()["code"]) == (409, "bad_transition")
    assert back.json()["message"] == (
        f"Lead {lead} is opportunity and cannot go back to accepted. Possible: won, lost, rejected and recycled."
    )
    assert set(back.json()) == {"code", "message", "detail", "error"}
    assert (past.status_code, past.json()["code"]) == (422, "not_in_future")


def test_a_finished_lead_refuses_and_a_lead_that_is_not_there_is_a_404(api: Api, world: World, lead: str) -> None:
    with working(world):
        api.post(f"/v1/leads/{lead}/outcome", json={"status": "rejected", "reason": "a student"})
        late = api.post(f"/v1/leads/{lead}/owner", json={"email": "jo@us.io"})
    assert (late.status_code, late.json()["code"]) == (409, "lead_finished")
    missing = api.post("/v1/leads/ld_x/outcome", json={"status": "won"})
    assert (missing.status_code, missing.json()["code"]) == (404, "lead_not_found")


def test_an_account_gets_an_override_and_an_opt_out_also_before_it_is_heard_of(api: Api, world: World) -> None:
    with working(world):
        raised = api.post("/v1/accounts/new/eu/overrides?project=mail", json={"limit": "contacts", "allowed": 900})
        freed = api.post("/v1/accounts/new/eu/overrides?project=mail", json={"limit": "contacts", "allowed": None})
        removed = api.post("/v1/accounts/new/eu/overrides?project=mail", json={"limit": "contacts", "remove": True})
        unknown = api.post("/v1/accounts/new/eu/overrides?project=mail", json={"limit": "seats", "allowed": 1})
        person = api.post("/v1/accounts/new/eu/opt-out?project=mail", json={"person": "ada", "opted_out": True})
        whole = api.post("/v1/accounts/new/eu/opt-out?project=mail", json={"opted_out": True})

    for answer in (raised, freed, removed, person, whole):
        assert (answer.status_code, answer.json()["result"]) == (200, {"account": "new/eu", "changed": True})
    assert (unknown.status_code, unknown.json()["code"]) == (422, "unknown_limit")
    assert "contacts" in unknown.json()["message"]


CANNOT_BE_MEANT: list[tuple[str, dict[str, Any], str]] = [
    ("/v1/accounts/a%00b/opt-out?project=mail", {"opted_out": True}, "invalid_request"),
    ("/v1/accounts/acme/opt-out?project=mail", {"opted_out": True, "persn": "ada"}, "invalid_request"),
    ("/v1/accounts/acme/opt-out", {"opted_out": True}, "invalid_request"),
    ("/v1/accounts/acme/overrides?project=mail", {"limit": "contacts"}, "invalid_request"),
    ("/v1/accounts/acme/overrides?project=mail", {"limit": "contacts", "allowed": 1, "remove": True}, "invalid_request"),
    ("/v1/accounts/acme/overrides?project=mail", {"limit": "contacts", "allowed": -1}, "invalid_request"),
    ("/v1/leads/ld_x/outcome", {"status": "superseded"}, "invalid_request"),
    ("/v1/leads/ld_x/outcome", {"status": "won", "amount": "much"}, "invalid_request"),
    ("/v1/leads/ld_x/snooze", {}, "invalid_request"),
    ("/v1/leads/ld_x/snooze", {"until": "2026-06-01T00:00:00"}, "invalid_request"),
    ("/v1/leads/ld_x/owner", {"email": "jo"}, "invalid_request"),
]


def test_an_account_of_no_project_is_told_nothing(api: Api, world: World) -> None:
    end = len(world.records(EVENTS))
    refused = api.post("/v1/accounts/acme/opt-out?project=nobodys", json={"opted_out": True})
    assert (refused.status_code, refused.json()["code"]) == (404, "project_not_found")
    assert len(world.records(EVENTS)) == end


def test_what_cannot_be_meant_is_refused_before_it_is_in_the_log(api: Api, world: World) -> None:
    end = len(world.records(EVENTS))
    for path, body, code in CANNOT_BE_MEANT:
        refused = api.post(path, json=body)
        assert (refused.status_code, refused.json()["code"]) == (422, code), path
    assert len(world.records(EVENTS)) == end


@pytest.mark.usefixtures("_no_waiting")
def test_without_a_detector_the_answer_is_202_and_the_result_is_told_later(api: Api, world: World, lead: str) -> None:
    later = api.post(f"/v1/leads/{lead}/outcome", json={"status": "won"})
    id_ = later.json()["command_id"]
    assert (later.status_code, later.json()) == (202, {"command_id": id_, "status": "accepted", "result": None})
    assert api.get(f"/v1/commands/{id_}").status_code == 404

    world.drain()

    view = api.get(f"/v1/commands/{id_}").json()
    assert view.pop("applied_at") == "2026-05-28T20:26:40.000Z"
    assert view == {
        "command_id": id_,
        "project": "mail",
        "account": "acme",
        "name": "outcome",
        "status": "applied",
        "code": None,
        "message": None,
        "result": {"lead_id": lead, "status": "won", "revision": 2, "changed": True},
    }


@pytest.mark.usefixtures("_no_waiting")
def test_the_same_key_counts_once_also_when_nobody_knew_yet_what_became_of_it(api: Api, world: World, lead: str) -> None:
    key = {"Idempotency-Key": "crm-77"}
    sent = [api.post(f"/v1/leads/{lead}/outcome", json={"status": "opportunity", "amount": 5}, headers=key) for _ in range(2)]
    elsewhere = api.post(f"/v1/leads/{lead}/owner", json={"email": "jo@us.io"}, headers=key)
    world.drain()
    end = len(world.records(EVENTS))
    again = api.post(f"/v1/leads/{lead}/outcome", json={"status": "opportunity", "amount": 5}, headers=key)

    assert len({answer.json()["command_id"] for answer in (*sent, again)}) == 1
    assert elsewhere.json()["command_id"] != again.json()["command_id"]
    assert (again.status_code, again.json()["result"]["revision"]) == (200, 2)
    assert types(world) == ["lead.created", "lead.opportunity", "lead.updated"]
    assert len(world.records(EVENTS)) == end, "what is known is not appended again"


def test_a_key_that_was_used_for_something_else_is_refused(api: Api, world: World, lead: str) -> None:
    key = {"Idempotency-Key": "crm-77"}
    with working(world):
        api.post(f"/v1/leads/{lead}/outcome", json={"status": "accepted"}, headers=key)
        other = api.post(f"/v1/leads/{lead}/outcome", json={"status": "lost"}, headers=key)
    assert (other.status_code, other.json()["code"]) == (409, "idempotency_key_reused")
    assert world.leads() == [("acme", "pql", "accepted")]


def test_without_a_key_the_same_thing_told_twice_is_two_commands(api: Api, world: World, lead: str) -> None:
    with working(world):
        answers = [api.post(f"/v1/leads/{lead}/outcome", json={"status": "accepted"}).json() for _ in range(2)]
    assert [answer["result"]["changed"] for answer in answers] == [True, False]
    assert len({answer["command_id"] for answer in answers}) == 2


def test_a_key_has_1_to_255_characters(api: Api, lead: str) -> None:
    for key in ("", "k" * 256):
        answer = api.post(f"/v1/leads/{lead}/outcome", json={"status": "won"}, headers={"Idempotency-Key": key})
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")


def test_a_log_that_is_down_is_a_503_that_says_when_to_come_again(
    api: Api, world: World, lead: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(world.producer, "append", log_is_down)
    refused = api.post(f"/v1/leads/{lead}/outcome", json={"status": "won"})
    assert (refused.status_code, refused.json()["code"], refused.headers["retry-after"]) == (503, "log_unavailable", "2")


def test_telling_something_needs_an_api_key(api: Api, lead: str) -> None:
    write_key = {"authorization": "Bearer wk_12345678_secret"}
    for path in (
        f"leads/{lead}/outcome",
        f"leads/{lead}/snooze",
        f"leads/{lead}/owner",
        "accounts/a/overrides",
        "accounts/a/opt-out",
    ):
        assert api.post(f"/v1/{path}", json={}, headers=write_key).status_code == 401
    assert api.get("/v1/commands/cmd_1", headers=write_key).status_code == 401
