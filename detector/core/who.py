"""Facts in, the account and the people of a lead out, as receivers read them."""

from typing import Any

from detector.core import words
from detector.core.attribution import ALONE
from detector.core.facts.facts import Facts
from detector.core.facts.people import OWN
from detector.core.ledger import Ledger
from detector.core.measures.moment import Moment
from detector.core.rulebook.program import Program

_ADMIN_ROLES = ("admin", "owner")


def account_name(facts: Facts, external_id: str, t: int) -> str:
    """Never empty: Salesforce insists. The name, else the domain, else who is alone in it, else our id for it."""
    named = _trait(facts, "name", t) or account_domain(facts, t)
    if named is None and external_id.startswith(ALONE):
        return person_name(facts, external_id.removeprefix(ALONE), t)
    return named or external_id


def account_domain(facts: Facts, t: int) -> str | None:
    website = _trait(facts, "website", t) or ""
    host = website.split("://")[-1].split("/")[0].removeprefix("www.")
    return _trait(facts, "domain", t) or host or None


def account(moment: Moment, external_id: str) -> dict[str, Any]:
    facts, t = moment.facts, moment.t
    since = moment.ladder.customer_since(facts, t)
    trial_ends_at = moment.standing.trial_ends_at
    return {
        "external_id": external_id,
        "name": account_name(facts, external_id, t),
        "domain": account_domain(facts, t),
        "plan": moment.standing.name,
        "stage": moment.standing.stage,
        "customer_since": words.time(since) if since is not None else None,
        "trial_ends_at": words.time(trial_ends_at) if trial_ends_at is not None else None,
    }


def person_name(facts: Facts, person: str | None, t: int) -> str:
    """As a sentence names them: full name, else the e-mail, else the id."""
    if person is None:
        return "Somebody"
    first, last = _names(facts, person, t)
    return " ".join(filter(None, (first, last))) or _person_trait(facts, person, "email", t) or person


def roles(program: Program, moment: Moment, *, asker: str | None, trigger: str | None) -> dict[str, str]:
    """Person -> role, in the rulebook's order of roles. A person with two roles stands once."""
    found: dict[str, str] = {}
    for role in program.rulebook.person:
        person = {"asker": asker, "trigger": trigger}.get(role)
        if role == "admin":
            person = _admin(moment.facts, moment.t)
        elif role == "most_active":
            person = moment.facts.activity.most_active()
        if person is not None:
            found.setdefault(person, role)
    return found


def people(program: Program, moment: Moment, ledger: Ledger, *, asker: str | None, trigger: str | None) -> list[dict[str, Any]]:
    """Whom to name, those with an e-mail first.

    Who opted out, or whom `suppress` spares, is named, for the lead is about them, with `may_contact: none`.
    """

    def left_alone(person: str) -> bool:
        return ledger.is_opted_out(person) or program.suppression.of_person(moment, person)

    named = [
        _person(moment.facts, person, role, moment.t) | {"may_contact": "none" if left_alone(person) else None}
        for person, role in roles(program, moment, asker=asker, trigger=trigger).items()
    ]
    return sorted(named, key=lambda each: each["email"] is None)


def _person(facts: Facts, person: str, role: str, t: int) -> dict[str, Any]:
    email = _person_trait(facts, person, "email", t)
    first, last = _names(facts, person, t)
    seen = facts.activity.people.get(person)
    return {
        "role": role,
        "external_id": person,
        "email": email,
        "first_name": first,
        "last_name": last or (email or "").split("@")[0] or person,
        "title": _person_trait(facts, person, "title", t),
        "timezone": _person_trait(facts, person, "timezone", t),
        "last_seen": words.time(seen[1]) if seen is not None else None,
    }


def _names(facts: Facts, person: str, t: int) -> tuple[str | None, str | None]:
    """First and last name; a lone `name` is split at its first space."""
    first = _person_trait(facts, person, "first_name", t) or _person_trait(facts, person, "firstName", t)
    last = _person_trait(facts, person, "last_name", t) or _person_trait(facts, person, "lastName", t)
    if first is None and last is None:
        whole = (_person_trait(facts, person, "name", t) or "").split(maxsplit=1)
        first, last = (*whole, None, None)[:2]
    return first, last


def _admin(facts: Facts, t: int) -> str | None:
    """The admin or owner seen last."""
    admins = [person for person in facts.people.owners if (_person_trait(facts, person, "role", t) or "").lower() in _ADMIN_ROLES]
    unseen = [0, -1, 0]
    return max(admins, key=lambda person: (facts.activity.people.get(person, unseen)[1], person), default=None)


def _trait(facts: Facts, name: str, t: int) -> str | None:
    return _text(facts.traits.value(OWN, name, t))


def _person_trait(facts: Facts, person: str, name: str, t: int) -> str | None:
    return _text(facts.people.value(person, name, t))


def _text(value: object) -> str | None:
    return value.strip() or None if isinstance(value, str) else None
