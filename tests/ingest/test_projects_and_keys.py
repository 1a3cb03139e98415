"""Projects and write keys: over HTTP, in the store (SQLite and PostgreSQL), and in memory."""

import json
import secrets
import threading
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from ingest.core.credential import NewKey, make_key
from ingest.core.project import ProjectSettings
from ingest.keys import KeyRing
from ingest.store import IngestStore, ProjectExistsError, StoredWriteKey, UnknownKeyError, UnknownProjectError
from ingest.tables import metadata
from runtime.database import open_database
from runtime.settings import Settings
from runtime.web import API_BODY_BYTES_MAX
from tests.ingest.served import NOW, Served


def kept(key: NewKey, project: str, **more: Any) -> StoredWriteKey:
    """As the store keeps it: a server key, unless told otherwise."""
    usual: dict[str, Any] = {"trust": "server", "label": "", "created_at": NOW, "revoked_at": None}
    return StoredWriteKey(id=key.id, project=project, sha256=key.sha256, **usual | more)


TRACK = {"type": "track", "userId": "ada", "event": "Sent"}


AS_MADE = {
    "created_at": "2026-09-21T14:13:20.000Z", "cloudevents_subject": "account", "posthog_group": None, "keep_addresses": False,
    "event_bytes_max": 262_144,
    "properties": None, "traits": None,
}  # fmt: skip


def bearer(served: Served) -> dict[str, str]:
    return {"authorization": f"Bearer {served.api_key.text}"}


async def test_a_project_and_a_key_are_made_and_the_key_sends_at_once(served: Served) -> None:
    client, headers = served.client, bearer(served)
    made = await client.post("/v1/projects", json={"name": "clip-cast"}, headers=headers)
    assert (made.status_code, made.json()) == (201, {"name": "clip-cast", **AS_MADE})
    answer = await client.post("/v1/keys", json={"project": "clip-cast", "trust": "browser", "label": "site"}, headers=headers)
    key = answer.json()
    assert answer.status_code == 201
    assert key["key"].startswith(f"wk_{key['id']}_")
    assert (key["project"], key["trust"], key["label"], key["revoked_at"]) == ("clip-cast", "browser", "site", None)
    assert (await served.post("track", TRACK, key=key["key"])).status_code == 200
    assert [event.project for event in served.usage_events()] == ["clip-cast"]


async def test_a_key_may_import_only_if_it_was_made_so(served: Served) -> None:
    for wanted, may in (({}, False), ({"may_import": True}, True)):
        made = (await served.client.post("/v1/keys", json={"project": "acme", **wanted}, headers=bearer(served))).json()
        listed = (await served.client.get("/v1/keys", headers=bearer(served))).json()["data"]
        assert made["may_import"] is may
        assert [row["may_import"] for row in listed if row["id"] == made["id"]] == [may]


async def test_a_key_is_good_until_it_expires(served: Served) -> None:
    wanted = {"project": "acme", "expires_in_s": 60}
    made = (await served.client.post("/v1/keys", json=wanted, headers=bearer(served))).json()
    assert made["expires_at"] == "2026-09-21T14:14:20.000Z"
    served.now += 59_999
    assert (await served.post("track", TRACK, key=made["key"])).status_code == 200
    served.now += 1
    refused = await served.post("track", TRACK, key=made["key"])
    assert (refused.status_code, refused.json()["code"]) == (401, "expired_key")


async def test_a_key_is_rotated_while_its_clients_change(served: Served) -> None:
    old, key_id = served.key, served.key.split("_")[1]
    answer = await served.client.post(f"/v1/keys/{key_id}/rotate", json={"overlap_s": 3600}, headers=bearer(served))
    assert answer.status_code == 201
    made = answer.json()
    assert (made["project"], made["trust"], made["expires_at"]) == ("acme", "server", None)
    for key in (old, made["key"]):
        assert (await served.post("track", TRACK, key=key)).status_code == 200
    served.now += 3_600_000
    assert (await served.post("track", TRACK, key=old)).json()["code"] == "expired_key"
    assert (await served.post("track", TRACK, key=made["key"])).status_code == 200
    again = await served.client.post(f"/v1/keys/{key_id}/rotate", headers=bearer(served))
    assert (again.status_code, again.json()["code"]) == (404, "unknown_key")
    other = served.other_key.split("_")[1]
    assert (await served.client.post(f"/v1/keys/{other}/rotate", headers=bearer(served))).status_code == 201


