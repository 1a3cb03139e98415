"""Every lead is what the log makes of it, or `verify` says where it is not; beside a running detector too."""

import json
from collections.abc import Callable
from dataclasses import asdict
from itertools import count
from pathlib import Path
from typing import Any

import msgspec
import pytest
import sqlalchemy as sa

from contracts.codec import encode
from contracts.columns import Columns
from contracts.messages import EVENTS, LEAD_EVENTS, ImportEnd, Place, UsageEvent
from detector import recompute
from detector.comparing import ROW, WHOLE
from detector.core.differences import ABSENT
from detector.partition import Partition
from detector.recompute import Progress
from detector.store import DetectorStore
from detector.store.audit import Scope
from detector.tables import checkpoints, lead_events, leads, metadata, rulebooks, topics
from detector.verify import NoSuchLeadError, Report, verify
from eventlog.log_embedded import EmbeddedLog
from eventlog.port import Entry
from tests.detector.shell.samples import EVENTS_0, HOUR, MINUTE, NOON, contacts, upgrade, usage_event
from tests.detector.shell.world import RULEBOOK, TOPICS, World

DAY = 24 * HOUR
ANY = Scope()


def check(world: World, scope: Scope = ANY, on_progress: Callable[[Progress], None] = lambda _: None) -> Report:
    return verify(world.log, world.store, scope, on_progress)


def told(report: Report) -> list[tuple[str, str, object, object]]:
    return [(each.where, each.path, each.stored, each.recomputed) for each in report.differences]


def clean(report: Report) -> bool:
    return not (report.differences_total or report.leads_unverified or report.unverifiable)


@pytest.fixture
def busy(world: World) -> World:
    """Three accounts with leads that rise, are taken over and are won; doubled and late events; restarts in between."""
    totals = [90, 410, 300, 500, 450, 350, 410, 500]
    for n, total in enumerate(totals):
        at = NOON + n * HOUR
        world.now = at
        world.send(*(contacts(f"{account}{n}", total, account, at=at) for account in ("acme", "bolt", "cork")))
        world.send(
            contacts(f"late{n}", total - 20, "acme", at=at - 3 * HOUR, received_at=at), contacts("acme1", 410, at=NOON + HOUR)
        )
        if n % 3 == 0:
            world.drain()
        if n % 4 == 1:
            world.restart()
    world.send(upgrade("up", "bolt", at=world.now), plan("bolt", "free", world.now))
    world.now += MINUTE
    world.send(plan("bolt", "standard", world.now))
    world.arrive(usage_event("g", "group", person="dan", account="dune", at=world.now))
    world.arrive(usage_event("d", name="Contact Count Changed", person="dan", at=world.now, properties={"total": 480}))
    world.drain()
    return world


def plan(account: str, plan: str, at: int) -> UsageEvent:
    return usage_event(f"plan-{account}-{plan}", "group", person="ada", account=account, at=at, traits={"plan": plan})


def change(engine: sa.Engine, statement: sa.Update | sa.Delete) -> None:
    with engine.begin() as tx:
        assert tx.execute(statement).rowcount == 1


def lead_of(world: World, account: str) -> str:
    return min(lead.lead_id for lead in world.store.leads.newest("mail", account, 10))


def test_a_busy_story_agrees(busy: World) -> None:
    report = check(busy)

    assert clean(report)
    assert report.leads == len(busy.leads()) >= 5
    assert report.lead_events == len(busy.sent()) >= 8
    assert {status for _, _, status in busy.leads()} >= {"open", "won", "superseded"}


def test_an_account_that_was_judged_in_a_later_batch_for_the_many_others_agrees_by_itself(
    world: World, engine: sa.Engine
) -> None:
    """An import ends, and one batch judges 1,000 accounts at most."""
    accounts = [f"acc_{n:04}" for n in range(1_001)]
    world.send(*[contacts(name, 487, name, NOON - DAY, historical=True) for name in accounts])
    world.append(Entry(EVENTS, 0, encode(ImportEnd(project="mail", import_id="i1"))))
    world.drain()
    last = lead_of(world, accounts[-1])

    assert clean(check(world, Scope(lead_id=last)))
    assert clean(check(world, Scope("mail", accounts[-1])))
    change(engine, sa.update(leads).where(leads.c.lead_id == last).values(status="won"))
    assert told(check(world, Scope(lead_id=last))) == [(ROW, "status", "won", "open")]


def test_a_row_of_the_table_leads_edited_by_hand_is_caught(busy: World, engine: sa.Engine) -> None:
    lead = lead_of(busy, "acme")
    change(engine, sa.update(leads).where(leads.c.lead_id == lead).values(status="won", qualified_at=NOON + 7))

    report = check(busy)

    assert (report.leads_differing, report.leads_unverified) == (1, 0)
    assert {each.lead_id for each in report.differences} == {lead}
    assert {(where, path, was) for where, path, was, _ in told(report)} == {
        (ROW, "status", "won"),
        (ROW, "qualified_at", NOON + 7),
    }


