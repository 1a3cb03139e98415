"""Where events go that the log does not take: kept in order, bounded, handed over, adopted from the dead."""

import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from contracts.messages import EVENTS
from eventlog.log_embedded import EmbeddedLog
from eventlog.port import Entry, LogError, Topic
from ingest.spool import Spool, open_spools
from ingest.spooling import SpoolingProducer
from tests.ingest.served import NOW


def clock() -> int:
    return NOW


def entry(value: str, partition: int = 0) -> Entry:
    return Entry(EVENTS, partition, value.encode())


class Log:
    """A real log that can be away, and whose producers say how often they were asked."""

    def __init__(self, path: Path) -> None:
        self.log = EmbeddedLog(path, clock)
        self.log.ensure_topics([Topic(EVENTS, 2, 3_600)])
        self.away = False
        self.error: Exception = LogError("The log is away.")
        self.asked = 0
        self.producer = self.log.producer()

    def connect(self) -> "Log":
        if self.away:
            raise LogError("The log is away.")
        return self

    def append(self, entries: Sequence[Entry], timeout_s: float) -> None:
        self.asked += 1
        if self.away:
            raise self.error
        self.producer.append(entries, timeout_s)

    def close(self) -> None:
        """Closed with the test."""

    def values(self, partition: int = 0) -> list[str]:
        consumer = self.log.consumer([EVENTS])
        for at in consumer.assignment():
            consumer.seek(at, 0)
        records = consumer.poll(0, 1 << 24)
        consumer.close()
        return [record.value.decode() for record in records if record.partition == partition]


@pytest.fixture
def log(tmp_path: Path) -> Iterator[Log]:
    log = Log(tmp_path / "log.sqlite")
    yield log
    log.producer.close()


@contextmanager
def spooling(log: Log, root: Path, bytes_max: int = 1000) -> Iterator[SpoolingProducer]:
    producer = SpoolingProducer(log.connect, open_spools(root, clock, bytes_max))
    try:
        yield producer
    finally:
        producer.close()


def test_a_log_that_is_there_is_all_that_is_asked(log: Log, tmp_path: Path) -> None:
    with spooling(log, tmp_path / "spool") as producer:
        producer.append([entry("a")], 1)
        assert not producer.spooling
        assert producer.state().bytes == 0
    assert log.values() == ["a"]


def test_what_the_log_does_not_take_waits_and_is_handed_over_in_order(log: Log, tmp_path: Path) -> None:
    with spooling(log, tmp_path / "spool") as producer:
        log.away = True
        producer.append([entry("a"), entry("b")], 1)
        asked = log.asked
        producer.append([entry("c")], 1)
        assert log.asked == asked, "after the first failure nothing waits for the log"
        assert (producer.state().bytes, producer.state().oldest_at, producer.state().failing) == (3, NOW, "The log is away.")
        assert not producer.drain_once()
        log.away = False
        producer.append([entry("d")], 1)
        assert log.values() == [], "what comes while something waits stands behind it"
        while producer.drain_once():
            pass
        producer.append([entry("e")], 1)
        assert (producer.spooling, producer.state().bytes, producer.state().failing) == (False, 0, None)
    assert log.values() == ["a", "b", "c", "d", "e"]


def test_whatever_a_client_raises_is_a_log_that_is_away(log: Log, tmp_path: Path) -> None:
    with spooling(log, tmp_path / "spool") as producer:
        producer.append([entry("0")], 1)
        log.away, log.error = True, RuntimeError("The client is closed.")
        producer.append([entry("a")], 1)
        assert producer.state().failing == "RuntimeError('The client is closed.')"
        assert not producer.drain_once()
        log.away = False
        while producer.drain_once():
            pass
    assert log.values() == ["0", "a"]


