"""What is told of one lead at one instant is one lead event: the ids, the changes, and that nothing is said of it twice."""

from contracts.messages import LeadEvent
from detector.core.rulebook.compile import compile_rulebook
from detector.core.rulebook.parse import parse
from detector.rulebooks import bases
from tests.detector.core.story import Story

BOOK = """
project: acme-mail
currency: EUR
limits: {seats: {last: properties.seats, of: Counted}, lists: {last: properties.lists, of: Counted}}
plans: {free: {stage: free, price: 0, allows: {seats: 10, lists: 10}, has: []}}
no_plan: free
lead_types: {pql: {to: sales, answer_in: 9999h, do: x}}
measures: {counts: {count: Counted}}
rules:
  limit: {lead: pql, each: limit, at: [50%, 100%], say: "{limit.label}"}
  often: {lead: pql, when: counts >= 2, at_least: warm, say: often}
  hottest: {lead: pql, when: counts >= 2, at_least: hot, say: very}
score: {hot: 90, warm: 80, fit: [{points: 1, if: plan == free}]}
"""
PROGRAM = compile_rulebook(parse(BOOK, bases()).rulebook, 3)


def _counted(story: Story, day: float, seats: float, lists: float) -> list[LeadEvent]:
    return story.happens("Counted", day, properties={"seats": seats, "lists": lists})


def test_two_rules_that_rise_at_once_open_one_lead_at_its_first_revision() -> None:
    (created,) = _counted(Story(PROGRAM), 1, 5, 5)
    assert (created.type, created.data["revision"], created.data["changes"]) == ("lead.created", 1, [])
    assert [signal["text"] for signal in created.data["signals"]] == ["seats", "lists"]
    assert len(created.data["evidence"]) == 2


def test_the_changes_of_one_instant_stand_together_and_how_hot_it_was_before_all_of_them() -> None:
    story = Story(PROGRAM)
    (created,) = _counted(story, 1, 5, 1)
    assert created.data["temperature"] == "cold"
    (updated,) = _counted(story, 2, 10, 5)
    assert (updated.type, updated.data["revision"], updated.data["lead_id"]) == ("lead.updated", 2, created.data["lead_id"])
    assert updated.data["changes"] == [
        {"field": "step", "rule": "limit/seats", "old": "50%", "new": "100%"},
        {"field": "signal", "rule": "limit/lists", "old": None, "new": "50%"},
        {"field": "signal", "rule": "often", "old": None, "new": None},
        {"field": "signal", "rule": "hottest", "old": None, "new": None},
        {"field": "temperature", "rule": None, "old": "cold", "new": "hot"},
    ]


def test_another_instant_is_another_lead_event() -> None:
    story = Story(PROGRAM)
    revisions = [each.data["revision"] for day in (1, 2, 3) for each in _counted(story, day, 4 + day, day)]
    assert revisions == [1, 2]
    (updated,) = _counted(story, 4, 10, 10)
    assert (updated.data["revision"], len({each["signal_id"] for each in updated.data["signals"]})) == (3, 4)
