"""SIGKILL by each process to itself at each place where a crash matters: the same leads by id, every webhook at least once.

With HANDRAISER_SOAK=1 ten seeds: other times at which the place is reached, and more accounts at once.
"""

import json
import os
import random
import signal
import time
import uuid
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
import sqlalchemy as sa
from kafka import KafkaAdminClient
from kafka.admin import MemberToRemove

from detector.core.ids import lead_id
from runtime.points import POINTS
from tests.journey.product import Process, Product, wait_until
from tests.journey.receiver import Receiver
from tests.journey.test_journey import contacts, open_shop

SEEDS = range(10) if os.environ.get("HANDRAISER_SOAK") else range(1)
TICK = "ticker.append.after"
"""Reached by a detector that starts when somebody has waited long enough, before anything else is read."""
ONCE = ("detector.acquire.after", TICK)
"""Reached once in a life here."""
DIES_WITHIN_S = 40
NEXT_ACCOUNT_S = 0.5
"""So long an account has to bring the process to its place, before another one is sent."""
ROOMS = {"ingest": ("ingest",), "detector": ("detector", "attributor", "outbox", "ticker"), "notifier": ("notifier",)}


def places(room: str, seed: int) -> list[str]:
    """Each point of a room's process once, and how often it is reached until it is the end: seed 0 takes the first time."""
    dice = random.Random(f"{room} {seed}")
    points = sorted((point for point in POINTS if point.partition(".")[0] in ROOMS[room]), key=lambda point: point != TICK)
    numbered = [point if point in ONCE or seed == 0 else f"{point}:{dice.randint(1, 3)}" for point in points]
    # the first append of an account is what the attributor forwards; the second one is the lead event
    return numbered + (["outbox.append.after:2"] if room == "detector" and seed == 0 else [])


class Shop:
    """A running product, whoever sends it accounts, and what must come of them."""

    def __init__(self, product: Product, seed: int, before_a_start: Callable[[], None] = lambda: None) -> None:
        """`before_a_start`: called after a death, before the next life."""
        self.product = product
        self.before_a_start = before_a_start
        self.receiver = Receiver()
        self.dice = random.Random(seed)
        self.burst = 1 if seed == 0 else 4
        self.accounts: list[str] = []
        self.owed: list[str] = []
        """Accounts whose request was not answered with 200: it is sent again."""
        self.key = open_shop(product, self.receiver)

    def send(self) -> None:
        """One request with a new account, or a few."""
        accounts = [f"acc-{len(self.accounts) + n}" for n in range(self.dice.randint(1, self.burst))]
        self.accounts += accounts
        self.owed += accounts
        self.send_owed()

    def send_owed(self) -> bool:
        """Once more what nobody has answered for. True: nothing is owed any more."""
        messages = [message for account in self.owed for message in contacts(account, 487)]
        try:
            if not messages or self.product.send(self.key, messages).status_code == 200:
                self.owed = []
        except httpx.TransportError:
            pass
        return not self.owed

    def dies_at(self, process: Process, place: str) -> None:
        """Start a process that is to die at `place`, and send accounts until it does."""
        self.before_a_start()
        process.start(kill_at=place)
        deadline = time.monotonic() + DIES_WITHIN_S
        next_at = 0.0
        while process.died() is None:
            now = time.monotonic()
            assert now < deadline, f"{place} was not reached: {self.product.printed()}"
            if place != TICK and now >= next_at and process.is_listening():
                self.send()
                next_at = time.monotonic() + NEXT_ACCOUNT_S
            time.sleep(0.02)
        assert process.died() == -signal.SIGKILL, (place, self.product.printed())

    def check(self) -> None:
        """All processes run: what is owed is sent, and what came of all of it is as if nothing had happened."""
        wait_until("all requests answered", self.send_owed, 40, every_s=0.1)
        self.product.settle(60)
        expected = {lead_id("shop", account, "pql", 1): account for account in self.accounts}
        leads = self.product.leads("shop")
        assert {lead["lead_id"]: lead["account"]["external_id"] for lead in leads} == expected
        assert len(leads) == len(expected)
        told = {message["data"]["lead_id"] for message in self.receiver.messages if message["type"] == "lead.created"}
        assert told == set(expected), self.product.printed()
        assert [message["id"] for message in self.receiver.messages] == self.receiver.ids
        assert self.receiver.refused == []
        self.product.verify()

    def close(self) -> None:
        self.product.close()
        self.receiver.close()


@pytest.fixture
def shops() -> Iterator[list[Shop]]:
    """Closed after the test."""
    made: list[Shop] = []
    yield made
    for shop in made:
        shop.close()