async def test_settings_of_a_project_count_at_once(served: Served) -> None:
    change = {"keep_addresses": True, "properties": ["n"], "traits": []}
    answer = await served.client.patch("/v1/projects/acme", json=change, headers=bearer(served))
    assert answer.json() == {"name": "acme", **AS_MADE, **change}
    event = {**TRACK, "properties": {"n": 1, "secret": 2}, "context": {"ip": "::1", "traits": {"email": "a@b.de"}}}
    await served.post("track", event)
    (got,) = served.usage_events()
    assert (bytes(got.properties), bytes(got.traits)) == (b'{"n":1}', b"{}")
    assert json.loads(bytes(got.context)) == {"ip": "::1"}
    cleared = await served.client.patch("/v1/projects/acme", json={"properties": None}, headers=bearer(served))
    assert (cleared.json()["properties"], cleared.json()["traits"]) == (None, [])


async def test_lists_show_no_secret(served: Served) -> None:
    assert (await served.client.get("/v1/projects", headers=bearer(served))).json() == {
        "data": [{"name": "acme", **AS_MADE}],
        "next": None,
    }
    answer = (await served.client.get("/v1/keys?project=acme", headers=bearer(served))).json()
    assert {key["id"] for key in answer["data"]} == {
        key.split("_")[1] for key in (served.key, served.other_key, served.browser_key, served.import_key)
    }
    assert "sha256" not in answer["data"][0]
    assert "key" not in answer["data"][0]
    assert (await served.client.get("/v1/keys?project=other", headers=bearer(served))).json()["data"] == []


async def test_a_revoked_key_is_refused_at_once_and_revoking_again_changes_nothing(served: Served) -> None:
    key_id = served.key.split("_")[1]
    revoked = (await served.client.delete(f"/v1/keys/{key_id}", headers=bearer(served))).json()
    assert revoked["revoked_at"] == "2026-09-21T14:13:20.000Z"
    assert (await served.post("track", TRACK)).json()["code"] == "revoked_key"
    served.now += 1_000
    assert (await served.client.delete(f"/v1/keys/{key_id}", headers=bearer(served))).json() == revoked


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "code"),
    [
        ("POST", "/v1/projects", {"name": "acme"}, 409, "project_exists"),
        ("POST", "/v1/projects", {"name": "Acme Mail"}, 422, "invalid_project_name"),
        ("POST", "/v1/projects", {"name": "a--b"}, 422, "invalid_project_name"),
        ("POST", "/v1/projects", {"name": "a" * 65}, 422, "invalid_project_name"),
        ("POST", "/v1/projects", {"name": "a\n"}, 422, "invalid_project_name"),
        ("POST", "/v1/projects", {}, 422, "invalid_request"),
        ("POST", "/v1/projects", {"name": "b", "plan": "free"}, 422, "invalid_request"),
        ("POST", "/v1/keys", {"project": "nobody"}, 404, "project_not_found"),
        ("POST", "/v1/keys", {"project": "acme", "trust": "full"}, 422, "invalid_request"),
        ("POST", "/v1/keys", {"project": "acme", "label": "a\0b"}, 422, "invalid_request"),
        ("POST", "/v1/keys", {"project": "acme", "trust": "browser", "may_import": True}, 422, "browser_key_may_not_import"),
        ("POST", "/v1/keys", {"project": "\ud800"}, 422, "invalid_request"),
        ("POST", "/v1/keys", {"project": "a\0"}, 422, "invalid_request"),
        ("POST", "/v1/keys", {"\ud800": 1}, 422, "invalid_request"),
        ("GET", "/v1/keys?project=%00", None, 422, "invalid_request"),
        ("DELETE", "/v1/keys/%00", None, 422, "invalid_request"),
        ("PATCH", "/v1/projects/nobody", {"keep_addresses": True}, 404, "project_not_found"),
        ("PATCH", "/v1/projects/acme", {"keep_address": True}, 422, "invalid_request"),
        ("PATCH", "/v1/projects/acme", {"cloudevents_subject": "house"}, 422, "invalid_request"),
        ("POST", "/v1/keys", {"project": "acme", "expires_in_s": 0}, 422, "invalid_request"),
        ("PATCH", "/v1/projects/acme", {"keep_addresses": 0}, 422, "invalid_request"),
        ("PATCH", "/v1/projects/acme", {"event_bytes_max": 768 * 1024 + 1}, 422, "invalid_request"),
        ("POST", "/v1/keys", {"project": "acme", "events_per_s": 0}, 422, "invalid_request"),
        ("POST", "/v1/keys", {"project": "acme", "events_per_s": True}, 422, "invalid_request"),
        ("POST", "/v1/keys", {"project": "acme", "events_per_s": "5"}, 422, "invalid_request"),
        ("POST", "/v1/keys", {"project": "acme", "events_per_s": 1.5}, 422, "invalid_request"),
        ("POST", "/v1/keys/none/rotate", {}, 404, "unknown_key"),
        ("DELETE", "/v1/keys/%ED%A0%80", None, 404, "unknown_key"),
        ("DELETE", "/v1/keys/nothing", None, 404, "unknown_key"),
    ],
)
async def test_what_cannot_be_done_says_why(  # noqa: PLR0917 - a row of the table above
    served: Served, method: str, path: str, body: object, status: int, code: str
) -> None:
    headers = {**bearer(served), "content-type": "application/json"}
    response = await served.client.request(method, path, content=json.dumps(body).encode(), headers=headers)
    assert (response.status_code, response.json()["code"]) == (status, code)
    assert response.json()["message"]


