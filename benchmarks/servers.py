"""Where a benchmark runs: the embedded log and SQLite, or Apache Kafka and PostgreSQL with durable defaults, asserted."""

import os
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from tests.servers import kafka_address, postgres_address

KINDS = ("embedded", "kafka")


@contextmanager
def place(kind: str) -> Iterator[tuple[Path, dict[str, str]]]:
    """(data folder, HANDRAISER_* environment) of a fresh installation on a real disk."""
    with tempfile.TemporaryDirectory(prefix="handraiser-bench-", dir=Path.cwd()) as folder:
        assert_no_tmpfs(Path(folder))
        if kind == "embedded":
            yield Path(folder) / "data", {}
            return
        url = postgres_address(os.environ, os.getpid())
        name = f"bench_{uuid.uuid4().hex[:8]}"
        with psycopg.connect(url, autocommit=True) as admin:
            for setting in ("fsync", "synchronous_commit", "full_page_writes"):
                row = admin.execute(f"SHOW {setting}".encode()).fetchone()
                assert row == ("on",), f"PostgreSQL's {setting} is {row}"
            admin.execute(f"CREATE DATABASE {name}".encode())
        yield (
            Path(folder) / "data",
            {
                "HANDRAISER_KAFKA": kafka_address(os.environ, os.getpid()),
                "HANDRAISER_DATABASE_URL": url.rpartition("/")[0] + f"/{name}",
                "HANDRAISER_TOPIC_PREFIX": f"{name}.",
            },
        )


def assert_no_tmpfs(folder: Path) -> None:
    best, kind = "", ""
    for line in Path("/proc/mounts").read_text().splitlines():
        _, mount, filesystem, *_ = line.split()
        if str(folder.resolve()).startswith(mount) and len(mount) >= len(best):
            best, kind = mount, filesystem
    assert kind not in ("tmpfs", "ramfs"), f"{folder} lies on {kind}: nothing there is durable"
