"""A notifier on a real database and real sockets, with one receiver, on a clock that only moves when told."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from contracts.messages import LeadEvent
from notifier.core.addresses import policy_for
from notifier.core.links import Links
from notifier.core.matching import Filters
from notifier.core.urls import parse_url
from notifier.intake import Intake
from notifier.sender import Sender
from notifier.store import Endpoint, NotifierStore
from notifier.store_due import look, may_go_at
from notifier.tables import attempts, deliveries, endpoints
from notifier.worker import Notifier, Outcome
from tests.notifier.memory_log import KNOWN, MemoryConsumer, MemoryLog
from tests.notifier.receiver import Receiver

if TYPE_CHECKING:
    from tests.notifier.conftest import StandingClock

DEVELOPMENT = policy_for(production=False)


@dataclass
class Bench:
    """A notifier with its store, log, clock and one receiver."""

    store: NotifierStore
    engine: sa.Engine
    clock: "StandingClock"
    sender: Sender
    receiver: Receiver
    log: MemoryConsumer = field(default_factory=MemoryConsumer)
    told: list[tuple[dict[str, Any], str, Outcome]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.links = Links(("key",), "https://leads.example.com", self.clock)
        self.notifier = self.another()

    def another(self) -> Notifier:
        """A worker more, on the same deliveries."""
        return Notifier(
            self.store,
            self.sender,
            self.clock,
            lambda *told: self.told.append(told),
            intake=Intake(MemoryLog(), self.log, KNOWN, self.store, self.clock, links=self.links),
            jitter=lambda: 0.0,
        )

    def endpoint(
        self,
        path: str = "/hook",
        name: str = "crm",
        receiver: Receiver | None = None,
        format_: str = "standard",
        *,
        proven: bool = True,
    ) -> tuple[Endpoint, str]:
        """`proven`: it has taken something before, so it has all its slots."""
        target = parse_url((receiver or self.receiver).url(path), DEVELOPMENT)
        made, secret = self.store.add_endpoint("acme-mail", name, target, Filters(), self.clock(), format_=format_)
        if proven:
            with self.engine.begin() as tx:
                tx.execute(endpoints.update().where(endpoints.c.id == made.id).values(last_success_at=self.clock() - 1))
        return made, secret

    async def deliver(self, *events: LeadEvent) -> int:
        self.log.append(*events)
        return await self.notifier.run_once()

    def next_at(self) -> int | None:
        """When the next delivery may go; None: nothing waits."""
        with self.engine.connect() as tx:
            return min((at for row in look(tx) if (at := may_go_at(row)) is not None), default=None)

    def delivery(self) -> Any:
        with self.engine.connect() as tx:
            return tx.execute(sa.select(deliveries)).one()

    def delivery_of(self, number: int) -> Any:
        with self.engine.connect() as tx:
            return tx.execute(sa.select(deliveries).where(deliveries.c.lead_event_id == f"le_{number:020x}")).one()

    def attempts(self) -> list[Any]:
        with self.engine.connect() as tx:
            return list(tx.execute(sa.select(attempts).order_by(attempts.c.number)))

    def statuses(self) -> list[str]:
        with self.engine.connect() as tx:
            return list(tx.scalars(sa.select(deliveries.c.status).order_by(deliveries.c.lead_event_id)))
