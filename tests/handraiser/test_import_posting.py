"""An import against a server that is busy, away, or behind: what is sent again, how long is waited, and what is given up."""

import threading
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

from handraiser.client import Client, Found
from handraiser.errors import CommandError
from handraiser.importing.access import WriteKey, check_access
from handraiser.importing.posting import Poster, StoppedError
from handraiser.importing.rows import Row
from handraiser.importing.settling import settle
from tests.handraiser.stand_in import Answer, StandIn

BATCH = [Row("a.ndjson", 7, b'{"n":1}'), Row("a.ndjson", 9, b'{"n":2}')]
TAKEN: Answer = (200, {}, {"accepted": 1, "rejected": [{"index": 1, "id": None, "code": "missing_type", "message": "No type."}]})
KEY = "wk_aaaaaaaa_s"


def ignore(_waiting: int) -> None:
    pass


class Script:
    """Gives its answers one after the other, the last one again and again; keeps what it was asked."""

    def __init__(self, *answers: Answer) -> None:
        self._answers = list(answers)
        self.asked: list[tuple[str, Any]] = []
        self._lock = threading.Lock()

    def __call__(self, path: str, body: Any) -> Answer:
        with self._lock:
            self.asked.append((path, body))
            return self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]


@pytest.fixture
def stop() -> Iterator[threading.Event]:
    event = threading.Event()
    yield event
    event.set()


@pytest.mark.parametrize(
    "trouble",
    [(429, {"retry-after": "0"}, {}), (503, {"retry-after": "0"}, {}), (500, {}, {}), (502, {}, "no JSON of ours"), None],
)
def test_a_batch_is_sent_again_until_it_is_taken(trouble: Answer, stop: threading.Event) -> None:
    script = Script(trouble, TAKEN)
    with closing(StandIn(script)) as server, closing(Poster(server.url, KEY, "i-1", stop)) as poster:
        posted = poster.post(BATCH)
    assert posted.accepted == 1
    assert [(problem.file, problem.line, problem.code) for problem in posted.problems] == [("a.ndjson", 9, "missing_type")]
    assert script.asked == [("/v1/events", {"historical_migration": True, "events": [{"n": 1}, {"n": 2}]})] * 2


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        ((403, {}, {"code": "import_not_allowed", "message": "Make one."}), "import_not_allowed"),
        ((404, {}, "a page of somebody else"), "http_error"),
    ],
)
def test_a_refusal_is_final(answer: Answer, code: str, stop: threading.Event) -> None:
    script = Script(answer)
    with (
        closing(StandIn(script)) as server,
        closing(Poster(server.url, KEY, "i-1", stop)) as poster,
        pytest.raises(CommandError) as error,
    ):
        poster.post(BATCH)
    assert (error.value.code, len(script.asked)) == (code, 1)


def test_a_server_that_stays_away_is_given_up_and_running_again_is_advised(stop: threading.Event) -> None:
    with (
        closing(StandIn(Script(None))) as server,
        closing(Poster(server.url, KEY, "i-1", stop, away_s_max=0.1)) as poster,
        pytest.raises(CommandError, match="run the same command again"),
    ):
        poster.post(BATCH)


def test_a_stop_ends_the_wait_for_a_busy_server(stop: threading.Event) -> None:
    busy: Answer = (429, {"retry-after": "9"}, {})

    def answer(_path: str, _body: Any) -> Answer:
        stop.set()
        return busy

    with (
        closing(StandIn(answer)) as server,
        closing(Poster(server.url, KEY, "i-1", stop)) as poster,
        pytest.raises(StoppedError),
    ):
        poster.post(BATCH)


def health(at: int, lag: int = 0, lag_s: float = 0, outbox_s: float = 0) -> Answer:
    detector = {"lag_events": lag, "lag_s": lag_s, "outbox_oldest_s": outbox_s}
    return 503, {}, {"checked_at": str(at), "checks": {"detector": detector}}


def test_the_import_ends_when_a_fresh_look_finds_nothing_waiting(stop: threading.Event) -> None:
    """What is seen first may be from before the last event; an outbox that is not empty holds events of the attributor."""
    script = Script(health(1), health(1), health(2, lag=3, lag_s=1), health(3, outbox_s=0.001), health(4), health(5))
    told: list[int] = []
    with closing(StandIn(script)) as server, Client(Found(server.url, "ak")) as client:
        assert settle(client, stop, told.append)
    assert told == [3, 0]
    assert len(script.asked) == 5


