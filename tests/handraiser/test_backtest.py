"""`handraiser rules backtest`: from the log beside a running server, and from files; what it says, draws and refuses."""

import json
import re
import sqlite3
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import httpx
import pytest

from contracts.messages import EVENTS
from detector.backtest.source import FromFrames
from detector.reading import Frame, read
from detector.rulebooks import trial
from eventlog.log_embedded import EmbeddedLog
from eventlog.port import Entry, Topic
from handraiser.backtest.asking import Installation, Question, instant, log_of
from handraiser.backtest.history import prepared
from handraiser.backtest.telling import arrow
from handraiser.errors import CommandError
from handraiser.ground import Ground
from handraiser.importing.progress import shown
from handraiser.importing.run import open_files
from handraiser.plots import bars
from runtime.settings import Settings
from tests.handraiser.conftest import Running, command, until

STRICTER = trial().replace("project: acme-mail", "project: acme-mail\nrules: {premium: {when: [premium_days >= 300]}}", 1)
NAUGHTY = "<script>alert('acme')</script>"


def line(at: str, **event: Any) -> str:
    return json.dumps({"type": "track", "timestamp": at, "userId": "ada", **event})


def contacts(at: str, total: int, **event: Any) -> str:
    return line(at, event="Contact Count Changed", properties={"total": total}, **event)


def plan(at: str, name: str) -> str:
    return line(at, type="group", groupId=NAUGHTY, traits={"plan": name})


def history(at: Path, *lines: str) -> Path:
    at.write_text("".join(f"{each}\n" for each in lines))
    return at


@pytest.fixture
def book(tmp_path: Path) -> Path:
    (tmp_path / "mine.yaml").write_text(trial())
    return tmp_path / "mine.yaml"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Two accounts pass 70 %, one of them 80 % and then it buys; in no order of time, and not every line can be used."""
    return history(
        tmp_path / "history.ndjson",
        plan("2026-03-20T09:00:00Z", "standard"),
        contacts("2026-03-05T09:00:00Z", 420),
        plan("2026-03-01T09:00:00Z", "free"),
        contacts("2026-03-04T09:00:00Z", 360, groupId="bolt"),
        contacts("2026-03-04T09:00:00Z", 100, userId="stranger"),
        contacts("2026-06-01T09:00:00Z", 100, groupId="bolt"),
        "{}",
    )  # fmt: skip


class Tags(HTMLParser):
    """What a document is made of; every tag that is opened is closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.links: list[str] = []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [value or "" for name, value in attrs if name in ("src", "href", "xlink:href", "action")]
        if tag not in ("meta", "br"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002
        self.tags.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_of_a_file_without_a_server_a_table_a_document_and_a_page(file: Path, book: Path, tmp_path: Path) -> None:
    asked = ("rules", "backtest", str(file), "--rulebook", str(book), "--data", str(tmp_path / "nowhere"), "--sweep", "limit=70%")
    done = command(*asked, "--html", str(tmp_path / "report.html"))
    assert done.returncode == 0, done.stderr
    assert "1 lead, 0.076 a week. Of 1 that is at least 30 days old, 1 was followed by a win" in done.stdout
    assert re.search(r"limit/contacts +pql +1 +0.076 +1 of 1 +15 ", done.stdout)
    assert "80 → 70 %: 0.076 → 0.15 leads a week, won 1 of 1 → 1 of 2" in done.stdout
    assert "1 row could not be used, and 5 events could." in done.stdout
    assert "1 event named no account" in done.stdout

    page = (tmp_path / "report.html").read_text()
    tags = Tags(page)
    assert tags.tags.count("svg") == 2
    assert "script" not in tags.tags
    assert tags.links == []
    assert "url(" not in page
    assert "default-src 'none'" in page

    said = json.loads(command(*asked, "--json").stdout)
    assert (said["all"]["leads"], said["all"]["won"], said["wins"]["unseen"], said["compared"]) == (1, 1, 0, None)
    assert [(each["value"], each["all"]["leads"]) for each in said["sweeps"][0]["values"]] == [("70%", 2), ("80%", 1)]
    assert not (tmp_path / "nowhere").exists()


def test_events_of_files_find_their_accounts_and_their_order(file: Path, tmp_path: Path) -> None:
    files = open_files([file], None)
    done = prepared(files, "acme-mail", ("group",), tmp_path, shown(files))
    frames = [read(record) for batch in FromFrames(done.path).batches() for record in batch.records]
    events = [event for frame in frames if isinstance(frame, Frame) and frame.columns for event in frame.columns.events()]
    assert [(event.timestamp, event.account) for event in events] == sorted((event.timestamp, event.account) for event in events)
    assert [event.account for event in events] == [NAUGHTY, "bolt", NAUGHTY, NAUGHTY, "bolt"]
    assert all(event.received_at == event.timestamp and not event.historical for event in events)
    assert (done.events, done.rejected, done.nobodys) == (5, 1, 1)
    assert [each.name for each in tmp_path.iterdir() if each.name not in ("history.ndjson", "mine.yaml")] == ["frames"]


def test_beside_a_running_server_it_finds_what_is_live_and_what_another_rulebook_would_change(
    start: Callable[..., Running], tmp_path: Path
) -> None:
    running = start("--try")
    assert running.handraiser("try", "--fast").returncode == 0

    def both() -> dict[str, Any] | None:
        """The pretend customer of `up --try` goes on meanwhile."""
        said: dict[str, Any] = running.json("rules", "backtest")
        return said if said["all"]["leads"] == len(running.json("leads", "list")["data"]) else None

    said = until("as many leads as are live", both, 40)
    assert said["all"]["leads"] >= 4
    assert (said["rulebook"], said["compared"]) == ("version 1", None)
    assert said["wins"]["by_plan"] == said["wins"]["seen"] >= 1

    other = tmp_path / "other.yaml"
    other.write_text(
        trial().replace("project: acme-mail", "project: acme-mail\nrules: {premium: {when: [premium_days >= 300]}}", 1)
    )
    against = running.json("rules", "backtest", "--rulebook", str(other))["compared"]
    assert (against["against"], against["new"]) == ("version 1", 0)
    assert against["gone"] >= 1
    assert {each["rule"] for each in against["examples"]["gone"]} == {"premium"}
    _over_the_api(running, against)


def _over_the_api(running: Running, against: dict[str, Any]) -> None:
    """The same, in the background; one at a time; a wrong question is answered by its own result."""
    asked = {"project": "acme-mail", "rulebook": STRICTER, "from": "2026-01-01", "sweep": ["limit=70%"]}
    started = running.api.post("/v1/backtests", json=asked)
    assert (started.status_code, started.json()["status"]) == (202, "running")
    busy = running.api.post("/v1/backtests", json=asked)
    assert (busy.status_code, busy.json()["code"]) == (409, "backtest_running")
    said = _over(running, started)
    assert (said["status"], said["percent"], said["error"]) == ("done", 100, None)
    assert said["report"]["compared"]["gone"] >= against["gone"]
    assert [each["value"] for each in said["report"]["sweeps"][0]["values"]] == ["70%", "80%"]

    wrong = _over(running, running.api.post("/v1/backtests", json=asked | {"sweep": ["limt=70%"]}))
    assert (wrong["status"], wrong["error"]["code"], wrong["report"]) == ("failed", "invalid_sweep", None)
    assert running.api.post("/v1/backtests", json=asked | {"project": "--html=/tmp/x"}).status_code == 422
    assert running.api.get("/v1/backtests/bt_1").json()["code"] == "backtest_not_found"
    assert running.http.post("/v1/backtests", json=asked).status_code == 401


def _over(running: Running, started: httpx.Response) -> dict[str, Any]:
    url = f"/v1/backtests/{started.json()['backtest_id']}"
    said: dict[str, Any] = until("it is over", lambda: (got := running.api.get(url).json())["status"] != "running" and got, 60)
    return said


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--data", "nowhere"), "There is no log in the folder nowhere. Name an installation's data folder"),
        (("h.csv", "--data", "nowhere"), "h.csv cannot be read"),
        (("FILE", "--data", "nowhere"), "There is no installation in nowhere, so no applied rulebook: say --rulebook FILE."),
        (("FILE", "--rulebook", "BOOK", "--from", "spring"), "--from spring: this is no time. Write a day, 2026-03-01"),
        (("FILE", "--rulebook", "BOOK", "--sweep", "limt=70%"), "the rulebook has no rule limt. Did you mean 'limit'?"),
        (("FILE", "--rulebook", "BOOK", "--from", "2026-03-01", "--to", "2026-03-01"), "--from must be earlier than --to"),
        (("FILE", "--rulebook", "BOOK", "--html", "no/such/folder.html"), "cannot be written: there is no folder"),
    ],
)
def test_what_it_cannot_do_it_says(arguments: tuple[str, ...], says: str, file: Path, book: Path) -> None:
    named = {"FILE": str(file), "BOOK": str(book)}
    done = command("rules", "backtest", *(named.get(each, each) for each in arguments))
    assert (done.returncode, done.stdout) == (1, "")
    assert says in done.stderr
    assert not Path("nowhere").exists()


