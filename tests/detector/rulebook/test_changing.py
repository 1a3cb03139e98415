"""What `rules diff` says of two rulebooks."""

from detector.core.rulebook.changing import Change, changes
from detector.core.rulebook.parse import parse
from detector.rulebooks import bases, trial

OWN = """
measures:
  imports: {count: imported, window: 7d}
  people: {distinct: person, of: imported, window: 7d}
rules:
  busy: {lead: pql, when: [imports >= 5, people >= 2], say: x}
"""
OLD = trial() + OWN


def changed(*pairs: tuple[str, str]) -> list[Change]:
    new = OLD
    for old, replacement in pairs:
        assert old in new
        new = new.replace(old, replacement)
    return changes(parse(OLD, bases()).resolved, parse(new, bases()).resolved)


def test_nothing_changed_but_words_of_comments_and_quotes_that_mean_the_same() -> None:
    assert changed(("# What the plans cap.", "# Else."), ("currency: EUR", "currency:   EUR  ")) == []


def test_each_change_is_told_by_key_with_old_and_new() -> None:
    assert changed(("imports >= 5", "imports >= 9"), ("{lead: pql, when", "{lead: mql, cooldown: 30d, when")) == [
        Change(
            "rules",
            "busy",
            "changed",
            (
                "lead: pql → mql",
                "cooldown: nothing → 30d",
                "when: [imports >= 5, people >= 2] → [imports >= 9, people >= 2]",
            ),
        )
    ]
    assert changed(("currency: EUR", "currency: USD")) == [Change("currency", "", "changed", ("EUR → USD",))]
    assert changed(("no_plan: free ", "#")) == [Change("no_plan", "", "removed", ("free",))]


def test_added_and_removed_entries_are_shown_whole() -> None:
    [gone, come] = changed(("  busy: {lead: pql", "  busier: {lead: pql"))
    text = "{lead: pql, when: [imports >= 5, people >= 2], say: x}"
    assert {gone, come} == {Change("rules", "busy", "removed", (text,)), Change("rules", "busier", "added", (text,))}


def test_a_measure_that_only_looks_elsewhere_at_the_same_events_keeps_what_it_counted() -> None:
    assert changed(("imports: {count: imported, window: 7d}", "imports: {count: imported, window: 14d}")) == [
        Change("measures", "imports", "changed", ("window: 7d → 14d",), anew=False)
    ]
    renamed = changed(("imports: {", "uploads: {"), ("imports >=", "uploads >="))
    assert [(each.name, each.kind, each.anew) for each in renamed if each.section == "measures"] == [
        ("uploads", "added", False),
        ("imports", "removed", False),
    ]


def test_a_measure_that_counts_something_else_starts_anew() -> None:
    [change] = changed(("imports: {count: imported,", "imports: {count: sent,"))
    assert (change.name, change.anew) == ("imports", True)
    [change] = changed(
        ("people: {distinct: person, of: imported, window: 7d}", "people: {distinct: person, of: imported, window: 14d}")
    )
    assert (change.name, change.anew) == ("people", True)


def test_what_starts_anew_because_of_its_events_is_told_though_its_own_text_is_the_same() -> None:
    found = changed(("imported: [Contacts Imported, contact_list_uploaded]", "imported: Contacts Imported"))
    assert [(each.section, each.name, each.anew) for each in found] == [
        ("events", "imported", False),
        ("measures", "imports", True),
        ("measures", "people", True),
    ]
    assert found[1].lines == ()


def test_the_order_of_lead_types_is_their_strength() -> None:
    order = "lead_types: {sales_sql: {}, service_sql: {}, xql: {}, pql: {}, mql: {}}\n"
    assert changed((OWN, OWN + order)) == [
        Change(
            "lead_types", "", "changed", ("order: sales_sql, service_sql, pql, xql, mql → sales_sql, service_sql, xql, pql, mql",)
        )
    ]