def hold_a_stranger(shop: Shop) -> None:
    """An event of nobody's account begins its ten minutes of waiting."""
    stranger = {"type": "track", "userId": "stranger", "event": "Upgrade Clicked", "messageId": "stranger"}
    assert shop.product.send(shop.key, [stranger]).status_code == 200
    shop.product.settle(20)


def waited_long_enough(url: sa.URL) -> None:
    """While no detector runs: the ten minutes of everybody who waits are over, so that the next one ticks at once."""
    engine = sa.create_engine(url)
    with engine.begin() as tx:
        assert tx.execute(sa.text("UPDATE held SET until = until - 600000")).rowcount == 1
    engine.dispose()


class Groups:
    """The consumer groups of an installation, whose dead members leave at once, and not only after the session's 6 s."""

    def __init__(self, kafka: str, prefix: str) -> None:
        self._admin: Any = KafkaAdminClient(bootstrap_servers=kafka)
        self._prefix = prefix

    def forget(self, room: str) -> None:
        """None of the room's processes lives."""
        for group in self._admin.list_groups():
            name = group["group_id"]
            if name.startswith(f"{self._prefix}{room}-"):
                members = self._admin.describe_groups([name])[name]["members"]
                self._admin.remove_group_members(name, [MemberToRemove(member_id=member["member_id"]) for member in members])

    def close(self) -> None:
        self._admin.close()


def buried(shop: Shop) -> list[str]:
    return [letter["code"] for letter in shop.product.api("detector", "GET", "/v1/deadletters")["data"]]


@pytest.mark.timeout(300)
@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("room", ["ingest", "notifier"])
def test_up_dies_at_every_place_of_its_front_process(room: str, seed: int, tmp_path: Path, shops: list[Shop]) -> None:
    shop = Shop(Product(tmp_path / "data"), seed)
    shops.append(shop)
    up = shop.product.processes["up"]
    up.kill()
    for place in places(room, seed):
        shop.dies_at(up, place)
    shop.product.restart("up")
    shop.check()


@pytest.mark.timeout(300)
@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("half", [0, 1])
def test_the_detector_of_up_dies_at_every_place_one_life_after_another(
    half: int, seed: int, tmp_path: Path, shops: list[Shop]
) -> None:
    """In two halves, for the supervisor waits longer each time that a young detector dies."""
    shop = Shop(Product(tmp_path / "data"), seed)
    shops.append(shop)
    hold_a_stranger(shop)
    assert shop.product.stop() == [0]
    waited_long_enough(sa.URL.create("sqlite", database=str(tmp_path / "data" / "detector.sqlite")))
    lives = places("detector", seed)[half::2]
    up = shop.product.processes["up"]
    up.start(kill_at=",".join(lives))
    wait_until("ready", up.is_ready, 40)

    def deaths() -> int:
        return int(shop.product.http.get(f"{up.url}/health").json()["checks"]["detector"]["restarts"])  # 503 while it is dead

    if lives[0] == TICK:
        wait_until("the first life ends", deaths, DIES_WITHIN_S)
    deadline = time.monotonic() + DIES_WITHIN_S + 10 * len(lives)
    while deaths() < len(lives):
        assert time.monotonic() < deadline, (lives, deaths())
        shop.send()
        time.sleep(NEXT_ACCOUNT_S)
    wait_until("the detector lives again", lambda: up.is_ready() and shop.product.detector_pid(), 20)
    shop.check()
    assert buried(shop) == ["unattributed"]
    assert deaths() == len(lives)
    said = map(json.loads, (tmp_path / "data" / "handraiser.log").read_text().splitlines())
    assert {line["exit_code"] for line in said if line["message"].startswith("detector died")} == {-9}


@pytest.mark.timeout(400)
@pytest.mark.parametrize("seed", SEEDS)
def test_each_service_dies_at_every_place(seed: int, tmp_path: Path, kafka: str, postgres: str, shops: list[Shop]) -> None:
    environment = {
        "HANDRAISER_KAFKA": kafka,
        "HANDRAISER_DATABASE_URL": postgres,
        "HANDRAISER_TOPIC_PREFIX": f"t{uuid.uuid4().hex[:8]}.",
        "HANDRAISER_MASTER_KEY": "k" * 43 + "=",
    }
    groups = Groups(kafka, environment["HANDRAISER_TOPIC_PREFIX"])
    shop = Shop(Product(tmp_path / "data", environment, services=True), seed)
    shops.append(shop)
    hold_a_stranger(shop)
    for room in ROOMS:
        process = shop.product.processes[room]
        process.kill()
        shop.before_a_start = partial(groups.forget, room)
        if room == "detector":
            waited_long_enough(sa.make_url(postgres).set(drivername="postgresql+psycopg"))
        for place in places(room, seed):
            shop.dies_at(process, place)
        groups.forget(room)
        shop.product.restart(room)
    groups.close()
    shop.check()
    assert buried(shop) == ["unattributed"]
