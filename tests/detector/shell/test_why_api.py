"""The API says why an account is no lead, lists accounts by id, and finds those that are nearest to qualifying."""

from typing import Any

import pytest

from detector import near_misses
from tests.detector.shell.api import Api
from tests.detector.shell.samples import MINUTE, contacts, usage_event
from tests.detector.shell.world import World


def why(api: Api, account: str, **query: str) -> Any:
    answer = api.get(f"/v1/accounts/{account}/why", params={"project": "mail", **query})
    assert answer.status_code == 200, answer.text
    return answer.json()


def near(api: Api, **query: Any) -> Any:
    answer = api.get("/v1/near-misses", params={"project": "mail", **query})
    assert answer.status_code == 200, answer.text
    return answer.json()


def rule_of(found: Any, name: str) -> Any:
    return next(rule for rule in found["rules"] if rule["rule"] == name)


def counts(world: World, **totals: int) -> None:
    """Of accounts, a minute after one another."""
    for account, total in totals.items():
        world.now += MINUTE
        world.send(contacts(f"m-{account}-{total}", total, account=account, at=world.now))
    world.drain()


def test_an_account_that_is_no_lead_says_what_it_lacks(api: Api, world: World) -> None:
    counts(world, bolt=212)
    found = why(api, "bolt")
    assert (found["account"]["external_id"], found["account"]["plan"], found["leads"]) == ("bolt", "free", [])
    assert found["rulebook_version"] == 1
    limit = rule_of(found, "limit/contacts")
    assert (limit["stand"], limit["holds"]) == ("misses", False)
    assert limit["needs"] == "212 of 500 contacts (42.4 %): 188 more to the 80 % step"
    assert (limit["limit"]["left"], limit["limit"]["next_step"]["more"]) == (288, 188)
    assert limit["parts"][0]["message_ids"] == ["m-bolt-212"]
    emails = rule_of(found, "limit/emails")
    assert (emails["stand"], emails["asleep"]) == ("asleep", ["`Email Sent` has never arrived, nor `Send Refused`. Renamed?"])
    assert found["rules"][-1]["stand"] == "asleep"
    onboarded = rule_of(found, "onboarded")
    assert [(part["text"], part["missing"]) for part in onboarded["parts"]] == [
        ("onboarding.done", True),
        ("active_days >= 3", True),
    ]
    assert found["score"]["total"] == 0


def test_one_that_is_a_lead_says_since_when_and_in_which(api: Api, world: World) -> None:
    counts(world, acme=480)
    (lead,) = api.get("/v1/leads").json()["data"]
    found = why(api, "acme", rule="limit")
    assert [rule["rule"] for rule in found["rules"]] == ["limit/contacts", "limit/emails"]
    limit = rule_of(found, "limit/contacts")
    assert (limit["stand"], limit["limit"]["step"], limit["signalled"]["lead_id"]) == ("holds", "80%", lead["lead_id"])
    assert [silence["because"] for silence in limit["silences"]] == ["cooldown"]
    assert [(each["lead_id"], each["status"]) for each in found["leads"]] == [(lead["lead_id"], "open")]
    assert found["score"]["contributions"][0]["points"] == 20


def test_an_account_with_slashes_in_its_id_is_asked_too(api: Api, world: World) -> None:
    counts(world, **{"acme/eu": 10})
    assert why(api, "acme%2Feu")["account"]["external_id"] == "acme/eu"
    assert api.get("/v1/accounts/acme/eu", params={"project": "mail"}).json()["external_id"] == "acme/eu"


def test_an_id_that_ends_like_a_route_is_told_from_it_by_its_slash_that_is_sent_encoded(api: Api, world: World) -> None:
    counts(world, **{"acme": 1, "acme/why": 2, "acme/why/why": 3, "50%2Foff": 4, "ü/b": 5})

    def asked(path: str) -> Any:
        answer = api.get(f"/v1/accounts/{path}", params={"project": "mail"}).json()
        kind, account = ("why", answer["account"]) if "rules" in answer else ("account", answer)
        return kind, account["external_id"]

    assert asked("acme/why") == ("why", "acme")
    assert asked("acme%2Fwhy") == asked("acme%2fwhy") == ("account", "acme/why")
    assert asked("acme%2Fwhy/why") == ("why", "acme/why")
    assert asked("acme%2Fwhy%2Fwhy") == ("account", "acme/why/why")
    assert asked("acme/why/why") == ("why", "acme/why"), "a plain slash is one of the id where no route says otherwise"
    assert asked("50%252Foff") == ("account", "50%2Foff")
    assert asked("%C3%BC%2Fb/why") == ("why", "ü/b")


def test_what_is_not_there_says_what_is(api: Api, world: World) -> None:
    counts(world, bolt=212)
    for path, code, text in (
        ("accounts/nobody/why?project=mail", "account_not_found", "Nothing is known of account nobody"),
        ("accounts/bolt/why?project=no", "account_not_found", "rules apply"),
        ("accounts/bolt/why?project=mail&rule=onboard", "rule_not_found", "onboarded"),
        ("near-misses?project=no", "no_rulebook", "rules apply"),
        ("near-misses?project=mail&rule=xyz", "rule_not_found", "limit, limit-soon, onboarded, premium"),
    ):
        answer = api.get(f"/v1/{path}")
        assert (answer.status_code, answer.json()["code"]) == (404, code)
        assert text in answer.json()["message"]


