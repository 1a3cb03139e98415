"""Accounts are packed where they take too much, and nobody can tell: the same is told, and the same is written."""

import gc
import tracemalloc
from collections import Counter
from collections.abc import Iterable
from random import Random

import msgspec
import pytest

from contracts.codec import encode
from contracts.columns import Columns, columns_of
from contracts.messages import Place, UsageEvent
from detector.account_cache import AccountCache
from detector.agenda import Key
from detector.backtest.memory import CommandsInMemory, NoCopies, NoInventory, Shelf
from detector.changes import Changes
from detector.core.account import Account
from detector.core.judge import process
from detector.core.rulebook.compile import compile_rulebook
from detector.core.rulebook.parse import parse
from detector.core.rulebook.program import Program
from detector.folding import Folding
from detector.partition import Partition
from detector.rulebooks import bases, trial
from eventlog.port import TopicPartition
from tests.detector.shell.samples import EVENTS_0, HOUR, NOON

NAMES = ("Contact Count Changed", "Email Sent", "Automation Opened", "Campaign Sent", "Page 1 Viewed", "Contacts Imported")
RECORD = 40


class Ids(NoCopies):
    def prepare(self, at: TopicPartition, frames: Iterable[Columns]) -> None:
        pass


class Commands(CommandsInMemory):
    def prepare(self, ids: Iterable[str]) -> None:
        pass


@pytest.fixture(scope="module")
def program() -> Program:
    return compile_rulebook(parse(trial(), bases()).rulebook, 1)


def events(accounts: int, number: int, dice: Random) -> list[UsageEvent]:
    """Some accounts come far more often than others; each has a few people, and contacts that grow."""
    found, contacts = [], dict.fromkeys(range(accounts), 0)
    for n in range(number):
        of = min(dice.randrange(accounts), dice.randrange(accounts), dice.randrange(accounts))
        contacts[of] += dice.randrange(40)
        at = NOON + n * HOUR // 20
        found.append(
            UsageEvent(
                project="acme-mail",
                id=f"message-{n}",
                type="track",
                timestamp=at - dice.choice((0, 0, 0, 0, 0, 3 * HOUR)),
                original_timestamp=at,
                received_at=at,
                name=dice.choice(NAMES),
                account=f"account-{of}",
                person=f"account-{of}-person-{dice.randrange(5)}",
                properties=msgspec.Raw(b'{"total":%d}' % contacts[of]),
            )
        )
    return found