def test_what_a_row_says_within_its_data_is_compared_too(busy: World, engine: sa.Engine) -> None:
    (data,) = (row.data for row in [busy.store.leads.get(lead_of(busy, "acme"))] if row)
    content = json.loads(data)
    (was, content["evidence"][0]["value"]) = (content["evidence"][0]["value"], 99_999)
    edited = json.dumps(content, separators=(",", ":"), ensure_ascii=False)
    change(engine, sa.update(leads).where(leads.c.lead_id == lead_of(busy, "acme")).values(data=edited))

    assert told(check(busy)) == [(ROW, "data.evidence[0].value", 99_999, was)]


def test_a_body_with_the_same_content_in_other_bytes_is_told_as_such(busy: World, engine: sa.Engine) -> None:
    first = busy.sent()[0]
    body = json.dumps(msgspec.to_builtins(first)).encode()
    change(engine, sa.update(lead_events).where(lead_events.c.id == first.id).values(body=body))

    ((where, path, was, _),) = told(check(busy))

    assert (where.split()[:3], path, was) == (["lead", "event", first.id], "body", "the same content in other bytes")


def test_an_edited_lead_event_is_caught(busy: World, engine: sa.Engine) -> None:
    first = busy.sent()[0]
    data = {**first.data, "summary": "They begged us to call"}
    body = msgspec.json.encode(msgspec.structs.replace(first, data=data))
    change(engine, sa.update(lead_events).where(lead_events.c.id == first.id).values(body=body))

    assert told(check(busy)) == [
        (f"lead event {first.id} (lead.created, revision 1)", "body.data.summary", data["summary"], first.data["summary"])
    ]


def test_a_lead_event_at_another_place_is_caught(busy: World, engine: sa.Engine) -> None:
    first = busy.sent()[0]
    change(engine, sa.update(lead_events).where(lead_events.c.id == first.id).values(offset=999))

    assert [(path, was, now) for _, path, was, now in told(check(busy))] == [("offset", 999, first.place.offset)]


def test_a_lead_that_was_deleted_is_missed(busy: World, engine: sa.Engine) -> None:
    lead = lead_of(busy, "cork")
    change(engine, sa.delete(leads).where(leads.c.lead_id == lead))
    ((where, path, was, now),) = told(check(busy))
    assert (where, path, was) == (ROW, "", ABSENT)
    assert str(now).startswith("pql of cork (project mail), open, revision ")

    with engine.begin() as tx:
        tx.execute(sa.delete(lead_events).where(lead_events.c.lead_id == lead))
    assert [(where, was) for where, _, was, _ in told(check(busy))] == [(WHOLE, ABSENT)]


def test_a_lead_event_that_was_deleted_is_missed(busy: World, engine: sa.Engine) -> None:
    first = busy.sent()[0]
    change(engine, sa.delete(lead_events).where(lead_events.c.id == first.id))

    assert [(where, was) for where, _, was, _ in told(check(busy))] == [
        (f"lead event {first.id} (lead.created, revision 1)", ABSENT)
    ]


def test_a_lead_that_nobody_made_is_caught(busy: World, engine: sa.Engine) -> None:
    row = busy.store.leads.get(lead_of(busy, "cork"))
    assert row is not None
    with engine.begin() as tx:
        tx.execute(sa.insert(leads).values(**{**asdict(row), "lead_id": "Ü no such id", "account": "mallory"}))

    report = check(busy)

    assert [(each.lead_id, each.where, each.recomputed) for each in report.differences] == [("Ü no such id", WHOLE, ABSENT)]


def test_many_differences_are_counted_and_some_told(busy: World, engine: sa.Engine) -> None:
    with engine.begin() as tx:
        tx.execute(sa.update(leads).values(status="lost", revision=77, opened_at=1, updated_at=2, lead_type="xql"))

    report = check(busy)

    assert report.leads_differing == report.leads
    assert len(report.differences) == 20 < report.differences_total


def test_a_narrowed_look_finds_what_it_covers_and_reads_no_other_account(busy: World, engine: sa.Engine) -> None:
    change(engine, sa.update(leads).where(leads.c.lead_id == lead_of(busy, "acme")).values(status="won"))

    assert check(busy, Scope("mail", "acme")).differences_total == 1
    assert check(busy, Scope("mail", "bolt")).differences_total == 0
    assert check(busy, Scope(lead_id=lead_of(busy, "acme"))).differences_total == 1
    cork = check(busy, Scope(lead_id=lead_of(busy, "cork")))
    assert (cork.leads, cork.differences_total) == (1, 0)
    assert check(busy, Scope("elsewhere")).leads == 0
    with pytest.raises(NoSuchLeadError, match="ld_nowhere"):
        check(busy, Scope(lead_id="ld_nowhere"))


