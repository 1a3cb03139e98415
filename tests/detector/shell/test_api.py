"""The API tells what the detector stored, with errors that say what to do, as its OpenAPI document says."""

from typing import Any

import pytest

from contracts.messages import EVENTS, UNATTRIBUTED
from eventlog.port import LogError
from tests.detector.shell.api import Api
from tests.detector.shell.samples import MINUTE, usage_event
from tests.detector.shell.world import RULEBOOK, World

CRM = RULEBOOK.replace("project: mail", "project: crm")


def people_use(world: World, *accounts: str) -> None:
    """Each account's Ada brings it to 487 of 500 contacts, a minute after the one before."""
    for account in accounts:
        world.now += MINUTE
        world.send(
            usage_event(f"g-{account}", "group", person="ada", account=account, at=world.now, traits={"name": account.title()}),
            usage_event(f"i-{account}", "identify", person="ada", account=account, at=world.now, traits={"email": "ada@acme.io"}),
            usage_event(
                f"m-{account}",
                name="Contact Count Changed",
                person="ada",
                account=account,
                at=world.now,
                properties={"total": 487},
            ),
        )
    world.drain()


def test_without_an_api_key_nothing_is_told(api: Api) -> None:
    answer = api.get("/v1/leads", headers={"authorization": "Bearer wk_12345678_secret"})

    assert (answer.status_code, answer.json()["code"]) == (401, "unauthorized")


def test_leads_are_paged_in_a_stable_order_and_filtered(api: Api, world: World) -> None:
    people_use(world, "acme", "bolt", "cork")

    first = api.get("/v1/leads", params={"limit": 2}).json()
    second = api.get("/v1/leads", params={"limit": 2, "cursor": first["next"]}).json()

    assert sorted(lead["account"]["name"] for lead in first["data"] + second["data"]) == ["Acme", "Bolt", "Cork"]
    assert second["next"] is None
    places = [(lead["stored_at"], lead["lead_id"]) for lead in first["data"] + second["data"]]
    assert places == sorted(places)
    since = places[0][0]
    later = api.get("/v1/leads", params={"updated_since": since, "project": "mail", "status": "open"}).json()["data"]
    assert later == first["data"] + second["data"]
    after = api.get("/v1/leads", params={"updated_since": since.replace("Z", "9Z")}).json()["data"]
    assert [lead["stored_at"] for lead in after] == [at for at, _ in places if at > since]
    assert api.get("/v1/leads", params={"status": "won"}).json() == {"data": [], "next": None}


def test_a_lead_comes_with_its_evidence_and_its_life(api: Api, world: World) -> None:
    people_use(world, "acme")
    (row,) = api.get("/v1/leads").json()["data"]

    lead = api.get(f"/v1/leads/{row['lead_id']}").json()

    assert lead["summary"].startswith("Acme has used 487 of 500 contacts")
    assert [entry["rule"] for entry in lead["evidence"]] == ["limit/contacts"]
    assert [(event["type"], event["revision"], event["status"]) for event in lead["events"]] == [("lead.created", 1, "open")]
    assert lead["people"][0]["email"] == "ada@acme.io"
    assert {name: lead[name] for name in row} == row


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1/leads/ld_%00"),
        ("GET", "/v1/leads?project=a%00"),
        ("GET", "/v1/leads?cursor=1.%00"),
        ("GET", "/v1/accounts/a%00?project=mail"),
        ("GET", "/v1/accounts/acme?project=%00"),
        ("GET", "/v1/rulebooks?project=%00"),
        ("GET", "/v1/deadletters?code=%00"),
        ("GET", "/v1/deadletters/%00"),
        ("GET", "/v1/commands/%00"),
        ("POST", "/v1/leads/ld_%00/outcome"),
        ("POST", "/v1/accounts/a%00b/opt-out?project=mail"),
    ],
)
def test_an_address_with_a_nul_is_refused_and_no_database_is_asked(api: Api, method: str, path: str) -> None:
    answer = api.get(path) if method == "GET" else api.post(path, json={"status": "won"})

    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")
    assert "NUL" in answer.json()["message"]


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ({"updated_since": "yesterday"}, "invalid_time"),
        ({"cursor": "xyz"}, "invalid_cursor"),
        ({"cursor": "9" * 20 + ".ld_1"}, "invalid_cursor"),
        ({"cursor": "9" * 5000 + ".ld_1"}, "invalid_cursor"),
        ({"status": "opne"}, "invalid_request"),
        ({"limit": 0}, "invalid_request"),
    ],
)
def test_a_query_that_cannot_be_read_is_refused(api: Api, query: dict[str, Any], code: str) -> None:
    answer = api.get("/v1/leads", params=query)

    assert (answer.status_code, answer.json()["code"]) == (422, code)


def test_a_status_that_does_not_exist_is_refused_with_those_that_do(api: Api) -> None:
    answer = api.get("/v1/leads", params={"status": "opne"})

    assert all(status in answer.text for status in ("status", "open", "won", "retracted"))


@pytest.mark.parametrize("digits", [19, 20, 5000])
def test_a_cursor_beyond_every_number_is_refused(api: Api, digits: int) -> None:
    answer = api.get("/v1/deadletters", params={"cursor": "9" * digits})

    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_cursor")


@pytest.mark.parametrize("path", ["leads/ld_x", "deadletters/dead_x", "accounts/x?project=mail", "accounts/x?project=no"])
def test_what_is_not_there_is_a_404_that_says_where_to_look(api: Api, path: str) -> None:
    answer = api.get(f"/v1/{path}")

    assert answer.status_code == 404
    assert answer.json()["code"].endswith("_not_found")


