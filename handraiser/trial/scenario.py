"""Who the pretend customers are and what they do: in, a suffix and the time; out, events and the leads that they must make.

Every account, person and message id carries the suffix, so that the same server can be shown the same story again.
It is written for the rulebook `acme-mail` (detector/rulebooks/templates/acme-mail): 500 contacts on free, 10,000 on standard.
"""

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, TypeAlias

PROJECT = "acme-mail"
DAY_MS = 86_400_000
Event: TypeAlias = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Outcome:
    """One change that must arrive as a webhook: `change` is the lead event's type."""

    account: str
    lead_type: str
    change: str


@dataclass(frozen=True, slots=True)
class Step:
    """Something that happens now. `after_s`: how long a person is given to read what came before it."""

    text: str
    events: tuple[Event, ...]
    outcomes: tuple[Outcome, ...] = ()
    after_s: float = 4.0


@dataclass(frozen=True, slots=True)
class Scenario:
    past: tuple[Event, ...]
    """The fortnight before, with old timestamps: qualifies nobody."""
    steps: tuple[Step, ...]
    quiet: tuple[str, ...]
    """Accounts that must make no lead."""

    @property
    def accounts(self) -> frozenset[str]:
        return frozenset(self.quiet) | {outcome.account for outcome in self.expected}

    @property
    def expected(self) -> frozenset[Outcome]:
        return frozenset(outcome for step in self.steps for outcome in step.outcomes)


@dataclass(frozen=True, slots=True)
class _Customer:
    """One account and the person who speaks for it."""

    account: str
    name: str
    plan: str
    person: str
    first: str
    last: str
    title: str
    domain: str

    def named(self, suffix: str) -> "_Customer":
        return replace(self, account=f"{self.account}-{suffix}", person=f"{self.person}-{suffix}")

    def group(self, plan: str | None = None) -> Event:
        traits = {"name": self.name, "plan": plan or self.plan, "domain": self.domain}
        return {"type": "group", "userId": self.person, "groupId": self.account, "traits": traits}

    def introduced(self) -> list[Event]:
        traits = {
            "email": f"{self.first.lower()}@{self.domain}",
            "firstName": self.first,
            "lastName": self.last,
            "title": self.title,
        }
        return [self.group(), {"type": "identify", "userId": self.person, "traits": traits}]

    def track(self, event: str, **properties: Any) -> Event:
        """An event that names its account, as a server-side SDK sends it."""
        return {**self.bare(event, **properties), "context": {"groupId": self.account}}

    def bare(self, event: str, **properties: Any) -> Event:
        """An event that names only its person: the account follows from the earlier `group`."""
        return {"type": "track", "userId": self.person, "event": event, "properties": properties}


_ACME = _Customer("acme-bakery", "Acme Bakery", "free", "ada", "Ada", "Lo", "Head of Marketing", "acmebakery.example")
_NOVA = _Customer("nova-studio", "Nova Studio", "standard", "noor", "Noor", "Haddad", "Founder", "novastudio.example")
_BOLT = _Customer("bolt-bikes", "Bolt Bikes", "free", "ben", "Ben", "Okoro", "Owner", "boltbikes.example")
_CEDAR = _Customer("cedar-clinic", "Cedar Clinic", "standard", "cleo", "Cleo", "Marsh", "Office Manager", "cedarclinic.example")
_DELTA = _Customer("delta-dental", "Delta Dental", "free", "dev", "Dev", "Rao", "Assistant", "deltadental.example")


def scenario(suffix: str, now: int) -> Scenario:
    """The whole story. `now` in epoch milliseconds; live events get their time when they are sent."""
    acme, nova, bolt, cedar, delta = (c.named(suffix) for c in (_ACME, _NOVA, _BOLT, _CEDAR, _DELTA))
    story = _past(acme, nova, bolt, cedar, delta)
    past = [{**event, "timestamp": iso(now - int(days * DAY_MS))} for days, events in story for event in events]
    numbered = [{**event, "messageId": f"past-{n}-{suffix}"} for n, event in enumerate(past, 1)]
    steps = [
        replace(step, events=tuple({**e, "messageId": f"live-{n}-{m}-{suffix}"} for m, e in enumerate(step.events, 1)))
        for n, step in enumerate(_live(acme, nova, bolt, cedar, delta), 1)
    ]
    return Scenario(tuple(numbered), tuple(steps), (bolt.account, cedar.account, delta.account))


def _past(
    acme: _Customer, nova: _Customer, bolt: _Customer, cedar: _Customer, delta: _Customer
) -> list[tuple[float, list[Event]]]:
    """(days ago, events), oldest first."""
    count = "Contact Count Changed"
    return [
        (14.0, [e for customer in (acme, nova, bolt, cedar, delta) for e in customer.introduced()]),
        (13.9, [bolt.track("Signed Up"), delta.track("Signed Up")]),
        (12.0, [acme.track("Signed Up"), acme.track("Contacts Imported", rows=180), acme.track(count, total=180)]),
        (11.0, [nova.track(count, total=3_200), cedar.track(count, total=487)]),
        (9.0, [bolt.track("Contacts Imported", rows=150), bolt.track(count, total=150)]),
        (6.0, [acme.track(count, total=301), nova.track("Campaign Sent", recipients=3_100)]),
        (4.0, [nova.track("AB Test Opened"), bolt.track(count, total=204)]),
        (2.0, [delta.track("Automation Opened"), cedar.track("Automation Opened")]),
        (1.5, [acme.track(count, total=362)]),
    ]


def _live(acme: _Customer, nova: _Customer, bolt: _Customer, cedar: _Customer, delta: _Customer) -> list[Step]:
    count = "Contact Count Changed"
    return [
        Step(
            "Acme Bakery (free) imports contacts: 487 of 500",
            (acme.bare(count, total=487),),
            (Outcome(acme.account, "pql", "lead.created"),),
            after_s=1.0,
        ),
        Step(
            "Bolt Bikes has 212 of 500, Cedar Clinic reports a bug, Delta Dental looks around: no leads",
            (
                bolt.track(count, total=212),
                cedar.track("Support Ticket Opened", topic="bug"),
                delta.track("Campaign Previewed"),
            ),
        ),
        Step(
            "Nova Studio (standard) opens A/B tests, a premium feature, on a second day",
            (nova.track("AB Test Opened"),),
            (Outcome(nova.account, "xql", "lead.created"),),
        ),
        Step(
            "Ada Lo of Acme Bakery clicks Upgrade",
            (acme.bare("Upgrade Clicked"),),
            (
                Outcome(acme.account, "service_sql", "lead.created"),
                Outcome(acme.account, "pql", "lead.superseded"),
            ),
            after_s=5.0,
        ),
        Step(
            "Acme Bakery goes from free to standard",
            (acme.group("standard"),),
            (Outcome(acme.account, "service_sql", "lead.won"),),
            after_s=5.0,
        ),
    ]


def iso(ms: int) -> str:
    """Epoch milliseconds as ISO 8601 UTC with milliseconds, as SDKs write it."""
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