def test_beside_a_running_detector_it_compares_one_state(busy: World) -> None:
    """Events come, and are committed, at every step of the reading; what was not read is not taken for missing."""
    more = count()

    def meanwhile(_: Progress) -> None:
        n = next(more)
        if n < 20:
            busy.now += MINUTE
            busy.send(contacts(f"x{n}", 500, f"late-{n}", at=busy.now), plan("acme", ("standard", "free")[n % 2], busy.now))
            busy.drain()

    before = len(busy.sent())
    assert clean(check(busy, on_progress=meanwhile))
    assert len(busy.sent()) > before + 2
    assert clean(check(busy))


def test_nothing_is_written(busy: World, engine: sa.Engine) -> None:
    def content() -> list[object]:
        with engine.connect() as tx:
            rows: list[object] = [tx.execute(sa.select(table)).all() for table in metadata.sorted_tables]
        return [*rows, busy.records(EVENTS), busy.records(LEAD_EVENTS)]

    before = content()
    check(busy)

    assert content() == before


def test_records_beyond_the_checkpoint_are_not_read(busy: World) -> None:
    busy.send(contacts("later", 500, "later", at=busy.now))

    assert clean(check(busy))


def expire(world: World) -> None:
    """The log's retention takes what there was; then acme qualifies again."""
    world.now += 91 * DAY
    world.producer.close()
    world.producer = world.log.producer()
    world.restart()
    world.send(contacts("again", 500, "acme", at=world.now), contacts("new", 500, "new", at=world.now))
    world.drain()


def test_a_log_that_begins_later_is_unverifiable_and_says_where_it_begins(busy: World) -> None:
    expire(busy)
    report = check(busy)

    assert report.leads_unverified == report.leads == len(busy.leads())
    assert report.differences == []
    begin = busy.log.consumer([EVENTS]).beginning_offsets()[EVENTS_0]
    assert begin > 0
    assert f"the log begins at offset {begin}, 2026-" in report.unverifiable[0]


def test_also_without_its_log_a_row_must_follow_from_its_lead_events(busy: World, engine: sa.Engine) -> None:
    first = busy.sent()[0].id
    expire(busy)
    change(engine, sa.update(leads).where(leads.c.lead_id == lead_of(busy, "acme")).values(status="won"))
    assert [(where, path) for where, path, _, _ in told(check(busy))] == [(ROW, "status")]

    change(engine, sa.update(lead_events).where(lead_events.c.id == first).values(body=b"{}"))
    assert "body" in {path for _, path, _, _ in told(check(busy))}


def test_a_rulebook_that_is_gone_makes_what_came_after_it_unverifiable(busy: World, engine: sa.Engine) -> None:
    version = busy.apply(RULEBOOK.replace("500", "501"))
    busy.now += DAY
    busy.send(contacts("z", 500, "zest", at=busy.now))
    busy.drain()
    change(engine, sa.delete(rulebooks).where(rulebooks.c.version == version))

    report = check(busy)

    assert (report.leads_unverified, report.differences) == (2, []), "zest's, and one from before, which is overdue since"
    assert f"version {version} of the rulebook of mail is not in the database" in report.unverifiable[0]


def test_a_topic_made_anew_is_said(busy: World, engine: sa.Engine) -> None:
    change(engine, sa.update(topics).where(topics.c.name == EVENTS).values(topic_id="another"))

    report = check(busy)

    assert report.leads_unverified == report.leads
    assert "was deleted and created again" in report.unverifiable[0]


def test_a_log_that_is_shorter_than_what_was_read_is_said(busy: World, engine: sa.Engine) -> None:
    with engine.begin() as tx:
        tx.execute(sa.update(checkpoints).where(checkpoints.c.topic == EVENTS).values(next_offset=10_000))

    assert "the database has read up to 10000" in check(busy).unverifiable[0]


def test_a_record_that_cannot_be_processed_stops_the_reading_there(busy: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """What came before it is compared all the same."""
    end = check(busy).events
    take = recompute.Narrowed.take

    def poisoned(self: recompute.Narrowed, partition: Partition, place: Place, columns: Columns, *more: Any) -> None:
        if "up" in columns.id:
            raise ZeroDivisionError
        take(self, partition, place, columns, *more)

    monkeypatch.setattr(recompute.Narrowed, "take", poisoned)
    report = check(busy)

    assert report.events < end
    assert 0 < report.leads_unverified < report.leads
    assert report.differences == []
    assert "ZeroDivisionError" in report.unverifiable[0]


def test_a_database_that_never_saw_a_detector_has_nothing_to_verify(tmp_path: Path, calm_store: DetectorStore) -> None:
    log = EmbeddedLog(tmp_path / "log.sqlite", lambda: NOON)
    log.ensure_topics(TOPICS)

    report = verify(log, calm_store, ANY, lambda _: None)

    assert (report.leads, report.unverifiable) == (0, {})