def test_a_log_that_was_cut_is_refused_unless_one_asks_for_what_is_left(tmp_path: Path) -> None:
    now = instant("2026-03-01", "")
    log = EmbeddedLog(tmp_path / "log.sqlite", lambda: now)
    topics = log.ensure_topics([Topic(EVENTS, 1, 90 * 86_400)])
    log.producer().append([Entry(EVENTS, 0, b"\x01t{}")] * 3, 5)
    with sqlite3.connect(tmp_path / "log.sqlite") as changed:
        changed.execute("UPDATE partitions SET first = 2")
    there = Installation("mail", ground=Ground(Settings(data=tmp_path), log, topics))
    settings = Settings(data=tmp_path)

    for since in (None, now - 1):
        with pytest.raises(
            CommandError, match=r"The log begins at 2026-03-01T00:00:00.000Z.*Say --from 2026-03-01T00:00:00.000Z"
        ):
            log_of(settings, there, Question(since=since))
    assert there.notes == []
    assert log_of(settings, there, Question(since=now)).total == 1
    assert "what accounts did before is not known" in there.notes[0]
    log.close()


@pytest.mark.parametrize(
    ("said", "ms"),
    [
        ("2026-03-01", 1_772_323_200_000),
        ("2026-03-01T01:00:00+01:00", 1_772_323_200_000),
        ("2026-03-01 00:00:00.001", 1_772_323_200_001),
    ],
)
def test_a_time_is_a_day_or_an_instant(said: str, ms: int) -> None:
    assert instant(said, "--from") == ms


def test_a_change_names_a_common_unit_once() -> None:
    assert (arrow("80%", "70%"), arrow("3", "5"), arrow("42 %", "29 %")) == ("80 → 70 %", "3 → 5", "42 → 29 %")


def test_columns_are_as_high_as_their_numbers_and_names_do_no_harm() -> None:
    drawn = bars([("2026-03-02", {NAUGHTY: 1, "xql": 3}), ("2026-03-09", {})], [NAUGHTY, "xql"], NAUGHTY)
    heights = [float(each) for each in re.findall(r'height="([\d.]+)"', drawn)]
    assert heights == [pytest.approx(heights[1] / 3, abs=0.1), heights[1]]
    assert "<script" not in drawn
