"""A lead that is opened, and its account, in; whose it is, out: whom a trait names, else who has the account's share of a list.

Shares are by hash and not by turns, so they are the same in every replay, however the log is divided (decision 31).
"""

from collections.abc import Iterable
from hashlib import sha256

from detector.core import emails, heat
from detector.core.account import Account
from detector.core.facts.people import OWN
from detector.core.ledger import OpenLead
from detector.core.measures.moment import Moment
from detector.core.rulebook.program import Program


def owner_of(program: Program, account: Account, lead: OpenLead, moment: Moment) -> str | None:
    """None: the rulebook names nobody for it. What is for the product's own program is nobody's."""
    owners = program.rulebook.owners
    by_trait = named(program, lead, moment)
    if by_trait is not None or program.is_for_product(lead.lead_type):
        return by_trait
    about = heat.about(lead, moment)
    people = next((people for name, people in owners.segments.items() if program.segments[name](about) is True), owners.others)
    return share(people, account.project, account.external_id)


def named(program: Program, lead: OpenLead, moment: Moment) -> str | None:
    """Whom the trait names as of the moment; None: it says no e-mail address."""
    trait = program.rulebook.owners.trait
    if trait is None or program.is_for_product(lead.lead_type):
        return None
    return emails.address(moment.facts.traits.value(OWN, trait.removeprefix("account."), moment.t))


def share(people: Iterable[str], project: str, account: str) -> str | None:
    """The one of them that this account falls to: another one who joins takes only their own share from the others."""

    def weight(person: str) -> bytes:
        return sha256("\0".join((project, account, person.lower())).encode(errors="surrogatepass")).digest()

    return max(people, key=weight, default=None)