def test_an_account_shows_plan_usage_onboarding_people_and_leads(api: Api, world: World) -> None:
    people_use(world, "acme/eu")

    account = api.get("/v1/accounts/acme/eu", params={"project": "mail"}).json()

    assert (account["name"], account["plan"], account["stage"]) == ("Acme/Eu", "free", "free")
    (contacts,) = [limit for limit in account["usage"] if limit["limit"] == "contacts"]
    assert (contacts["used"], contacts["allowed"]) == (487, 500)
    assert account["onboarding"]["of"] == 3
    assert [person["email"] for person in account["people"]] == ["ada@acme.io"]
    assert [lead["lead_type"] for lead in account["leads"]] == ["pql"]


def test_a_rulebook_is_numbered_stored_and_switched_to_in_every_partition(api: Api, world: World) -> None:
    answer = api.post("/v1/rulebooks", json={"body": CRM})
    repeated = api.post("/v1/rulebooks", content=CRM, headers={"content-type": "application/yaml"})
    changed = api.post("/v1/rulebooks", content=CRM.replace("contacts: 500", "contacts: 400"))
    world.drain()

    assert [a.status_code for a in (answer, repeated, changed)] == [200, 200, 200]
    assert [a.json()["version"] for a in (answer, repeated, changed)] == [1, 1, 2]
    assert world.store.rulebooks.adoption(EVENTS)["crm"] == world.store.rulebooks.adoption(UNATTRIBUTED)["crm"] == {0: 2}
    listed = api.get("/v1/rulebooks", params={"project": "crm"}).json()["data"]
    assert [row["version"] for row in listed] == [2, 1]


def test_a_rulebook_with_a_mistake_is_refused_with_every_problem_and_its_place(api: Api, world: World) -> None:
    answer = api.post("/v1/rulebooks", json={"body": CRM.replace("no_plan: free", "no_plan: fre")})

    body = answer.json()
    assert (answer.status_code, body["code"]) == (422, "invalid_rulebook")
    assert [problem["line"] > 1 and bool(problem["do"]) for problem in body["problems"]] == [True]
    assert world.store.rulebooks.newest("crm") is None


@pytest.mark.parametrize(
    ("sent", "status", "code"),
    [
        ({"json": {"text": "x"}}, 422, "invalid_request"),
        ({"json": {"body": CRM, "project": "mail"}}, 422, "another_project"),
        ({"content": b"\xff"}, 422, "invalid_request"),
        ({"content": b"a" * (1024 * 1024 + 1)}, 413, "too_large"),
    ],
)
def test_what_is_no_rulebook_at_all_is_refused(api: Api, sent: dict[str, Any], status: int, code: str) -> None:
    answer = api.post("/v1/rulebooks", **sent)

    assert (answer.status_code, answer.json()["code"]) == (status, code)


def test_a_rulebook_of_a_project_that_is_not_there_says_how_to_make_it(api: Api, world: World) -> None:
    answer = api.post("/v1/rulebooks", json={"body": CRM.replace("project: crm", "project: nobodys")})

    assert (answer.status_code, answer.json()["code"]) == (404, "project_not_found")
    assert "handraiser projects create nobodys" in answer.json()["message"]
    assert world.store.rulebooks.newest("nobodys") is None


def test_a_log_that_is_down_leaves_a_rulebook_that_can_be_sent_again(
    api: Api, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def down(*_: object) -> None:
        raise LogError("down, says the test")

    with monkeypatch.context() as away:
        away.setattr(world.producer, "append", down)
        refused = api.post("/v1/rulebooks", json={"body": CRM})
    again = api.post("/v1/rulebooks", json={"body": CRM})

    assert (refused.status_code, refused.json()["code"], refused.headers["retry-after"]) == (503, "log_unavailable", "2")
    assert again.json()["version"] == 1


def test_dead_letters_are_listed_newest_first_and_shown_whole(api: Api, world: World) -> None:
    world.send(*[usage_event(f"m{n}", person="ada") for n in range(3)])
    world.drain()

    first = api.get("/v1/deadletters", params={"limit": 2, "code": "no_account"}).json()
    second = api.get("/v1/deadletters", params={"limit": 2, "cursor": first["next"]}).json()
    whole = api.get(f"/v1/deadletters/{second['data'][0]['id']}").json()

    assert (len(first["data"]), len(second["data"]), second["next"]) == (2, 1, None)
    assert '"id":"m0"' in whole["body"]
    assert whole["received_at"] == "2026-05-28T20:26:40.000Z"


def test_the_openapi_document_knows_every_field_that_is_answered(api: Api, world: World) -> None:
    people_use(world, "acme")
    document = api.get("/openapi.json").json()

    for path, answered in [
        ("/v1/leads", api.get("/v1/leads").json()["data"][0]),
        ("/v1/leads/{lead_id}", api.get("/v1/leads/" + api.get("/v1/leads").json()["data"][0]["lead_id"]).json()),
        ("/v1/accounts/{external_id}", api.get("/v1/accounts/acme?project=mail").json()),
    ]:
        schema = document["paths"][path]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
        model = document["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]]
        if path == "/v1/leads":
            model = document["components"]["schemas"]["Lead"]
        assert set(answered) == set(model["properties"]), path
    assert "application/yaml" in document["paths"]["/v1/rulebooks"]["post"]["requestBody"]["content"]
