"""The only toucher of the detector's tables: one commit for everything that a batch changed, and reads by concern."""

from contextlib import AbstractContextManager

import sqlalchemy as sa

from detector.changes import Changes
from detector.store.accounts import Accounts, Seen, write_accounts, write_due, write_seen
from detector.store.audit import Snapshot, snapshot
from detector.store.backfills import Backfills, write_backfills
from detector.store.checkpoints import Checkpoints, PartitionLostError, TopicMismatchError, refuse_another, swap
from detector.store.commands import Commands, write_commands
from detector.store.event_names import EventNames, write_event_names
from detector.store.leads import LeadEventConflictError, Leads, write_leads
from detector.store.letters import DeadLetters, StoredLetter, write_dead_letters
from detector.store.outbox import Outbox, write_outbox
from detector.store.people import People, Waiting, write_people
from detector.store.rulebooks import Rulebooks, write_adopted, write_spans
from runtime.points import reach

__all__ = [
    "DetectorStore",
    "LeadEventConflictError",
    "PartitionLostError",
    "StoredLetter",
    "TopicMismatchError",
    "Waiting",
    "refuse_another",
]


class DetectorStore:
    """Safe to use from several threads: every call takes a connection of its own."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        self.checkpoints = Checkpoints(engine)
        self.accounts = Accounts(engine)
        self.seen = Seen(engine)
        self.rulebooks = Rulebooks(engine)
        self.backfills = Backfills(engine)
        self.leads = Leads(engine)
        self.commands = Commands(engine)
        self.dead_letters = DeadLetters(engine)
        self.event_names = EventNames(engine)
        self.people = People(engine)
        self.outbox = Outbox(engine)

    def commit(self, changes: Changes, now: int) -> int:
        """Write all of it, or nothing; how many dead letters had no room (letters.py).

        Raises PartitionLostError or LeadEventConflictError with nothing written. After any other error it is not known
        whether it was written: acquire the partitions again, and their checkpoints tell.
        """
        with self._engine.begin() as tx:
            swap(tx, changes.moves, now)
            reach("detector.commit.swapped")
            write_adopted(tx, changes.adopted)
            write_spans(tx, changes.spans)
            write_backfills(tx, changes.backfills)
            write_accounts(tx, changes.accounts, changes.facts)
            write_due(tx, changes.due, changes.no_longer_due)
            write_leads(tx, changes.lead_events, now)
            write_commands(tx, changes.commands)
            write_people(tx, changes)
            write_outbox(tx, changes.outbox, now)
            write_seen(tx, changes.seen, changes.forget_seen)
            beyond = write_dead_letters(tx, changes.dead_letters)
            write_event_names(tx, changes.event_names)
            reach("detector.commit.written")
        return beyond

    def snapshot(self) -> AbstractContextManager[Snapshot]:
        """One unmoving view, for `verify`."""
        return snapshot(self._engine)

    def held_since(self, seq: int) -> list[Waiting]:
        """Events that began to wait for their account after `seq`, oldest first: a line each in `up`."""
        return self.people.held_since(seq)

    def dead_letters_since(self, seq: int) -> list[StoredLetter]:
        """Dead letters stored after `seq`, oldest first: a line each in `up`."""
        return self.dead_letters.since(seq)
