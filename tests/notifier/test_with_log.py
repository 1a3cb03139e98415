"""The running notifier on the real embedded log: an append wakes it, the webhook arrives, a restart sends nothing twice."""

import asyncio
from pathlib import Path

import sqlalchemy as sa

from contracts.codec import encode
from contracts.messages import LEAD_EVENTS
from eventlog.log_embedded import EmbeddedLog
from eventlog.port import Entry, Topic
from notifier.core.addresses import policy_for
from notifier.core.matching import Filters
from notifier.core.urls import parse_url
from notifier.intake import Intake
from notifier.sender import Sender
from notifier.store import NotifierStore
from notifier.tables import deliveries
from notifier.worker import Notifier
from runtime.clock import wall_clock
from tests.notifier.conftest import LeadEvents
from tests.notifier.receiver import receiving


async def test_an_appended_lead_event_arrives_at_once_and_after_a_restart_only_the_new_one_does(
    tmp_path: Path, store: NotifierStore, lead_event: LeadEvents
) -> None:
    log = EmbeddedLog(tmp_path / "log.sqlite", wall_clock)
    topics = log.ensure_topics([Topic(LEAD_EVENTS, 1, 3600)])
    producer = log.producer()
    sender = Sender(policy_for(production=False))

    async with receiving() as receiver:
        store.add_endpoint("acme-mail", "crm", parse_url(receiver.url(), sender.policy), Filters(), wall_clock())
        for number in (1, 2):  # the second round is a process started anew
            consumer = log.consumer([LEAD_EVENTS], "notifier")
            intake = Intake(log, consumer, topics[LEAD_EVENTS], store, wall_clock)
            notifier = Notifier(store, sender, wall_clock, intake=intake)
            running = asyncio.create_task(notifier.run())
            producer.append([Entry(LEAD_EVENTS, 0, encode(lead_event(number)))], 2.0)
            await receiver.until(number)
            notifier.stop()
            await running
            consumer.close()
        assert [each.headers["webhook-id"] for each in receiver.received] == [lead_event(1).id, lead_event(2).id]
    await sender.aclose()
    producer.close()
    log.close()
    with store._engine.connect() as tx:
        assert list(tx.scalars(sa.select(deliveries.c.status))) == ["delivered", "delivered"]
