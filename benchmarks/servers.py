"""Where a benchmark runs: the embedded log and SQLite, or Apache Kafka and PostgreSQL with durable defaults, asserted.

Both servers are started once a run, on the cores that measure nothing, and end with it; HANDRAISER_TEST_KAFKA and
HANDRAISER_TEST_POSTGRES name others.
"""

import os
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import psycopg
from cryptography.fernet import Fernet
from kafka import KafkaAdminClient
from kafka.admin import ConfigResource, ConfigResourceType

from benchmarks.measure import OTHERS, on
from tests.servers import (
    KAFKA_VERSION,
    kafka_address,
    kafka_jars,
    postgres_address,
    postgres_binaries,
    start_kafka,
    start_postgres,
)

KINDS = ("embedded", "kafka")
POSTGRES_ON = ("fsync", "synchronous_commit", "full_page_writes")
KAFKA_FLUSHES = ["log.flush.interval.messages", "log.flush.interval.ms", "log.flush.scheduler.interval.ms"]
"""What decides when a broker forces its disk. Kafka's defaults leave that to the system and to replicas; here is one."""


@contextmanager
def place(kind: str) -> Iterator[tuple[Path, dict[str, str]]]:
    """(data folder, HANDRAISER_* environment) of a fresh installation on a real disk."""
    with disk_folder() as folder:
        data = folder / "data"
        if kind == "embedded":
            yield data, {}
            return
        with new_database() as url:
            yield (
                data,
                {
                    "HANDRAISER_KAFKA": kafka(),
                    "HANDRAISER_TOPIC_PREFIX": f"bench_{uuid.uuid4().hex[:8]}.",
                    "HANDRAISER_DATABASE_URL": url,
                    "HANDRAISER_MASTER_KEY": Fernet.generate_key().decode(),
                },
            )


@contextmanager
def disk_folder() -> Iterator[Path]:
    """An empty one here, gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="handraiser-bench-", dir=Path.cwd()) as folder:
        assert_no_tmpfs(Path(folder))
        yield Path(folder)


@contextmanager
def new_database() -> Iterator[str]:
    """The URL of an empty database, dropped afterwards: PostgreSQL would go on tidying it."""
    name = f"bench_{uuid.uuid4().hex[:8]}"
    with psycopg.connect(postgres(), autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name}".encode())
        yield postgres().rpartition("/")[0] + f"/{name}"
        admin.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


@cache
def kafka() -> str:
    """`host:port` of a broker with durable defaults."""
    with on(OTHERS):
        given = kafka_address(os.environ, os.getpid()) if "HANDRAISER_TEST_KAFKA" in os.environ else None
        address = given or start_kafka(kafka_jars(), os.getpid(), _folder("kafka"))
    admin = KafkaAdminClient(bootstrap_servers=address)
    (broker,) = admin.describe_cluster()["brokers"]
    asked = ConfigResource(ConfigResourceType.BROKER, str(broker["broker_id"]), configs=KAFKA_FLUSHES)
    found = admin.describe_configs([asked], config_filter="all")["broker"][str(broker["broker_id"])]
    admin.close()
    for setting in KAFKA_FLUSHES:
        assert found[setting]["config_source"] == "DEFAULT_CONFIG", f"Kafka's {setting} is {found[setting]['value']}"
    return address


@cache
def postgres() -> str:
    """URL of a PostgreSQL with durable defaults."""
    with on(OTHERS):
        given = postgres_address(os.environ, os.getpid()) if "HANDRAISER_TEST_POSTGRES" in os.environ else None
        url = given or start_postgres(postgres_binaries(), os.getpid(), _folder("postgres"))
    with psycopg.connect(url, autocommit=True) as admin:
        for setting in POSTGRES_ON:
            row = admin.execute(f"SHOW {setting}".encode()).fetchone()
            assert row == ("on",), f"PostgreSQL's {setting} is {row}"
    return url


def versions() -> str:
    """Of both servers, with what makes them durable, as asserted."""
    with psycopg.connect(postgres()) as admin:
        row = admin.execute("SHOW server_version").fetchone()
    given = "HANDRAISER_TEST_KAFKA" in os.environ
    broker = "Apache Kafka as given" if given else f"Apache Kafka {KAFKA_VERSION}"
    return (
        f"{broker} (one broker, acks=all, flushes as Kafka has them), PostgreSQL {row[0] if row else '?'} "
        f"({', '.join(POSTGRES_ON)} on), SQLite synchronous=FULL; no tmpfs"
    )


def server_pids() -> dict[str, int]:
    """Of the broker and the database that this run has started."""
    return {name: int((_folder(name) / "pid").read_text()) for name in ("kafka", "postgres")}


@cache
def _folder(name: str) -> Path:
    """Where the server `name` of this run has its files."""
    folder = Path(tempfile.mkdtemp(prefix=f"handraiser-{name}-"))
    assert_no_tmpfs(folder)
    return folder


def assert_no_tmpfs(folder: Path) -> None:
    best, kind = "", ""
    for line in Path("/proc/mounts").read_text().splitlines():
        _, mount, filesystem, *_ = line.split()
        if str(folder.resolve()).startswith(mount) and len(mount) >= len(best):
            best, kind = mount, filesystem
    assert kind not in ("tmpfs", "ramfs"), f"{folder} lies on {kind}, where nothing is durable: set TMPDIR to a folder on a disk"