async def test_a_body_without_its_content_type_is_told_to_say_it(served: Served) -> None:
    response = await served.client.post("/v1/projects", content=b'{"name":"b"}', headers=bearer(served))
    assert response.status_code == 422
    assert "Content-Type: application/json" in response.json()["message"]


async def test_what_is_not_there_says_where_to_look_and_which_method_to_use(served: Served) -> None:
    assert "/openapi.json" in (await served.client.get("/v1/nothing")).json()["message"]
    response = await served.client.get("/v1/batch")
    assert (response.status_code, response.headers["allow"]) == (405, "POST")
    assert response.json()["message"] == "GET is not answered here: use POST."


async def test_a_huge_body_from_nobody_is_refused_before_it_is_read_whole(served: Served) -> None:
    read = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal read
        while True:
            read += 65_536
            yield b" " * 65_536

    response = await served.client.post("/v1/projects", content=endless(), headers={"content-type": "application/json"})
    assert (response.status_code, response.json()["code"]) == (413, "request_too_big")
    assert read <= API_BODY_BYTES_MAX + 65_536


@pytest.mark.parametrize("authorization", [None, "Bearer ak_aaaaaaaa_wrong", "Basic abc"])
async def test_administration_needs_an_api_key_and_a_write_key_is_none(served: Served, authorization: str | None) -> None:
    for value in (authorization, f"Bearer {served.key}"):
        headers = {"authorization": value} if value else {}
        for method, path in (("GET", "/v1/projects"), ("POST", "/v1/keys"), ("DELETE", "/v1/keys/x")):
            response = await served.client.request(method, path, headers=headers)
            assert (response.status_code, response.json()["code"]) == (401, "unauthorized")


