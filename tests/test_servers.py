"""The servers that the other tests use are real and fresh."""

import psycopg
from kafka import KafkaAdminClient


def test_the_broker_answers(kafka: str) -> None:
    admin = KafkaAdminClient(bootstrap_servers=kafka)
    assert admin.describe_cluster()["brokers"]
    admin.close()


def test_the_database_is_empty(postgres: str) -> None:
    with psycopg.connect(postgres) as database:
        assert database.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").fetchone() == (0,)
