"""PostgreSQL and the broker killed and back again."""

from pathlib import Path

import pytest

from tests.journey.conftest import OwnServer
from tests.journey.product import Product
from tests.journey.test_crash_matrix import Shop


@pytest.mark.timeout(240)
def test_a_database_or_a_broker_that_is_killed_and_comes_back_costs_no_lead(
    own_kafka: OwnServer, own_postgres: OwnServer, tmp_path: Path
) -> None:
    environment = {"HANDRAISER_KAFKA": own_kafka.address, "HANDRAISER_DATABASE_URL": own_postgres.address}
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
