"""The e-mail address of the person at hand: what `person.email_domain` and `person.email_kind` read.

The trait `email` as it stood; of somebody of whom none is known, their id, if it is an address.
"""

from detector.core.emails import Kind, domain_of, kind_of
from detector.core.instants import NEVER
from detector.core.measures.moment import Moment

EMAIL = "email"


def domain(moment: Moment) -> str | None:
    return domain_of(_address(moment))


def kind(moment: Moment) -> Kind | None:
    return kind_of(_address(moment))


def next_address(moment: Moment) -> int:
    """When it is said next."""
    return NEVER if moment.person is None else moment.facts.people.next(moment.person, EMAIL, moment.t)


def _address(moment: Moment) -> str | None:
    """Only what is an address counts: somebody whose trait says "none" is known by their id."""
    if moment.person is None:
        return None
    said = moment.facts.people.value(moment.person, EMAIL, moment.t)
    return said if isinstance(said, str) and domain_of(said) is not None else moment.person
