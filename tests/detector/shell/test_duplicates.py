"""A message id counts once, however often and by whatever way its event comes; two ids are two events, whatever they say.

What a client sends goes through ingest's own normalising, as one request each; the log, the database and the worker are real.
"""

import json
from itertools import count
from typing import Any

import pytest

from contracts.codec import encode_event, encode_frames
from contracts.messages import EVENTS, UNATTRIBUTED, RecordKind, UsageEvent
from detector.shapes import iso
from eventlog.port import Entry
from ingest.core.dialect import Sent
from ingest.core.normalise import Arrival, normalise
from ingest.core.segment import read_segment
from tests.detector.shell.samples import HOUR, MINUTE, NOON
from tests.detector.shell.world import RULEBOOK, World

DAY = 24 * HOUR
START = NOON + 8 * DAY
"""So that a week later the month, by which e-mails are counted, is the same."""
FIVE_EMAILS = RULEBOOK.replace("emails: 1000}", "emails: 5}")
"""The fourth is 80 % of what the plan allows, and makes a lead."""


@pytest.fixture
def counting(world: World) -> World:
    world.now = START
    assert world.apply(FIVE_EMAILS) == 2
    world.drain()
    return world


class Client:
    """An SDK: what it sends at `world.now`, as ingest writes it."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._random = count()

    def request(self, *messages: dict[str, Any], sent_at: int | None = None) -> list[UsageEvent]:
        """The usage events of one request."""
        body: dict[str, Any] = {"batch": messages}
        if sent_at is not None:
            body["sentAt"] = iso(sent_at)
        envelope = read_segment(Sent("batch", json.dumps(body).encode(), {}))
        arrival = Arrival("mail", "key", "server", self._world.now, lambda: f"random-{next(self._random)}")
        done = normalise(envelope.split(), envelope, None, arrival)
        assert done.rejections == []
        return done.events

    def send(self, *messages: dict[str, Any], sent_at: int | None = None) -> None:
        self._world.arrive(*self.request(*messages, sent_at=sent_at))


def email(message_id: str | None = None, at: int | None = START, account: str | None = "acme") -> dict[str, Any]:
    """As a client says that an e-mail was sent; `at` None: it gives no time."""
    message: dict[str, Any] = {"type": "track", "event": "Email Sent", "userId": "ada"}
    if message_id is not None:
        message["messageId"] = message_id
    if at is not None:
        message["timestamp"] = iso(at)
    if account is not None:
        message["context"] = {"groupId": account}
    return message


def counted(world: World) -> int:
    """How many e-mails the detector has counted: new ones are sent until the lead of the fourth is there."""
    world.drain()
    client = Client(world)
    for more in range(5):
        if world.leads():
            return 4 - more
        client.send(email(f"more-{more}", world.now))
        world.drain()
    raise AssertionError(world.leads())


def frame(world: World, *events: UsageEvent) -> None:
    """Exactly one record, whatever came before it."""
    (value,) = encode_frames(RecordKind.EVENTS, map(encode_event, events))
    world.append(Entry(EVENTS, 0, value))


def test_without_copies_each_counts(counting: World) -> None:
    """Or the others here would prove nothing."""
    Client(counting).send(email("m1"), email("m2"))

    assert counted(counting) == 2


def test_at_once_in_the_same_request(counting: World) -> None:
    Client(counting).send(email("m1"), email("m1"), email("m1"))

    assert counted(counting) == 1


def test_in_other_batches_of_the_detector_and_among_other_events(counting: World) -> None:
    client = Client(counting)
    client.send(email("m1"), email("m2"))
    client.send(email("m3"), email("m1"))
    counting.drain()
    client.send(email("m2"))

    assert counted(counting) == 3


@pytest.mark.parametrize("restarts", [False, True])
@pytest.mark.parametrize("later", [MINUTE, HOUR, 6 * DAY])
def test_later_with_its_own_time(counting: World, later: int, restarts: bool) -> None:
    """Six days later it is far beyond lateness too, and still the same event."""
    Client(counting).send(email("m1"))
    counting.drain()
    if restarts:
        counting.restart()
    counting.now += later
    Client(counting).send(email("m1"))

    assert counted(counting) == 1


def test_with_another_sent_at_which_moves_its_corrected_time(counting: World) -> None:
    """Each try renews `sentAt`; of a client whose clock is wrong each copy then has another timestamp."""
    client = Client(counting)
    first, again = (client.request(email("m1"), sent_at=START + off)[0] for off in (3 * HOUR, 2 * HOUR))
    assert first.timestamp != again.timestamp
    counting.arrive(first)
    counting.arrive(again)

    assert counted(counting) == 1


def test_without_an_id_a_time_makes_one_and_a_retry_the_same(counting: World) -> None:
    client = Client(counting)
    client.send(email(), sent_at=START)
    counting.now += MINUTE
    client.send(email(), sent_at=counting.now)
    client.send(email(at=START + 1), sent_at=counting.now)

    assert counted(counting) == 2


@pytest.mark.parametrize(("later", "counts"), [(0, 1), (HOUR, 1), (2 * HOUR, 1), (4 * HOUR, 2)])
def test_without_any_time_it_is_recognised_within_two_hours_of_receipt(counting: World, later: int, counts: int) -> None:
    """Beyond, it counts again: nothing says that it is old."""
    Client(counting).send(email("m1", at=None))
    counting.drain()
    counting.now += later
    Client(counting).send(email("m1", at=None))

    assert counted(counting) == counts


def test_in_two_requests_at_the_same_time_in_one_frame_and_in_two(counting: World) -> None:
    client = Client(counting)
    one, other = (client.request(email("m1"), email("m2"), sent_at=START + n) for n in range(2))
    frame(counting, *one, *other)  # as the batcher does with requests that wait together
    frame(counting, *other, *one)

    assert counted(counting) == 2


def test_after_a_crash_between_append_and_answer(counting: World) -> None:
    """The log has it, the client heard nothing and sends it again, to another process at another time."""
    events = Client(counting).request(email("m1"), email("m2"))
    frame(counting, *events)
    frame(counting, *events)  # an append whose outcome was unknown, made again byte for byte
    counting.restart()
    counting.now += 30_000
    counting.arrive(*Client(counting).request(email("m1"), email("m2"), sent_at=counting.now))

    assert counted(counting) == 2


def test_by_the_way_of_its_persons_account(counting: World) -> None:
    """Most events name no account: the copies go through `unattributed`, and some come back from there after a crash."""
    client = Client(counting)
    client.send({"type": "group", "userId": "ada", "groupId": "acme", "timestamp": iso(START), "messageId": "g"})
    nameless = email("m1", account=None)
    client.send(nameless, nameless)
    counting.drain()
    counting.restart()
    counting.now += MINUTE
    client.send(nameless)
    counting.send(*client.request(nameless), topic=UNATTRIBUTED)

    assert counted(counting) == 1


def test_ids_that_differ_with_equal_content_are_two_events(counting: World) -> None:
    Client(counting).send(email("m1"), email("m2"), email("M1"))

    assert counted(counting) == 3


def test_an_id_means_nothing_outside_its_account(counting: World) -> None:
    Client(counting).send(email("m1", account="bolt"), email("m1"), email("m2"))

    assert counted(counting) == 2


def test_of_copies_that_differ_the_first_in_the_log_wins(counting: World) -> None:
    client = Client(counting)
    client.send(email("m1"))
    client.send({**email("m1"), "event": "Upgrade Clicked"})
    counting.drain()
    assert counting.leads() == []

    client.send({**email("m2"), "event": "Upgrade Clicked"})
    counting.drain()
    assert counting.leads() == [("acme", "service_sql", "open")]


def test_a_batch_that_was_lost_before_its_commit_is_counted_once_when_read_again(counting: World) -> None:
    client = Client(counting)
    client.send(email("m1"), email("m2"))
    assert counting.worker.run_once(0)  # computed, and handed over to be committed
    counting.restart()
    client.send(email("m1"))

    assert counted(counting) == 2