def played(program: Program, log: list[UsageEvent], bytes_max: int) -> tuple[list[bytes], dict[Key, dict[str, object]]]:
    """What was told, and what is stored in the end."""
    shelf, told = Shelf(), list[bytes]()
    folding = Folding(shelf, Ids(), Commands(), NoInventory(), 1, 1, bytes_max, 0)
    partition = Partition(EVENTS_0, 0, 0, 0, {"acme-mail": program})
    for begin in range(0, len(log), RECORD):
        some, changes = log[begin : begin + RECORD], Changes()
        partition.time = some[-1].received_at
        place = Place(topic="events", partition=0, offset=begin, time=partition.time)
        folding.prepare({EVENTS_0: [columns_of(some)]}, [], [])
        for part in (some[: RECORD // 2], some[RECORD // 2 :]):  # so that one is packed, and changed again, in one batch
            folding.take(partition, place, columns_of(part), b"", changes)
            folding.advance(partition, place)
            folding.fold(partition, changes)
        folding.close(changes, {EVENTS_0: partition})
        shelf.keep(changes.accounts, changes.facts)
        folding.settled()
        told += [encode(each) for each in changes.lead_events]
    return told, {key: known(Account.load(*key, *stored)) for key, stored in shelf.load(shelf.keys()).items()}


def known(account: Account) -> dict[str, object]:
    """Whatever lies in the row, and what outside: that goes by how often it is written."""
    facts, ledger = account.facts, msgspec.to_builtins(account.ledger)
    of_stores = {key: facts.store(key).chunks(everything=True) for key in sorted({*facts.stores, *facts._stored})}
    return {"newest": facts.newest, "ledger": ledger, **of_stores}


@pytest.mark.parametrize("seed", range(2))
def test_with_few_accounts_at_hand_the_same_is_told_and_written_as_with_all(
    program: Program, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    pack = AccountCache._pack
    log = events(60, 4_000, Random(seed))
    told, stored = played(program, log, 1 << 40)
    assert len(told) > 20
    packed = Counter[Key]()

    def counting(cache: AccountCache, key: Key) -> None:
        packed[key] += 1
        pack(cache, key)

    monkeypatch.setattr(AccountCache, "_pack", counting)
    for each in (15_000, 11_000, 0):  # of an account: some are packed, nearly all are, and all leave the memory at once
        assert played(program, log, 60 * each + 1) == (told, stored)
    assert packed.total() > 2_000


def _accounts(program: Program, number: int, each: int) -> dict[Key, Account]:
    found: dict[Key, Account] = {}
    for n in range(number * each):
        name = f"account-{n % number}"
        account = found.get(("acme-mail", name)) or found.setdefault(("acme-mail", name), Account.new("acme-mail", name))
        at = NOON + n * HOUR // number // 10
        event = UsageEvent(
            project="acme-mail",
            id=f"message-{n}",
            type="track",
            timestamp=at,
            original_timestamp=at,
            received_at=at,
            name=NAMES[n // number % len(NAMES)],
            account=name,
            person=f"{name}-person-{n // number % 8}",
            properties=msgspec.Raw(b'{"total":7}'),
        )
        process(program, account, event, Place(topic="events", partition=0, offset=n, time=at))
    return found


@pytest.mark.parametrize("events_each", [10, 100])
def test_accounts_take_about_as_much_as_is_reckoned(program: Program, events_each: int) -> None:
    """So that what is kept in memory is bounded by what it takes. Of those with many events each has an open lead."""
    _accounts(program, 1, 1)
    gc.collect()
    tracemalloc.start()
    try:
        accounts = _accounts(program, 200, events_each)
        rows = {key: account.dump().hot for key, account in accounts.items()}
        gc.collect()
        at_hand, reckoned = tracemalloc.get_traced_memory()[0], sum(account.size for account in accounts.values())
        for key, account in accounts.items():
            account.pack(rows[key])
        del account
        gc.collect()
        packed, packed_reckoned = tracemalloc.get_traced_memory()[0], sum(account.size for account in accounts.values())
    finally:
        tracemalloc.stop()
    assert 0.7 * at_hand < reckoned < 1.3 * at_hand, (at_hand // 200, reckoned // 200)
    assert 0.7 * packed < packed_reckoned < 1.3 * packed, (packed // 200, packed_reckoned // 200)
    assert packed < 0.5 * at_hand


def test_those_used_most_stay_at_hand(program: Program) -> None:
    accounts = _accounts(program, 30, 5)
    size = max(account.size for account in accounts.values())
    cache = AccountCache(20 * size, 0)
    for key, account in accounts.items():
        cache.put(key, account)
    for _ in range(20):
        for number, (key, account) in enumerate(accounts.items()):
            cache.touch(key, account)
            cache.take(key, account, 9 if number >= 25 else 1)
            cache.make_room(key)
        cache.dumps()
        cache.close()
        cache.settled()
        assert cache.bytes <= 20 * size
    assert sum(account.is_packed for account in accounts.values()) > 10
    assert not any(account.is_packed for account in list(accounts.values())[25:])


def test_what_was_packed_in_a_batch_is_written_with_it_once(program: Program) -> None:
    accounts = _accounts(program, 3, 5)
    cache = AccountCache(1, 0)
    for key, account in accounts.items():
        cache.put(key, account)
        cache.touch(key, account)
        cache.take(key, account)
        cache.make_room(key)
    assert all(account.is_packed for account in accounts.values())
    dumps = cache.dumps()
    cache.close()
    assert dumps.keys() == accounts.keys()
    for key, dump in dumps.items():
        again = Account.load(*key, *dump)
        accounts[key].unpack()
        assert again.dump().hot == accounts[key].dump().hot == dump.hot
    assert cache.dumps() == {}
