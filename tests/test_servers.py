"""The servers that the other tests use are real, fresh and durable."""

import psycopg
from kafka import KafkaAdminClient


def test_the_broker_answers(kafka: str) -> None:
    admin = KafkaAdminClient(bootstrap_servers=kafka)
    assert admin.describe_cluster()["brokers"]
    admin.close()


def test_the_database_is_empty_and_durable(postgres: str) -> None:
    with psycopg.connect(postgres) as database:
        assert database.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").fetchone() == (0,)
        for setting in ("fsync", "synchronous_commit", "full_page_writes"):
            assert database.execute("SELECT current_setting(%s)", [setting]).fetchone() == ("on",)
