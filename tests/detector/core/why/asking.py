"""A rulebook written out, a story of one account, and what is said of its rules: what the tests of `why` share."""

from detector.core.ledger import OpenLead
from detector.core.rulebook.compile import compile_rulebook
from detector.core.rulebook.parse import parse
from detector.core.rulebook.program import Program
from detector.core.why.account import Asked
from detector.core.why.shape import Part, RuleWhy
from detector.core.why.sleeping import Arrivals
from detector.rulebooks import bases
from tests.detector.core.sample import DAY, T0
from tests.detector.core.story import Story

BOOK = """
project: acme-mail
currency: EUR
events: {signed: Signed Up, imported: Imported, sent: Sent, asked: [Upgrade Clicked, Pricing Asked]}
measures:
  imports: {count: imported, window: 14d}
  ever: {count: imported}
  people: {distinct: person, of: active, window: 7d}
  topics: {distinct: properties.topic, of: sent}
  silent: {absent: sent, after: signed, within: 3d}
  since_signed: {since: signed}
limits:
  contacts: {last: properties.total, of: Counted, refused: Import Refused}
  emails: {count: Email Sent, resets: month, refused: Send Refused}
plans:
  free: {stage: free, price: 0, allows: {contacts: 500, emails: 10}, has: []}
  premium: {stage: paying, price: 90, allows: {contacts: none, emails: none}, has: []}
no_plan: free
onboarding: {steps: [signed, imported, sent], within: 10d}
lead_types: {pql: {to: sales, answer_in: 9999h, do: x}, xql: {to: sales, answer_in: 9999h, do: x}}
"""


def compiled(rules: str, more: str = "", book: str = BOOK) -> Program:
    return compile_rulebook(parse(f"{book}{more}\nrules:\n{rules}\n", bases()).rulebook, 3)


def when(*lines: str, more: str = "") -> Program:
    """One rule `r` with these lines."""
    return compiled(f"  r: {{lead: pql, when: [{', '.join(repr(line) for line in lines)}], say: x}}", more)


def why(story: Story, day: float, rule: str = "r", arrivals: set[str] | None = None) -> RuleWhy:
    """Of one rule, so many days after T0."""
    known = None if arrivals is None else Arrivals(arrivals)
    (found,) = Asked(story.program).why(story.account, T0 + int(day * DAY), known, [rule]).rules
    return found


def only(found: RuleWhy) -> Part:
    (part,) = found.parts
    return part


def open_lead(story: Story) -> OpenLead:
    (lead,) = story.account.ledger.open_leads.values()
    return lead
