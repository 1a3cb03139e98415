"""What a lead carries beside its evidence: which person's words, as of when, and how much of them."""

from dataclasses import replace
from typing import Any

import pytest

from contracts.messages import LeadEvent
from detector.core.beside import TEXT_MAX
from detector.core.rulebook.compile import compile_rulebook
from tests.detector.core.sample import RULEBOOK
from tests.detector.core.story import Story

PAYLOAD = {
    "told_us": {"goal": "person.goal", "team": "person.team", "size": "account.size"},
    "source": {"utm_source": "person.utm_source", "utm_medium": "person.utm_medium"},
    "crm": {"id": "account.crm_id"},
}


def story(payload: dict[str, dict[str, str]] = PAYLOAD, **more: Any) -> Story:
    return Story(compile_rulebook(replace(RULEBOOK, payload=payload, **more), 3))


def parts(of: list[LeadEvent]) -> tuple[object, object, object]:
    [event] = of
    return event.data["told_us"], event.data["source"], event.data["crm"]


def test_what_nobody_said_is_not_there() -> None:
    assert parts(story().contacts(8, 1, person="ada")) == ({}, {}, {})
    assert parts(story({}).contacts(8, 1, person="ada")) == ({}, {}, {})


def test_a_lead_carries_what_its_person_and_account_said() -> None:
    told = story()
    told.happens(None, 0, kind="group", traits={"crm_id": 4711, "size": "50-200"})
    told.happens(None, 0.1, kind="identify", person="ada", traits={"goal": " move off spreadsheets ", "utm_source": "google"})
    assert parts(told.contacts(8, 1, person="ada")) == (
        {"goal": "move off spreadsheets", "size": "50-200"},
        {"utm_source": "google"},
        {"id": 4711},
    )


def test_where_somebody_came_from_is_what_was_said_first_and_all_else_what_was_said_last() -> None:
    told = story()
    told.happens(None, 0, kind="identify", person="ada", traits={"goal": "try it", "utm_source": "google"})
    told.happens(None, 0.5, kind="identify", person="ada", traits={"goal": "roll it out", "utm_source": "newsletter"})
    assert parts(told.contacts(8, 1, person="ada")) == ({"goal": "roll it out"}, {"utm_source": "google"}, {})


def test_what_comes_later_is_not_known_yet() -> None:
    told = story()
    told.happens(None, 5, kind="identify", person="ada", traits={"goal": "roll it out", "utm_source": "google"})
    [created] = told.contacts(8, 6, person="ada")
    assert created.data["told_us"] == {"goal": "roll it out"}
    before = story()
    before.contacts(8, 1, person="ada")
    [updated] = before.happens("Import Refused", 2, person="ada")
    assert updated.data["told_us"] == {}


def test_what_was_taken_back_is_gone_but_not_the_source() -> None:
    told = story()
    told.happens(None, 0, kind="identify", person="ada", traits={"goal": "try it", "utm_source": "google"})
    told.happens(None, 0.5, kind="identify", person="ada", traits={"goal": None, "utm_source": None})
    assert parts(told.contacts(8, 1, person="ada")) == ({}, {"utm_source": "google"}, {})


def test_the_parts_of_one_source_are_never_two_peoples() -> None:
    told = story()
    told.happens(None, 0, kind="identify", person="bo", traits={"utm_source": "google", "utm_medium": "cpc", "role": "admin"})
    told.happens(None, 0.1, kind="identify", person="ada", traits={"utm_source": "friend"})
    assert parts(told.contacts(8, 1, person="ada"))[1] == {"utm_source": "friend"}


def test_of_whom_nothing_is_known_the_next_one_that_the_lead_names_counts() -> None:
    told = story()
    told.happens(None, 0, kind="identify", person="bo", traits={"utm_source": "google", "role": "admin"})
    told.happens(None, 0.1, kind="identify", person="eve", traits={"utm_source": "friend"})
    assert parts(told.contacts(8, 1, person="ada"))[1] == {"utm_source": "google"}


def test_a_rulebook_that_names_no_roles_has_who_did_it() -> None:
    told = story(person=())
    told.happens(None, 0, kind="identify", person="ada", traits={"utm_source": "google"})
    assert parts(told.contacts(8, 1, person="ada"))[1] == {"utm_source": "google"}


@pytest.mark.parametrize(
    ("said", "read"),
    [
        ("x" * TEXT_MAX, "x" * TEXT_MAX),
        ("x" * (TEXT_MAX + 1), "x" * (TEXT_MAX - 1) + "…"),
        (True, True),
        (2.5, 2.5),
        (3.0, 3),
        (2**60, str(2**60)),
        (["crm", "mail", 3], "crm, mail and 3"),
        ([f"use case {n:03d} of many, at length" for n in range(30)], None),
        ({"a": 1}, None),
        ("  ", None),
        ("x" * 2_000, None),
    ],
)
def test_values_are_short_and_plain(said: object, read: object) -> None:
    told = story()
    told.happens(None, 0, kind="identify", person="ada", traits={"goal": said})
    carried = parts(told.contacts(8, 1, person="ada"))[0]
    if isinstance(said, list) and len(said) > 10:
        assert isinstance(carried, dict)
        assert len(carried["goal"]) == TEXT_MAX
    else:
        assert carried == ({} if read is None else {"goal": read})
