"""Projects and write keys: over HTTP, in the store (SQLite and PostgreSQL), and in memory."""

import json
import secrets
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from ingest.core.credential import make_key
from ingest.keys import KeyRing
from ingest.store import IngestStore, ProjectExistsError, UnknownKeyError, UnknownProjectError
from ingest.tables import metadata
from runtime.database import open_database
from runtime.settings import Settings
from runtime.web import API_BODY_BYTES_MAX
from tests.ingest.served import NOW, Served

TRACK = {"type": "track", "userId": "ada", "event": "Sent"}


def bearer(served: Served) -> dict[str, str]:
    return {"authorization": f"Bearer {served.api_key.text}"}


async def test_a_project_and_a_key_are_made_and_the_key_sends_at_once(served: Served) -> None:
    client, headers = served.client, bearer(served)
    made = await client.post("/v1/projects", json={"name": "clip-cast"}, headers=headers)
    assert (made.status_code, made.json()) == (201, {"name": "clip-cast", "created_at": "2026-09-21T14:13:20.000Z"})
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


async def test_lists_show_no_secret(served: Served) -> None:
    assert (await served.client.get("/v1/projects", headers=bearer(served))).json() == {
        "data": [{"name": "acme", "created_at": "2026-09-21T14:13:20.000Z"}],
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
        ("POST", "/v1/keys", {"project": "nobody"}, 404, "unknown_project"),
        ("POST", "/v1/keys", {"project": "acme", "trust": "full"}, 422, "invalid_request"),
        ("POST", "/v1/keys", {"project": "acme", "label": "a\0b"}, 422, "invalid_request"),
        ("POST", "/v1/keys", {"project": "acme", "trust": "browser", "may_import": True}, 422, "browser_key_may_not_import"),
        ("POST", "/v1/keys", {"project": "\ud800"}, 422, "invalid_request"),
        ("POST", "/v1/keys", {"project": "a\0"}, 422, "invalid_request"),
        ("POST", "/v1/keys", {"\ud800": 1}, 422, "invalid_request"),
        ("GET", "/v1/keys?project=%00", None, 422, "invalid_request"),
        ("DELETE", "/v1/keys/%00", None, 422, "invalid_request"),
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
    stored = store.create_write_key("a", "browser", "site", key, NOW)
    assert store.write_keys() == store.write_keys("a") == [stored]
    assert store.write_keys("b") == []
    history = store.create_write_key("b", "server", "", make_key("wk", secrets.choice), NOW, may_import=True)
    assert [(stored.may_import, history.may_import), store.write_keys("b")] == [(False, True), [history]]
    with pytest.raises(UnknownProjectError):
        store.create_write_key("c", "server", "", make_key("wk", secrets.choice), NOW)
    assert store.revoke_write_key(key.id, NOW + 5).revoked_at == NOW + 5
    assert store.revoke_write_key(key.id, NOW + 9).revoked_at == NOW + 5
    with pytest.raises(UnknownKeyError):
        store.revoke_write_key("none", NOW)


def test_api_keys_are_known_until_they_are_revoked(store: IngestStore) -> None:
    key = make_key("ak", secrets.choice)
    stored = store.create_api_key("first", key, NOW)
    ring = KeyRing(store)
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