@pytest.fixture(params=["sqlite", "postgres"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[IngestStore]:
    url = request.getfixturevalue("postgres") if request.param == "postgres" else None
    engine = open_database(Settings(data=tmp_path, kafka="x" if url else None, database_url=url), "ingest")
    metadata.create_all(engine)
    yield IngestStore(engine)
    engine.dispose()


def test_the_store_keeps_projects_and_keys(store: IngestStore) -> None:
    store.create_project("b", NOW)
    store.create_project("a", NOW + 1)
    assert [(project.name, project.created_at) for project in store.projects()] == [("a", NOW + 1), ("b", NOW)]
    with pytest.raises(ProjectExistsError):
        store.create_project("a", NOW)
    key = make_key("wk", secrets.choice)
    stored = store.create_write_key(kept(key, "a", trust="browser", label="site"))
    assert store.write_keys() == store.write_keys("a") == [stored]
    assert store.write_keys("b") == []
    history = store.create_write_key(
        kept(make_key("wk", secrets.choice), "b", may_import=True, expires_at=NOW + 9, events_per_s=5)
    )
    assert [(stored.may_import, history.may_import), store.write_keys("b")] == [(False, True), [history]]
    with pytest.raises(UnknownProjectError):
        store.create_write_key(kept(make_key("wk", secrets.choice), "c"))
    assert store.revoke_write_key(key.id, NOW + 5).revoked_at == NOW + 5
    assert store.revoke_write_key(key.id, NOW + 9).revoked_at == NOW + 5
    with pytest.raises(UnknownKeyError):
        store.revoke_write_key("none", NOW)


def test_api_keys_are_known_until_they_are_revoked(store: IngestStore) -> None:
    key = make_key("ak", secrets.choice)
    stored = store.create_api_key("first", key, NOW)
    ring = KeyRing(store, lambda: NOW)
    assert not ring.api_key(key.text)
    ring.refresh()
    assert ring.api_key(key.text)
    assert not ring.api_key(key.text + "x")
    assert not ring.api_key("ak_" + key.id)
    assert store.api_keys() == [stored]
    store.revoke_api_key(key.id, NOW)
    ring.refresh()
    assert not ring.api_key(key.text)
    with pytest.raises(UnknownKeyError):
        store.revoke_api_key("none", NOW)


def test_a_key_that_takes_anothers_place_is_like_it(store: IngestStore) -> None:
    store.create_project("a", NOW)
    old = store.create_write_key(kept(make_key("wk", secrets.choice), "a", label="site", events_per_s=5))
    fresh = make_key("wk", secrets.choice)
    made = store.rotate_write_key(old.id, fresh, NOW + 5, NOW + 100)
    assert made == replace(old, id=fresh.id, sha256=fresh.sha256, created_at=NOW + 5)
    assert store.write_keys() == [replace(old, expires_at=NOW + 100), made]
    assert store.rotate_write_key(old.id, make_key("wk", secrets.choice), NOW + 50, NOW + 500).expires_at is None
    assert store.write_keys()[0].expires_at == NOW + 100, "it does not live longer for it"
    with pytest.raises(UnknownKeyError):
        store.rotate_write_key(old.id, fresh, NOW + 100, NOW + 500)
    with pytest.raises(UnknownKeyError):
        store.rotate_write_key("none", fresh, NOW, NOW + 500)


def test_the_store_keeps_a_projects_settings(store: IngestStore) -> None:
    store.create_project("a", NOW)
    assert store.set_project("a", {"posthog_group": "team"}).settings == ProjectSettings(posthog_group="team")
    both = ProjectSettings(posthog_group="team", properties=frozenset({"x"}))
    assert store.set_project("a", {"properties": frozenset({"x"})}).settings == both
    assert [project.settings for project in store.projects()] == [both]
    with pytest.raises(UnknownProjectError):
        store.set_project("none", {})


def test_a_process_that_starts_while_the_database_is_away_knows_the_keys_of_before(store: IngestStore, tmp_path: Path) -> None:
    copy = tmp_path / "known.json"
    key = make_key("wk", secrets.choice)
    assert not KeyRing(store, lambda: NOW, copy).remember()
    store.create_project("a", NOW)
    store.set_project("a", {"keep_addresses": True})
    store.create_write_key(kept(key, "a"))
    KeyRing(store, lambda: NOW, copy).refresh()
    assert copy.stat().st_mode & 0o777 == 0o600
    assert key.text.split("_")[2] not in copy.read_text()
    ring = KeyRing(store, lambda: NOW, copy)
    assert ring.remember()
    found = ring.write_key(key.text)
    assert found is not None
    assert (found.project, ring.settings("a").keep_addresses, ring.settings("b")) == ("a", True, ProjectSettings())
    copy.write_text("{")
    assert not KeyRing(store, lambda: NOW, copy).remember()


def test_what_was_read_before_a_key_was_made_does_not_hide_it(store: IngestStore, monkeypatch: pytest.MonkeyPatch) -> None:
    store.create_project("acme-mail", NOW)
    ring, key = KeyRing(store, lambda: NOW), make_key("wk", secrets.choice)
    began, go_on, api_keys = threading.Event(), threading.Event(), store.api_keys

    def slow() -> Any:  # after the write keys were read
        if not began.is_set():
            began.set()
            go_on.wait(10)
        return api_keys()

    monkeypatch.setattr(store, "api_keys", slow)
    early, late = threading.Thread(target=ring.refresh), threading.Thread(target=ring.refresh)
    early.start()
    began.wait(10)
    store.create_write_key(kept(key, "acme-mail"))
    late.start()
    late.join(0.2)  # long enough for one that waits for nobody
    go_on.set()
    for each in (early, late):
        each.join(10)
    assert ring.write_key(key.text) is not None


async def test_known_keys_go_on_working_when_the_database_is_gone(served: Served) -> None:
    with served.engine.begin() as tx:
        tx.exec_driver_sql("DROP TABLE write_keys")
    with pytest.raises(sa.exc.OperationalError):
        served.keys.refresh()
    assert (await served.post("track", TRACK)).status_code == 200


def test_a_key_is_its_prefix_id_and_secret() -> None:
    key = make_key("wk", secrets.choice)
    prefix, key_id, secret = key.text.split("_")
    assert (prefix, key_id, len(key_id), len(secret)) == ("wk", key.id, 8, 32)
    assert key.text not in repr(key.sha256)


async def test_what_a_path_is_not_asked_for_is_told_all_that_it_is(served: Served) -> None:
    response = await served.client.put("/v1/projects", headers=bearer(served))
    assert (response.status_code, response.headers["allow"]) == (405, "GET, POST")
    assert "use GET, POST" in response.json()["message"]
