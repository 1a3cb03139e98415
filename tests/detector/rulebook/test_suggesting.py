"""What an event that no rule knows probably is."""

import pytest

from detector.core.rulebook.parse import parse
from detector.core.rulebook.suggesting import known_names, suggestion
from detector.rulebooks import bases, trial

BOOK = parse(
    trial().replace("imported: [Contacts Imported, contact_list_uploaded]", "imported: Contacts Imported")
    + "measures: {held: {count: {of: Webinar Held, where: properties.x == 1}}}\n"
    + 'rules: {asks: {lead: pql, event: [Callback Wanted], say: "{account}"}}\n',
    bases(),
).rulebook


@pytest.mark.parametrize(
    ("name", "alias"),
    [
        ("contact_list_uploaded", "imported"),
        ("contacts_imported", "imported"),
        ("ContactsImported", "imported"),
        ("signup_completed", "signed_up"),
        ("User Signed Up", "signed_up"),
        ("SIGNED-UP", "signed_up"),
        ("UpgradeButtonClicked", "upgrade_requested"),
        ("demo_requested", "sales_requested"),
        ("Contct Imported", "imported"),
        ("Contact Deleted", None),
        ("Campaign Deleted", None),
        ("Support Ticket Closed", None),
        ("Help Read", None),
        ("💩", None),
        ("", None),
        ("42", None),
    ],
)
def test_names_that_say_the_same_in_other_words(name: str, alias: str | None) -> None:
    assert suggestion(name, BOOK) == alias


def test_every_event_that_something_waits_for_is_known() -> None:
    assert {
        *("Signed Up", "Campaign Sent", "Support Ticket Opened"),  # events
        *("Contact Count Changed", "Contact Import Refused", "Email Sent"),  # limits
        *("Automation Opened", "AB Test Opened"),  # features
        *("Webinar Held", "Callback Wanted"),  # a measure, a rule
    } <= known_names(BOOK)
    assert "Campaign Deleted" not in known_names(BOOK)