def test_a_thread_drains_by_itself(log: Log, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ingest.spooling.TRY_AGAIN_S", 0.01)
    log.away = True
    with spooling(log, tmp_path / "spool", 1 << 20) as producer:
        producer.start()
        sent = [f"{number:03}" for number in range(100)]
        back = threading.Timer(0.1, lambda: setattr(log, "away", False))
        back.start()
        for value in sent:
            producer.append([entry(value)], 1)
            time.sleep(0.003)
        deadline = time.monotonic() + 20
        while producer.spooling and time.monotonic() < deadline:
            time.sleep(0.01)
        back.join()
    assert log.values() == sent


def test_a_log_that_was_never_there(log: Log, tmp_path: Path) -> None:
    log.away = True
    with spooling(log, tmp_path / "spool") as producer:
        producer.append([entry("a")], 1)
        log.away = False
        while producer.drain_once():
            pass
    assert log.values() == ["a"]


def test_a_full_spool_takes_nothing_and_keeps_what_it_has(log: Log, tmp_path: Path) -> None:
    with spooling(log, tmp_path / "spool", bytes_max=10) as producer:
        log.away = True
        producer.append([entry("123456")], 1)
        with pytest.raises(LogError, match="is full"):
            producer.append([entry("12345")], 1)
        producer.append([entry("1234")], 1)
        log.away = False
        while producer.drain_once():
            pass
        producer.append([entry("more than ten bytes")], 1)
    assert log.values() == ["123456", "1234", "more than ten bytes"]


def test_what_a_dead_process_left_is_adopted_and_comes_first(log: Log, tmp_path: Path) -> None:
    root = tmp_path / "spool"
    code = (
        "import sys, os, signal; from pathlib import Path; from eventlog.port import Entry\n"
        "from ingest.spool import open_spools\n"
        "spool = open_spools(Path(sys.argv[1]), lambda: 5)[0]\n"
        "spool.put([Entry('events', 0, sys.argv[2].encode())]); print(spool.folder.name, flush=True); "
        "sys.stdin.read(1); os.kill(os.getpid(), signal.SIGKILL)"
    )
    processes = [
        subprocess.Popen([sys.executable, "-c", code, str(root), name], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for name in ("first", "second")
    ]
    folders = [process.stdout.readline().strip() for process in processes if process.stdout]
    assert sorted(folders) == ["0", "1"], "each process has a folder of its own"
    with spooling(log, root) as live:
        live.append([entry("mine")], 1)
        assert not live.spooling, "what living processes have is theirs"
    for process in processes:
        process.communicate("x")
        assert process.returncode == -signal.SIGKILL
    with spooling(log, root) as heir:
        assert (heir.state().bytes, heir.state().oldest_at) == (len("firstsecond"), 5)
        heir.append([entry("new")], 1)
        while heir.drain_once():
            pass
    assert log.values()[0] == "mine"
    assert sorted(log.values()) == ["first", "mine", "new", "second"]
    with spooling(log, root) as nobody:
        assert not nobody.spooling


def test_a_disk_that_takes_no_more_is_said_and_nothing_is_lost(tmp_path: Path) -> None:
    spool = Spool(tmp_path, clock, 1 << 40)
    spool.put([entry("a")])
    size = max(file.stat().st_size for file in tmp_path.iterdir())
    before, xfsz = resource.getrlimit(resource.RLIMIT_FSIZE), signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (size + 100_000, before[1]))
        with pytest.raises(LogError, match="cannot be used"):
            spool.put([entry("x" * 1_000_000)])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, xfsz)
    spool.put([entry("b")])
    assert [each.value for each in spool.oldest(100).entries] == [b"a", b"b"]
    assert spool.bytes == 2
    spool.close()


def test_the_disk_has_its_room_back_when_all_is_drained(tmp_path: Path) -> None:
    spool = Spool(tmp_path, clock)
    for _ in range(50):
        spool.put([entry("x" * 100_000)])
    sizes = []
    while (oldest := spool.oldest(1_000_000)).entries:
        assert len(oldest.entries) == 10
        spool.drop(oldest)
        sizes.append(spool.bytes)
    assert sizes == [4_000_000, 3_000_000, 2_000_000, 1_000_000, 0]
    spool.close()
    assert sum(file.stat().st_size for file in tmp_path.iterdir()) < 100_000


def test_it_is_found_again_as_it_was(tmp_path: Path) -> None:
    spool = Spool(tmp_path, clock)
    spool.put([entry("a", 1), entry("b" * 100, 0)])
    spool.close()
    again = Spool(tmp_path, clock)
    assert (again.bytes, again.oldest_at) == (101, NOW)
    assert again.oldest(50).entries == [entry("a", 1)], "as much as fits"
    assert again.oldest(0).entries == [entry("a", 1)], "or one"
    again.drop(again.oldest(50))
    assert again.oldest(50).entries == [entry("b" * 100, 0)]
    again.close()


def test_a_damaged_spool_is_left_as_it_is_and_another_is_taken(log: Log, tmp_path: Path) -> None:
    root = tmp_path / "spool"
    (root / "0").mkdir(parents=True)
    (root / "0" / "spool.sqlite").write_bytes(b"no database at all" * 100)
    log.away = True
    with spooling(log, root) as producer:
        producer.append([entry("a")], 1)
        log.away = False
        while producer.drain_once():
            pass
    assert log.values() == ["a"]
    assert (root / "0" / "spool.sqlite").read_bytes() == b"no database at all" * 100
