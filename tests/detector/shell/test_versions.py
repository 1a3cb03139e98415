"""What the API says of a rulebook's versions, of its schema, and of the events that arrive."""

from detector.core.rulebook.schema import schema
from detector.rulebooks import bases
from tests.detector.shell.api import Api
from tests.detector.shell.samples import contacts, usage_event
from tests.detector.shell.world import RULEBOOK, World


def test_a_version_can_be_read_again_and_applied_again(api: Api, world: World) -> None:
    second = RULEBOOK.replace("contacts: 500", "contacts: 400")
    assert api.post("/v1/rulebooks", content=second).json()["version"] == 2
    first = api.get("/v1/rulebooks/1", params={"project": "mail"}).json()
    assert (first["version"], first["body"]) == (1, RULEBOOK)
    assert "use:" not in first["resolved"]

    assert api.post("/v1/rulebooks", content=first["body"]).json()["version"] == 3
    world.drain()
    again = api.get("/v1/rulebooks/3", params={"project": "mail"}).json()
    assert (again["body"], again["sha256"]) == (first["body"], first["sha256"])
    world.send(contacts("m1", 400))
    world.drain()
    assert [event.rulebook_version for event in world.sent()] == [3], "80 % of 500, by the rulebook of before"


def test_a_version_that_is_not_there_is_404(api: Api) -> None:
    for version, project in ((2, "mail"), (1, "nobody")):
        answer = api.get(f"/v1/rulebooks/{version}", params={"project": project})
        assert (answer.status_code, answer.json()["code"]) == (404, "rulebook_not_found")
    assert api.get("/v1/rulebooks/0", params={"project": "mail"}).status_code == 422
    assert api.get(f"/v1/rulebooks/{2**31}", params={"project": "mail"}).status_code == 422


def test_each_version_says_which_partitions_judge_by_it(api: Api, world: World) -> None:
    world.drain()
    api.post("/v1/rulebooks", content=RULEBOOK.replace("contacts: 500", "contacts: 400"))

    def standing() -> list[tuple[int, list[int], int]]:
        rows = api.get("/v1/rulebooks", params={"project": "mail"}).json()["data"]
        return [(row["version"], row["adopted_by"], row["partitions"]) for row in rows]

    assert standing() == [(2, [], 1), (1, [0], 1)], "the switch is in the log, and nobody has read it"
    world.drain()
    assert standing() == [(2, [0], 1), (1, [], 1)]


def test_the_schema_is_for_everybody(api: Api) -> None:
    answer = api.get("/v1/rulebooks/schema.json", headers={"authorization": ""})
    assert (answer.status_code, answer.json()) == (200, schema(bases()))
    assert api.get("/v1/rulebooks", headers={"authorization": ""}).status_code == 401


def test_which_events_arrive_and_what_they_might_be(api: Api, world: World) -> None:
    world.send(
        contacts("m1", 1),
        usage_event("m2", name="contacts_imported", person="ada", account="acme"),
        usage_event("m3", name="Help Read", account="acme"),
        usage_event("m4", "group", account="acme"),
    )
    world.drain()
    answer = api.get("/v1/event-names", params={"project": "mail"}).json()
    rows = {(row["type"], row["name"]): (row["count"], row["mapped"], row["suggestion"]) for row in answer["data"]}
    assert rows == {
        ("track", "Contact Count Changed"): (1, True, None),
        ("track", "contacts_imported"): (1, False, "imported"),
        ("track", "Help Read"): (1, False, None),
        ("group", None): (1, True, None),
    }
    assert answer["other"] == 0
    assert [(each["rule"], each["never_arrived"]) for each in answer["waiting"]] == [
        ("limit/emails", ["Email Sent", "Send Refused"]),
        ("onboarded", ["Signed Up"]),
        ("onboarded", ["Contacts Imported", "contact_list_uploaded"]),
        ("onboarded", ["Campaign Sent"]),
        ("premium", ["Automation Opened", "Automation Paywall Seen", "AB Test Opened"]),
        ("trial-ends", ["Signed Up"]),
        ("trial-ends", ["Contacts Imported", "contact_list_uploaded"]),
        ("trial-ends", ["Campaign Sent"]),
        ("upgrade-request", ["Upgrade Clicked", "Support Ticket Opened"]),
        ("sales-request", ["Demo Requested", "Contact Sales Submitted"]),
    ]


def test_a_project_of_which_nothing_is_known(api: Api) -> None:
    assert api.get("/v1/event-names", params={"project": "new"}).json() == {"data": [], "other": 0, "waiting": []}
    assert api.get("/v1/event-names").status_code == 422