def test_a_server_that_is_started_again_meanwhile_is_waited_for(stop: threading.Event) -> None:
    script = Script(health(1, lag=3), None, None, health(2))
    with closing(StandIn(script)) as server, Client(Found(server.url, "ak")) as client:
        assert settle(client, stop, ignore)
    with (
        closing(StandIn(Script(None))) as server,
        Client(Found(server.url, "ak")) as client,
        pytest.raises(CommandError, match="No answer"),
    ):
        settle(client, stop, ignore, stuck_s=0.1)


def test_events_of_others_that_came_later_are_not_waited_for(stop: threading.Event) -> None:
    """With others sending, there is always something that waits; once it has waited less than we have, ours is read."""
    looks, told = iter(range(1_000_000)), list[int]()
    with (
        closing(StandIn(lambda _path, _body: health(next(looks), lag=9, lag_s=0.01))) as server,
        Client(Found(server.url, "ak")) as client,
    ):
        assert settle(client, stop, told.append, margin_s=0.5)
    assert told


def test_a_detector_that_stands_still_is_given_up(stop: threading.Event) -> None:
    looks = iter(range(1_000_000))
    with (
        closing(StandIn(lambda _path, _body: health(next(looks), lag=9, lag_s=99))) as server,
        Client(Found(server.url, "ak")) as client,
        pytest.raises(CommandError, match="9 records wait"),
    ):
        settle(client, stop, ignore, stuck_s=0.5)


def test_an_address_that_tells_nothing_of_the_detector_ends_no_import(stop: threading.Event) -> None:
    script = Script((200, {}, {"checked_at": "1", "checks": {"ingest": {}}}))
    with closing(StandIn(script)) as server, Client(Found(server.url, "ak")) as client:
        assert not settle(client, stop, ignore)


def keys(**more: Any) -> Answer:
    row = {"id": "aaaaaaaa", "project": "acme", "revoked_at": None, "may_import": True}
    return 200, {}, {"data": [row | more], "next": None}


RULEBOOK: Answer = (200, {}, {"data": [{"version": 1}], "next": None})
PROJECTS: Answer = (200, {}, {"data": [{"name": "acme"}, {"name": "beta"}], "next": None})


@pytest.mark.parametrize(
    ("answers", "key", "project", "code"),
    [
        ([keys()], WriteKey("wk_bbbbbbbb_s", chosen=True), None, "unknown_key"),
        ([keys()], WriteKey("nothing", chosen=True), None, "unknown_key"),
        ([keys()], WriteKey(KEY, chosen=True), "beta", "other_project"),
        ([keys(revoked_at="2026-01-01T00:00:00.000Z")], WriteKey(KEY, chosen=True), None, "revoked_key"),
        ([keys(may_import=False)], WriteKey(KEY, chosen=True), None, "import_not_allowed"),
        ([keys(), (200, {}, {"data": [], "next": None})], WriteKey(KEY, chosen=True), None, "no_rulebook"),
        ([PROJECTS], WriteKey(KEY, chosen=False), None, "project_ambiguous"),
    ],
)
def test_what_is_missing_is_said_before_anything_is_sent(
    answers: list[Answer], key: WriteKey, project: str | None, code: str
) -> None:
    with (
        closing(StandIn(Script(*answers))) as server,
        Client(Found(server.url, "ak")) as client,
        pytest.raises(CommandError) as error,
    ):
        check_access(client, key, project)
    assert error.value.code == code


@pytest.mark.parametrize("rulebooks", [RULEBOOK, (404, {}, {"code": "not_found", "message": "There is nothing here."})])
def test_a_key_that_may_import_says_the_project(rulebooks: Answer) -> None:
    """Where ingest runs by itself, nobody there knows of rulebooks."""
    with closing(StandIn(Script(keys(), rulebooks))) as server, Client(Found(server.url, "ak")) as client:
        assert check_access(client, WriteKey(KEY, chosen=True), "acme") == "acme"


def test_what_accounts_are_may_be_said_with_any_key_but_a_browsers() -> None:
    """Ingest would drop all of it, and say nothing."""
    plain = keys(may_import=False, trust="server")
    with closing(StandIn(Script(plain, RULEBOOK))) as server, Client(Found(server.url, "ak")) as client:
        assert check_access(client, WriteKey(KEY, chosen=True), "acme", history=False) == "acme"
    browser = keys(may_import=False, trust="browser")
    with (
        closing(StandIn(Script(browser, RULEBOOK))) as server,
        Client(Found(server.url, "ak")) as client,
        pytest.raises(CommandError) as error,
    ):
        check_access(client, WriteKey(KEY, chosen=True), "acme", history=False)
    assert error.value.code == "browser_key"