def test_accounts_are_listed_by_id_and_by_what_they_start_with(api: Api, world: World) -> None:
    counts(world, bolt=1, Bolt2=1, acme=1, b_lt=1)

    def listed(**query: Any) -> Any:
        answer = api.get("/v1/accounts", params={"project": "mail", **query}).json()
        return [row["external_id"] for row in answer["data"]], answer["next"]

    assert set(listed(starting_with="BOLT")[0]) == {"bolt", "Bolt2"}
    assert listed(starting_with="b_") == (["b_lt"], None)
    first, cursor = listed(limit=3)
    second, end = listed(limit=3, cursor=cursor)
    assert (sorted(first + second), end) == (["Bolt2", "acme", "b_lt", "bolt"], None)
    assert listed(project="other") == ([], None)


def test_the_nearest_accounts_of_each_rule_come_first(api: Api, world: World) -> None:
    counts(world, far=10, near=399, lead=480, half=200)
    world.send(usage_event("u1", name="Signed Up", person="bo", account="half", at=world.now))
    world.send(
        *(usage_event(f"e-{name}", name=name, account="lead", at=world.now) for name in ("Campaign Sent", "Contacts Imported"))
    )
    world.drain()
    found = near(api, limit=2)
    rules = {each["rule"]: each["accounts"] for each in found["data"]}
    assert [(row["external_id"], row["lacking"], row["needs"]) for row in rules["limit/contacts"]] == [
        ("near", 1, "399 of 500 contacts (79.8 %): 1 more to the 80 % step"),
        ("half", 1, "200 of 500 contacts (40 %): 200 more to the 80 % step"),
    ]
    assert [(row["external_id"], row["lacking"]) for row in rules["onboarded"]] == [("lead", 2), ("half", 2)], (
        "2 and 1 of 3 steps"
    )
    assert "limit/emails" not in rules, "asleep"
    assert "upgrade-request" not in rules, "a request is nothing that is neared"
    assert (found["accounts_read"], found["accounts"], found["cut"]) == (4, 4, False)
    assert [each["rule"] for each in near(api, rule="limit/contacts")["data"]] == ["limit/contacts"]


def test_who_lacks_what_has_no_distance_is_not_near_however_much_else_holds(api: Api, world: World) -> None:
    """`came-back`: who is here every day, on a plan that it never left, has not nearly come back."""
    counts(world, acme=1)
    world.now += 24 * 60 * MINUTE
    counts(world, acme=2)
    found = rule_of(why(api, "acme"), "came-back")
    assert [(part["text"], part["missing"]) for part in found["parts"]] == [
        ("stage == churned", True),
        ("stage.for >= 14d", True),
        ("active_people >= 1", False),
        ("active_days >= 2", False),
    ]
    assert near(api, rule="came-back")["data"] == []
    world.send(usage_event("g1", "group", account="acme", traits={"plan": "standard"}, at=world.now))
    world.drain()
    world.now += 20 * 24 * 60 * MINUTE
    world.send(usage_event("g2", "group", account="acme", traits={"plan": None}, at=world.now))
    counts(world, acme=3)
    world.now += 5 * 24 * 60 * MINUTE
    counts(world, acme=4)
    ((row,),) = [each["accounts"] for each in near(api, rule="came-back")["data"]]
    assert (row["external_id"], row["lacking"]) == ("acme", 1)
    assert row["needs"].startswith("in this stage for 5 days of 14 days: ")


def test_of_many_accounts_those_with_the_newest_events_are_read_and_it_says_so(
    api: Api, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    counts(world, a=390, b=100, c=200, d=300)
    counts(world, b=101)
    monkeypatch.setattr(near_misses, "READ_MAX", 3)
    monkeypatch.setattr(near_misses, "CHUNK", 2)
    found = near(api, rule="limit/contacts")
    assert [row["external_id"] for row in found["data"][0]["accounts"]] == ["d", "c", "b"]
    assert (found["accounts_read"], found["accounts"], found["cut"]) == (3, 4, True)
    monkeypatch.setattr(near_misses, "COUNTED_MAX", 2)
    assert (near(api)["accounts"], near(api)["cut"]) == (2, True)


def test_the_openapi_document_knows_every_field_that_is_answered(api: Api, world: World) -> None:
    counts(world, bolt=212)
    document = api.get("/openapi.json").json()
    for path, answered in (
        ("/v1/accounts/{external_id}/why", why(api, "bolt")),
        ("/v1/near-misses", near(api)),
        ("/v1/accounts", api.get("/v1/accounts", params={"project": "mail"}).json()),
    ):
        schema = document["paths"][path]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
        model = document["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]]
        assert set(answered) == set(model["properties"]), path
