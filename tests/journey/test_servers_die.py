"""PostgreSQL and the broker killed and back again, or standing still while we are told to stop."""

import time
import uuid
from pathlib import Path

import psycopg
import pytest

from tests.journey.conftest import OwnServer
from tests.journey.product import Product
from tests.journey.receiver import Receiver
from tests.journey.test_crash_matrix import Shop
from tests.journey.test_journey import contacts, open_shop

SOON = ["-c", "from handraiser import cli, serving; serving.LEAVE_S = 3; cli.main()"]
"""In place of `-m handraiser`: so that nobody has to wait as long as operators do."""


@pytest.mark.timeout(240)
def test_a_database_or_a_broker_that_is_killed_and_comes_back_costs_no_lead(
    own_kafka: OwnServer, own_postgres: OwnServer, tmp_path: Path
) -> None:
    environment = {"HANDRAISER_KAFKA": own_kafka.address, "HANDRAISER_DATABASE_URL": own_postgres.address}
    with psycopg.connect(own_postgres.address) as database:
        for setting in ("fsync", "synchronous_commit", "full_page_writes"):
            assert database.execute("SELECT current_setting(%s)", [setting]).fetchone() == ("on",)
    shop = Shop(Product(tmp_path / "data", environment), seed=0)
    try:
        for server in (own_postgres, own_kafka):
            count = len(shop.receiver.messages)
            shop.send()
            assert shop.receiver.wait(lambda r, n=count: len(r.messages) > n, 20), shop.product.printed()  # type: ignore[misc]
            for _ in range(3):
                shop.send()
            server.kill()
            for _ in range(3):
                shop.send()  # what is not taken now is owed
            server.start_again()
            shop.send()
        shop.check()
    finally:
        shop.close()


@pytest.mark.timeout(120)
def test_a_process_that_is_told_to_stop_ends_in_time_though_the_database_stands_still(
    kafka: str, own_postgres: OwnServer, tmp_path: Path
) -> None:
    environment = {
        "HANDRAISER_KAFKA": kafka,
        "HANDRAISER_TOPIC_PREFIX": f"t{uuid.uuid4().hex[:8]}.",
        "HANDRAISER_DATABASE_URL": own_postgres.address,
        "HANDRAISER_MASTER_KEY": "k" * 43 + "=",
    }
    product, receiver = Product(tmp_path / "data", environment, services=True), Receiver()
    for process in product.processes.values():
        process._command[1:3] = SOON
    try:
        key = open_shop(product, receiver)
        with own_postgres.stopped():
            assert product.send(key, contacts("acc", 487)).status_code == 200
            time.sleep(3)  # until each of them waits for the database
            began = time.monotonic()
            assert product.stop() == [0, 0, 0], product.printed()
            assert time.monotonic() - began < 8
        assert product.printed().count("something hangs") == 3
        product.start()
        assert receiver.wait(lambda r: bool(r.messages), 30), product.printed()
    finally:
        product.close()
        receiver.close()
