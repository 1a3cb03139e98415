"""What a rulebook that was applied began to count is not shown as certain, of accounts that were there before."""

from typing import Any

from tests.detector.shell.api import Api
from tests.detector.shell.samples import NOON, usage_event
from tests.detector.shell.world import World

DAY = 86_400_000
FIRST = """
project: mail
use: b2b-saas@1
measures:
  sent: {count: Sent, window: 7d}
plans: {free: {stage: free, price: 0, allows: {}}}
no_plan: free
rules:
  busy: {lead: pql, when: [sent >= 9], say: "{sent} sent"}
"""
SECOND = """
project: mail
use: b2b-saas@1
measures:
  sent: {count: Sent, window: 7d}
  opened: {count: Opened, window: 7d}
  ever: {count: Opened}
  best: {max: properties.stars, of: Rated, window: 7d}
limits: {opens: {count: Opened, resets: month}}
plans: {free: {stage: free, price: 0, allows: {opens: 10}}}
no_plan: free
events: {opening: Opened, rating: Rated}
onboarding: {steps: [opening, rating], within: 9d}
rules:
  busy: {lead: pql, when: [sent >= 9], say: "{sent} sent"}
  few: {lead: mql, when: [opened < 3, sent >= 1], say: x}
  many: {lead: mql, when: [ever >= 1], say: x}
  liked: {lead: mql, when: [best >= 4], say: x}
  seats: {lead: mql, when: [account.seats >= 4], say: x}
"""


def _happened(id_: str, name: str, account: str, day: float) -> Any:
    return usage_event(id_, at=NOON + int(day * DAY), name=name, account=account)


def _world(world: World) -> None:
    """An account from before the switch on day 1, of which the log has nothing any more, and one from after it; both opened once,
    on day 2.
    """
    world.apply(FIRST)
    world.send(_happened("a", "Sent", "old", 0))
    world.forget_log()
    world.now = NOON + DAY
    world.apply(SECOND)
    world.now = NOON + 2 * DAY
    for n, account in enumerate(("old", "new")):
        for name in ("Sent", "Opened"):
            world.send(_happened(f"{name}-{n}", name, account, 2))
    world.drain()


def _rules(api: Api, account: str) -> dict[str, Any]:
    answer = api.get(f"/v1/accounts/{account}/why", params={"project": "mail"}).json()
    return {rule["rule"]: rule for rule in answer["rules"]}


def test_why_says_since_when_it_is_known_and_until_when_in_part(api: Api, world: World) -> None:
    _world(world)
    rules = _rules(api, "old")
    few = rules["few"]["parts"][0]
    assert (rules["few"]["holds"], few["holds"], few["value"]) == (None, None, "at least 1")
    assert few["warming"] == {"since": "2026-05-29T20:26:40.000Z", "until": "2026-06-05T20:26:40.000Z"}
    assert few["needs"] == ("opened is at least 1: warming since 29 May, known in part until 5 June, on 5 June by itself")
    many = rules["many"]["parts"][0]
    assert (many["holds"], many["value"]) == (True, "at least 1")
    assert many["warming"] == {"since": "2026-05-29T20:26:40.000Z", "until": None}
    assert rules["liked"]["parts"][0]["needs"].startswith("best is unknown: warming since 29 May, known in part until 5 June")
    assert rules["seats"]["parts"][0]["needs"] == "account.seats is unknown: warming since 29 May, known in part"
    opens = rules["limit/opens"]
    assert (opens["limit"]["used"], opens["limit"]["at_least"]) == (1, True)
    assert opens["needs"].startswith("at least 1 of 10 opens (10 %): warming since 29 May, known in part until 1 June")
    assert rules["busy"]["parts"][0]["warming"] is None


def test_who_came_after_the_switch_is_known_whole_and_so_is_everybody_once_the_window_is_covered(api: Api, world: World) -> None:
    _world(world)
    few = _rules(api, "new")["few"]
    assert (few["holds"], few["parts"][0]["value"], few["parts"][0]["warming"]) == (True, 1, None)
    world.now = NOON + 8 * DAY
    few = _rules(api, "old")["few"]
    assert (few["parts"][0]["holds"], few["parts"][0]["value"], few["parts"][0]["warming"]) == (True, 1, None)


def test_the_account_lists_what_is_known_of_it_in_part(api: Api, world: World) -> None:
    _world(world)

    def warming(account: str) -> dict[str, str | None]:
        found = api.get(f"/v1/accounts/{account}", params={"project": "mail"}).json()["warming"]
        assert {each["since"] for each in found} <= {"2026-05-29T20:26:40.000Z"}
        return {each["name"]: each["until"] for each in found}

    a_week_later = "2026-06-05T20:26:40.000Z"
    assert warming("old") == {
        "opens": "2026-06-01T00:00:00.000Z",
        "opened": a_week_later,
        "best": a_week_later,
        "ever": None,
        "onboarding": None,
        "account.seats": None,
    }
    assert warming("new") == {}


def test_nobody_is_near_to_what_is_known_in_part_alone(api: Api, world: World) -> None:
    _world(world)
    answer = api.get("/v1/near-misses", params={"project": "mail"}).json()
    near = {each["rule"]: [row["external_id"] for row in each["accounts"]] for each in answer["data"]}
    assert near["few"] == ["old"], "time alone will tell, on 5 June"
    assert "seats" not in near
