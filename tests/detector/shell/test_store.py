"""The store keeps what a commit says, all of it or nothing; on SQLite and PostgreSQL alike."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa

from contracts.messages import DEAD_LETTERS, EVENTS, DeadLetter
from detector import tables
from detector.changes import AccountRow, Buried, Changes, FactRow, HeldEvent, HeldKey, Move, OutboxRow, SeenRow
from detector.store import DetectorStore, LeadEventConflictError, PartitionLostError, TopicMismatchError, letters, outbox
from detector.store.leads import LeadFilter
from eventlog.port import Entry, TopicPartition, TopicState
from tests.detector.shell.samples import EVENTS_0, NOON, UNATTRIBUTED_0, lead_event, usage_event


def moved(store: DetectorStore, next_offset: int = 1) -> Changes:
    """Changes that own EVENTS_0."""
    checkpoint = store.checkpoints.acquire(EVENTS_0, "me", 0, NOON)
    return Changes(moves=[Move(EVENTS_0, checkpoint.version, next_offset, NOON)])


def rows(engine: sa.Engine, table: sa.Table) -> int:
    with engine.connect() as tx:
        return tx.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()


def test_a_partition_without_a_checkpoint_begins_at_the_earliest_offset(store: DetectorStore) -> None:
    assert store.checkpoints.acquire(EVENTS_0, "me", 17, NOON).next_offset == 17


def test_acquiring_again_goes_on_where_the_last_commit_ended(store: DetectorStore) -> None:
    store.commit(moved(store, next_offset=42), NOON + 5)

    again = store.checkpoints.acquire(EVENTS_0, "you", 0, NOON)

    assert (again.next_offset, again.time) == (42, NOON)
    assert store.checkpoints.standings()[0].owner == "you"


def test_whoever_lost_the_partition_fails_at_the_swap_and_has_changed_nothing(store: DetectorStore, engine: sa.Engine) -> None:
    stale = moved(store, next_offset=9)
    stale.accounts.append(AccountRow("mail", "acme", b"x"))
    stale.outbox.append(OutboxRow(EVENTS, 0, "lead-events", 0, b"x"))
    store.checkpoints.acquire(EVENTS_0, "somebody else", 0, NOON)

    with pytest.raises(PartitionLostError, match="events/0 was acquired by another worker"):
        store.commit(stale, NOON)

    assert rows(engine, tables.accounts) == rows(engine, tables.outbox) == 0
    assert store.checkpoints.standings()[0].next_offset == 0


def test_one_lost_partition_of_two_rolls_both_back(store: DetectorStore) -> None:
    changes = moved(store, next_offset=3)
    other = store.checkpoints.acquire(UNATTRIBUTED_0, "me", 0, NOON)
    changes.moves.append(Move(UNATTRIBUTED_0, other.version - 1, 3, NOON))

    with pytest.raises(PartitionLostError):
        store.commit(changes, NOON)

    assert [standing.next_offset for standing in store.checkpoints.standings()] == [0, 0]


def test_a_halted_partition_says_why_until_it_is_acquired_again(store: DetectorStore) -> None:
    checkpoint = store.checkpoints.acquire(EVENTS_0, "me", 0, NOON)
    store.commit(Changes(moves=[Move(EVENTS_0, checkpoint.version, 4, NOON, halted="no body")]), NOON)
    assert store.checkpoints.standings()[0].halted == "no body"

    store.checkpoints.acquire(EVENTS_0, "me", 0, NOON)

    assert store.checkpoints.standings()[0].halted is None


def test_who_has_lost_a_partition_says_nothing_of_it(store: DetectorStore) -> None:
    ours = store.checkpoints.acquire(EVENTS_0, "me", 0, NOON)
    store.checkpoints.halt(EVENTS_0, ours.version, "ours to say")
    assert store.checkpoints.standings()[0].halted == "ours to say"

    store.checkpoints.acquire(EVENTS_0, "another", 0, NOON)
    store.checkpoints.halt(EVENTS_0, ours.version, "said too late")

    assert store.checkpoints.standings()[0].halted is None


def test_accounts_come_back_with_their_chunks_and_a_chunk_without_body_goes(store: DetectorStore) -> None:
    first = moved(store)
    first.accounts = [AccountRow("mail", name, b"hot " + name.encode()) for name in ("acme", "bolt", "it's")]
    first.facts = [FactRow("mail", "acme", "s1", 0, b"zero"), FactRow("mail", "acme", "s1", 1, b"one")]
    store.commit(first, NOON)
    second = moved(store)
    second.accounts = [AccountRow("mail", "acme", b"hotter")]
    second.facts = [FactRow("mail", "acme", "s1", 0, b""), FactRow("mail", "acme", "s1", 1, b"ONE")]
    store.commit(second, NOON)

    found = store.accounts.load([("mail", "acme"), ("mail", "it's"), ("mail", "nobody"), ("other", "bolt")])

    assert found == {("mail", "acme"): (b"hotter", {("s1", 1): b"ONE"}), ("mail", "it's"): (b"hot it's", {})}


def test_a_lead_row_is_the_newest_of_its_lead_events(store: DetectorStore) -> None:
    first = moved(store)
    first.lead_events = [lead_event("ld_1"), lead_event("ld_1", 2, at=NOON + 1, temperature="hot")]
    store.commit(first, NOON)
    second = moved(store)
    second.lead_events = [lead_event("ld_1", 3, at=NOON + 2, status="won")]
    store.commit(second, NOON)

    lead = store.leads.get("ld_1")

    assert lead is not None
    assert (lead.status, lead.revision, lead.opened_at, lead.updated_at) == ("won", 3, NOON, NOON + 2)
    assert lead.qualified_at == NOON + 123
    assert [event.data["revision"] for event in store.leads.events("ld_1")] == [1, 2, 3]


def test_a_lead_event_that_is_there_already_is_a_bug_and_changes_nothing(store: DetectorStore, engine: sa.Engine) -> None:
    first = moved(store)
    first.lead_events = [lead_event("ld_1")]
    store.commit(first, NOON)
    second = moved(store, next_offset=2)
    second.lead_events = [lead_event("ld_2"), lead_event("ld_1")]

    with pytest.raises(LeadEventConflictError, match="le_ld_1_1") as conflict:
        store.commit(second, NOON)

    assert conflict.value.offsets == {EVENTS_0: 1}
    assert rows(engine, tables.leads) == 1


def test_pages_of_leads_follow_one_another_without_gap_or_repeat(store: DetectorStore) -> None:
    for n in range(4):
        changes = moved(store, next_offset=n + 1)
        changes.lead_events = [lead_event(f"ld_{m}") for m in range(3 * n, min(3 * n + 3, 10))]
        store.commit(changes, NOON + n)

    found: list[str] = []
    after = None
    while page := store.leads.page(LeadFilter(after=after), limit=4):
        found += [lead.lead_id for lead in page]
        after = (page[-1].stored_at, page[-1].lead_id)

    assert found == [f"ld_{n}" for n in range(10)]
    assert [lead.lead_id for lead in store.leads.page(LeadFilter(updated_since=NOON + 3), 10)] == ["ld_9"]
    assert store.leads.page(LeadFilter(status="won"), 10) == store.leads.page(LeadFilter(project="other"), 10) == []


def test_who_reads_on_sees_what_a_partition_was_late_with(store: DetectorStore) -> None:
    """By partition time it lies an hour back."""
    changes = moved(store)
    changes.lead_events = [lead_event("ld_now", at=NOON)]
    store.commit(changes, NOON)
    (seen,) = store.leads.page(LeadFilter(), 10)
    late = moved(store, next_offset=2)
    late.lead_events = [lead_event("ld_late", at=NOON - 3_600_000)]
    store.commit(late, NOON + 1_000)
    again = store.leads.page(LeadFilter(after=(seen.stored_at, seen.lead_id)), 10)
    assert [lead.lead_id for lead in again] == ["ld_late"]
    assert [lead.lead_id for lead in store.leads.page(LeadFilter(updated_since=NOON + 1), 10)] == ["ld_late"]


def test_lives_are_those_of_a_projects_leads_that_were_opened_in_a_span_each_in_order(store: DetectorStore) -> None:
    changes = moved(store)
    changes.lead_events = [lead_event("ld_b", at=NOON + 5), lead_event("ld_a", at=NOON), lead_event("ld_c", at=NOON + 9)]
    store.commit(changes, NOON)
    later = moved(store, next_offset=2)
    later.lead_events = [lead_event("ld_a", 2, at=NOON + 20), lead_event("ld_b", 2, at=NOON + 21, status="won")]
    store.commit(later, NOON)

    steps = [(step.data.lead_id, step.type, step.data.status) for step in store.leads.lives("mail", NOON, NOON + 9)]

    assert steps == [
        *(("ld_a", "lead.created", "open"), ("ld_a", "lead.updated", "open")),
        *(("ld_b", "lead.created", "open"), ("ld_b", "lead.updated", "won")),
    ]
    assert {step.data.lead_id for step in store.leads.lives("mail", None, None)} == {"ld_a", "ld_b", "ld_c"}
    assert list(store.leads.lives("other", None, None)) == []


def test_a_dead_letter_that_was_appended_twice_is_kept_once(store: DetectorStore) -> None:
    letter = DeadLetter(id="dead_1", project="mail", received_at=NOON, code="no_type", message="…", body="{}", size=2)
    changes = moved(store)
    changes.dead_letters = [Buried(letter, TopicPartition(DEAD_LETTERS, 0), offset) for offset in (0, 1)]
    store.commit(changes, NOON)

    assert [stored.letter for stored in store.dead_letters_since(0)] == [letter]
    found = store.dead_letters.get("dead_1")
    assert found is not None
    assert (found.letter, found.replayed_at) == (letter, None)
    assert store.dead_letters_since(1) == []


def big_letter(n: int, project: str = "mail", received_at: int = NOON) -> Buried:
    """Of MiB."""
    body = "x" * (1024 * 1024 - letters.LETTER_BYTES)
    letter = DeadLetter(id=f"dead_{n}", project=project, received_at=received_at, code="no_type", message="…", body=body)
    return Buried(letter, TopicPartition(DEAD_LETTERS, 0), n)


def test_a_day_keeps_so_many_bytes_of_dead_letters_of_each_project(store: DetectorStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(letters, "DAY_BYTES_MAX", 3 * 1024 * 1024)
    tomorrow = NOON + 24 * 3_600_000

    changes = moved(store)
    changes.dead_letters = [big_letter(1), big_letter(2)]
    assert store.commit(changes, NOON) == 0
    assert store.dead_letters.full(NOON) == []

    changes = moved(store, next_offset=2)
    changes.dead_letters = [big_letter(3), big_letter(4), big_letter(5, "other"), big_letter(6, received_at=tomorrow)]
    assert store.commit(changes, NOON) == 1

    assert [stored.letter.id for stored in store.dead_letters_since(0)] == ["dead_1", "dead_2", "dead_3", "dead_5", "dead_6"]
    assert store.dead_letters.full(NOON) == ["mail"]
    assert store.dead_letters.full(tomorrow) == []


def test_a_letter_that_failed_again_says_so_though_its_day_is_full(store: DetectorStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(letters, "DAY_BYTES_MAX", 2 * 1024 * 1024)
    changes = moved(store)
    changes.dead_letters = [big_letter(1), big_letter(2)]
    store.commit(changes, NOON)
    store.dead_letters.replayed(store.dead_letters_since(0), [], NOON + 1)

    again = moved(store, next_offset=2)
    again.dead_letters = [Buried(big_letter(1).letter, TopicPartition(UNATTRIBUTED_0.topic, 0), 7), big_letter(3)]
    assert store.commit(again, NOON) == 1

    assert [(stored.letter.id, stored.replayed_at) for stored in store.dead_letters_since(0)] == [
        ("dead_1", None),
        ("dead_2", NOON + 1),
    ]


def test_days_are_forgotten_with_their_letters(store: DetectorStore, engine: sa.Engine) -> None:
    changes = moved(store)
    changes.dead_letters = [big_letter(1), big_letter(2, received_at=NOON + 24 * 3_600_000)]
    store.commit(changes, NOON)

    store.dead_letters.sweep(NOON + 20 * 3_600_000, 10)

    assert rows(engine, tables.dead_letter_days) == rows(engine, tables.dead_letters) == 1


def test_the_outbox_gives_each_owner_its_own_rows_in_order(store: DetectorStore) -> None:
    changes = moved(store)
    changes.outbox = [OutboxRow(EVENTS, n % 2, "lead-events", 0, bytes([n])) for n in range(6)]
    store.commit(changes, NOON)

    mine = store.outbox.first([EVENTS_0], 2)
    store.outbox.delete(mine)

    assert [row.entry for row in mine] == [Entry("lead-events", 0, b"\0"), Entry("lead-events", 0, b"\2")]
    assert [row.entry.value for row in store.outbox.first([EVENTS_0], 10)] == [b"\4"]
    assert store.outbox.first([], 10) == []
    assert store.outbox.oldest() == NOON


def test_a_large_outbox_is_written_in_statements_of_bounded_size(
    store: DetectorStore, engine: sa.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox, "STATEMENT_BYTES_MAX", 10)
    statements: list[str] = []
    sa.event.listen(engine, "before_cursor_execute", lambda *call: statements.append(call[2]))
    changes = moved(store)
    changes.outbox = [OutboxRow(EVENTS, 0, "lead-events", 0, bytes([n]) * size) for n, size in enumerate((4, 4, 4, 30, 1))]
    store.commit(changes, NOON)

    assert [row.entry.value[0] for row in store.outbox.first([EVENTS_0], 10)] == [0, 1, 2, 3, 4]
    assert sum("INSERT INTO outbox" in statement for statement in statements) == 4


def test_seen_ids_are_appended_and_forgotten_by_the_time_they_were_written(store: DetectorStore) -> None:
    for offset, time in ((1, NOON), (2, NOON + 100)):
        changes = moved(store, next_offset=offset)
        changes.seen = [SeenRow(EVENTS, 0, 7, offset, time, b"%08d" % offset)]
        store.commit(changes, NOON)
    assert store.seen.load(EVENTS_0, [7, 8]) == [(7, NOON, b"00000001"), (7, NOON + 100, b"00000002")]

    changes = moved(store)
    changes.forget_seen = [(EVENTS_0, NOON + 50)]
    store.commit(changes, NOON)

    assert store.seen.load(EVENTS_0, [7]) == [(7, NOON + 100, b"00000002")]


def test_the_key_of_the_hashes_is_made_once(store: DetectorStore) -> None:
    assert [store.seen.key(b"a" * 32), store.seen.key(b"b" * 32)] == [b"a" * 32, b"a" * 32]


def test_people_come_back_with_memberships_and_what_waits_in_order_of_arrival(store: DetectorStore) -> None:
    changes = moved(store)
    changes.memberships = {("mail", "ada", "acme"): NOON, ("mail", "ada", "bolt"): NOON + 1}
    for n, name in ((2, "ada"), (1, "ada"), (3, "bob")):
        event = usage_event(f"m{n}", person=name, properties={"n": n})
        changes.held[HeldKey("mail", name, event.id)] = HeldEvent(UNATTRIBUTED_0, name, NOON + n, event)
    store.commit(changes, NOON)

    ada = store.people.load([("mail", "ada"), ("mail", "eve")])["mail", "ada"]

    assert ada.memberships == {"acme": NOON, "bolt": NOON + 1}
    assert list(ada.held) == ["m2", "m1"]
    assert ada.held["m1"].event == usage_event("m1", person="ada", properties={"n": 1})
    assert sorted(store.people.agenda(UNATTRIBUTED_0)) == [(NOON + 1, "mail", "ada"), (NOON + 3, "mail", "bob")]
    assert [waiting.person for waiting in store.held_since(0)] == ["ada", "ada", "bob"]
    changes = moved(store)
    changes.released = {HeldKey("mail", "ada", "m2")}
    store.commit(changes, NOON)
    assert [waiting.event.id for waiting in store.held_since(0)] == ["m1", "m3"]


def test_rulebooks_are_numbered_per_project_and_the_newest_sent_again_is_no_new_one(store: DetectorStore) -> None:
    versions = [store.rulebooks.add(project, text, text, NOON).version for project, text in _APPLIED]

    assert versions == [1, 1, 2, 1, 3]
    newest = store.rulebooks.newest("mail")
    assert newest is not None
    assert (newest.version, newest.body) == (3, "a")
    assert [stored.version for stored in store.rulebooks.all("mail")] == [3, 2, 1]
    assert store.rulebooks.get("mail", 4) is None


_APPLIED = [("mail", "a"), ("mail", "a"), ("mail", "b"), ("crm", "a"), ("mail", "a")]


def test_what_a_partition_adopted_is_kept_with_its_checkpoint(store: DetectorStore) -> None:
    for version in (1, 2):
        changes = moved(store)
        changes.adopted = {(EVENTS_0, "mail"): version}
        store.commit(changes, NOON)

    assert store.rulebooks.adopted(EVENTS_0) == {"mail": 2}
    assert store.rulebooks.adoption(EVENTS) == {"mail": {0: 2}}


def test_another_log_is_refused_with_what_to_do(store: DetectorStore) -> None:
    store.checkpoints.check_topics([TopicState("events", 1, "id-1")])
    store.checkpoints.check_topics([TopicState("events", 1, "id-1")])

    with pytest.raises(TopicMismatchError, match=r"deleted and created again .* start with an empty database"):
        store.checkpoints.check_topics([TopicState("events", 1, "id-2")])


def test_one_topic_that_is_another_is_no_other_log(store: DetectorStore) -> None:
    known = [TopicState("events", 1, "id-1"), TopicState("unattributed", 1, "id-1")]
    store.checkpoints.check_topics(known)

    assert store.checkpoints.check_topics([known[0], TopicState("unattributed", 2, "id-2")]) == {
        each.name: each for each in known
    }


def test_rulebooks_added_at_once_get_a_number_each(store: DetectorStore) -> None:
    with ThreadPoolExecutor(8) as pool:
        barrier = threading.Barrier(8)

        def add(n: int) -> int:
            barrier.wait()
            return store.rulebooks.add("mail", f"text {n}", f"text {n}", NOON).version

        versions = sorted(pool.map(add, range(8)))

    assert versions == list(range(1, 9))


def test_the_list_of_rulebooks_loads_no_text(store: DetectorStore, engine: sa.Engine) -> None:
    store.rulebooks.add("mail", "a", "a", NOON)
    queries: list[str] = []
    sa.event.listen(engine, "before_cursor_execute", lambda *call: queries.append(call[2]))
    (line,) = store.rulebooks.all()

    assert (line.project, line.version, line.created_at) == ("mail", 1, NOON)
    assert not any("body" in query for query in queries)


def test_what_another_project_adopted_is_not_loaded(store: DetectorStore) -> None:
    changes = moved(store)
    changes.adopted = {(EVENTS_0, "mail"): 1, (EVENTS_0, "crm"): 2}
    store.commit(changes, NOON)

    assert store.rulebooks.adoption(EVENTS, "crm") == {"crm": {0: 2}}


def test_an_accounts_newest_leads_come_first(store: DetectorStore) -> None:
    changes = moved(store)
    changes.lead_events = [lead_event(f"ld_{n}", at=NOON + n) for n in range(5)]
    store.commit(changes, NOON)

    assert [lead.lead_id for lead in store.leads.newest("mail", "acme", 2)] == ["ld_4", "ld_3"]
    assert store.leads.newest("mail", "bolt", 2) == []


def test_old_dead_letters_go_a_bounded_number_at_a_time(store: DetectorStore) -> None:
    changes = moved(store)
    for n in range(5):
        letter = DeadLetter(id=f"dead_{n}", project="mail", received_at=NOON - n, code="no_type", message="…")
        changes.dead_letters.append(Buried(letter, TopicPartition(DEAD_LETTERS, 0), n))
    store.commit(changes, NOON)

    assert [store.dead_letters.sweep(NOON - 1, 2) for _ in range(3)] == [2, 1, 0]
    assert [stored.letter.id for stored in store.dead_letters_since(0)] == ["dead_0", "dead_1"]


def test_partitions_that_were_added_to_a_topic_are_nobodys(store: DetectorStore) -> None:
    store.checkpoints.check_topics([TopicState("events", 1, "id-1")])

    assert store.checkpoints.check_topics([TopicState("events", 2, "id-1")]) == {"events": TopicState("events", 1, "id-1")}
