"""The pretend customer: what it sends, and how the verdict is reached."""

from handraiser.trial.play import outcome_of, verdict
from handraiser.trial.scenario import DAY_MS, Outcome, iso, scenario

NOW = 1_780_000_000_000
A = Outcome("acme", "pql", "lead.created")
B = Outcome("acme", "pql", "lead.superseded")


def test_two_runs_share_no_account_person_or_message() -> None:
    def ids(suffix: str) -> set[str]:
        story = scenario(suffix, NOW)
        events = [*story.past, *(event for step in story.steps for event in step.events)]
        return {str(event[key]) for event in events for key in ("messageId", "userId", "groupId") if key in event}

    assert ids("a1").isdisjoint(ids("b2"))


def test_no_message_id_is_used_twice_in_one_run() -> None:
    story = scenario("a1", NOW)
    ids = [event["messageId"] for event in (*story.past, *(e for step in story.steps for e in step.events))]
    assert len(ids) == len(set(ids))


def test_the_past_lies_in_the_fortnight_before_and_in_order() -> None:
    times = [event["timestamp"] for event in scenario("a1", NOW).past]
    assert times == sorted(times)
    assert times[0] == iso(NOW - 14 * DAY_MS)
    assert times[-1] < iso(NOW - DAY_MS)


def test_the_story_has_all_three_types_a_take_over_and_a_win() -> None:
    story = scenario("a1", NOW)
    assert {outcome.lead_type for outcome in story.expected} == {"pql", "service_sql", "xql"}
    assert {outcome.change for outcome in story.expected} == {"lead.created", "lead.superseded", "lead.won"}
    assert set(story.quiet).isdisjoint({outcome.account for outcome in story.expected})


def test_exactly_the_expected_changes_are_good() -> None:
    assert verdict(frozenset({A, B}), [B, A], 1.0).good


def test_a_missing_change_is_named() -> None:
    found = verdict(frozenset({A, B}), [A], 60.0)
    assert not found.good
    assert found.missing == (B,)


def test_a_change_that_came_twice_or_for_a_quiet_account_is_not_good() -> None:
    stranger = Outcome("bolt", "pql", "lead.created")
    found = verdict(frozenset({A}), [A, A, stranger], 1.0)
    assert not found.good
    assert found.unexpected == (A, stranger)


def test_a_test_message_is_no_outcome() -> None:
    assert outcome_of({"type": "endpoint.test", "data": {"endpoint_id": "ep_1"}}) is None
    data = {"lead_type": "pql", "account": {"external_id": "acme"}}
    assert outcome_of({"type": "lead.created", "data": data}) == A
