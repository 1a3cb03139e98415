"""Real servers for the tests: takes the environment and what the machine has, gives addresses of Apache Kafka and PostgreSQL.

In this order: the one that the environment names; one started here in a temporary folder; else
`MissingServerError`, with the reason.
A server is started by the first test that asks, once for all pytest-xdist workers, and ends with the test run.
"""

import fcntl
import json
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psycopg

KAFKA_VERSION = "4.1.0"
KAFKA_JARS = Path.home() / ".cache" / "handraiser-tests" / f"kafka-{KAFKA_VERSION}"
FETCH_WITHIN_S = 300
START_WITHIN_S = 60
NOT_DURABLE = ("-c", "fsync=off")
"""Of the PostgreSQL that tests share: each has a new database, which takes twice as long to make and drop durably. Tests that
kill a PostgreSQL have one of their own, which is durable."""
GUARD = Path(__file__).with_name("server_guard.py")

POM = f"""<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion><groupId>handraiser</groupId><artifactId>kafka-jars</artifactId><version>1</version>
  <dependencies><dependency>
    <groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>{KAFKA_VERSION}</version>
  </dependency></dependencies>
</project>
"""

KAFKA_PROPERTIES = """process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
controller.listener.names=CONTROLLER
log.dirs={folder}/data
auto.create.topics.enable=false
offsets.topic.num.partitions=1
offsets.topic.replication.factor=1
transaction.state.log.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
"""


class MissingServerError(Exception):
    """There is no such server here, and none can be started; the message says why."""


@dataclass(frozen=True, slots=True)
class Server:
    """`address`: `host:port` of a Kafka broker, or the URL of a PostgreSQL database in which others can be created."""

    address: str


def once_a_run(name: str, run: Path, start: Callable[[], str]) -> Server:
    """The server `name` of the test run whose folder is `run`: the first caller starts it, all others get the same answer."""
    with (run / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        answer = run / f"{name}.json"
        if not answer.exists():
            try:
                answer.write_text(json.dumps({"address": start()}))
            except MissingServerError as missing:
                answer.write_text(json.dumps({"missing": str(missing)}))
        said: dict[str, str] = json.loads(answer.read_text())
    if "missing" in said:
        raise MissingServerError(said["missing"])
    return Server(said["address"])


def kafka_address(environ: Mapping[str, str], lives_with: int) -> str:
    """A broker's `host:port`. Raises MissingServerError."""
    return environ.get("HANDRAISER_TEST_KAFKA") or start_kafka(kafka_jars(), lives_with)


def postgres_address(environ: Mapping[str, str], lives_with: int) -> str:
    """The URL of a PostgreSQL database whose user may create others. Raises MissingServerError."""
    return environ.get("HANDRAISER_TEST_POSTGRES") or start_postgres(postgres_binaries(), lives_with, more=NOT_DURABLE)


def kafka_jars() -> Path:
    """The folder with Kafka's jars, fetched from Maven Central at the first use. Raises MissingServerError."""
    if shutil.which("java") is None:
        raise MissingServerError(
            "no Java here; install a JRE (Debian: openjdk-17-jre-headless) or set HANDRAISER_TEST_KAFKA=host:port"
        )
    if KAFKA_JARS.is_dir():
        return KAFKA_JARS
    if shutil.which("mvn") is None:
        raise MissingServerError(
            f"no jars in {KAFKA_JARS} and no mvn to fetch them; install maven or set HANDRAISER_TEST_KAFKA=host:port"
        )
    KAFKA_JARS.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=KAFKA_JARS.parent) as made:
        (Path(made) / "pom.xml").write_text(POM)
        fetch = ["mvn", "-q", "-B", "dependency:copy-dependencies", f"-DoutputDirectory={made}/jars"]
        done = subprocess.run(fetch, cwd=made, capture_output=True, text=True, timeout=FETCH_WITHIN_S, check=False)
        if done.returncode != 0:
            raise MissingServerError(f"mvn could not fetch Kafka {KAFKA_VERSION}: {(done.stdout + done.stderr)[-500:]}")
        if not KAFKA_JARS.is_dir():  # another run may have been faster
            (Path(made) / "jars").rename(KAFKA_JARS)
    return KAFKA_JARS


def start_kafka(jars: Path, lives_with: int, folder: Path | None = None) -> str:
    """Start a broker (KRaft, one node) that ends with process `lives_with`; its `host:port`. Its id is in `folder`/pid."""
    folder = folder or Path(tempfile.mkdtemp(prefix="handraiser-kafka-"))
    port, controller = free_ports(2)
    properties = folder / "server.properties"
    properties.write_text(KAFKA_PROPERTIES.format(port=port, controller=controller, folder=folder))
    java = ["java", "-XX:TieredStopAtLevel=1", "-cp", f"{jars}/*"]
    cluster = str(uuid.uuid4())
    form = [*java, "kafka.tools.StorageTool", "format", "-t", cluster, "-c", str(properties)]
    subprocess.run(form, check=True, capture_output=True, timeout=START_WITHIN_S)
    serve_kafka(jars, folder, port, lives_with)
    return f"127.0.0.1:{port}"


def serve_kafka(jars: Path, folder: Path, port: int, lives_with: int) -> None:
    """Start a broker, or start it again, on what `folder` holds."""
    java = ["java", "-Xmx512m", "-XX:TieredStopAtLevel=1", "-cp", f"{jars}/*"]
    start_guarded([*java, "kafka.Kafka", str(folder / "server.properties")], folder, lives_with, signal.SIGKILL)
    until(lambda: accepts(port), "Kafka", folder)


def postgres_binaries() -> Path:
    """The folder of initdb and postgres: Debian's newest, else the one on PATH. Raises MissingServerError."""
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    found = debian[-1] if debian else shutil.which("initdb")
    if found is None:
        raise MissingServerError(
            "no initdb here; install PostgreSQL (Debian: postgresql) or set HANDRAISER_TEST_POSTGRES=postgresql://…"
        )
    return Path(found).parent


def start_postgres(binaries: Path, lives_with: int, folder: Path | None = None, more: Sequence[str] = ()) -> str:
    """Start PostgreSQL, as an unprivileged user if we are root (it refuses root). Durable, unless `more` says otherwise.

    Its process id is in `folder`/pid.
    """
    folder = folder or Path(tempfile.mkdtemp(prefix="handraiser-postgres-"))
    who = unprivileged()
    if who is not None:
        os.chown(folder, who.pw_uid, who.pw_gid)
    (port,) = free_ports(1)
    data = folder / "data"
    make = [str(binaries / "initdb"), "-D", str(data), "-U", "handraiser", "-A", "trust", "-E", "UTF8", "--locale=C"]
    run_as: dict[str, object] = {"user": who.pw_uid, "group": who.pw_gid, "extra_groups": []} if who else {}
    done = subprocess.run(make, cwd=folder, capture_output=True, text=True, timeout=START_WITHIN_S, check=False, **run_as)  # type: ignore[call-overload]
    if done.returncode != 0:
        raise RuntimeError(f"initdb failed: {done.stdout}{done.stderr}")
    return serve_postgres(binaries, folder, port, lives_with, more)


def serve_postgres(binaries: Path, folder: Path, port: int, lives_with: int, more: Sequence[str] = ()) -> str:
    """Start PostgreSQL, or start it again, on what `folder` holds; its URL."""
    serve = [str(binaries / "postgres"), "-D", str(folder / "data"), "-p", str(port), "-h", "127.0.0.1", "-k", str(folder), *more]
    start_guarded(serve, folder, lives_with, signal.SIGINT, unprivileged())
    url = f"postgresql://handraiser@127.0.0.1:{port}/postgres"
    until(lambda: answers(url), "PostgreSQL", folder)
    return url


def unprivileged() -> pwd.struct_passwd | None:
    """Whom a server that refuses root runs as: None if we are not root."""
    if os.geteuid() != 0:
        return None
    known = {user.pw_name: user for user in pwd.getpwall()}
    return known.get("postgres") or known["nobody"]


def start_guarded(
    command: list[str], folder: Path, lives_with: int, stop_signal: signal.Signals, who: pwd.struct_passwd | None = None
) -> None:
    what = {
        "command": command,
        "folder": str(folder),
        "lives_with": lives_with,
        "stop_signal": int(stop_signal),
        "user": who.pw_uid if who else None,
        "group": who.pw_gid if who else None,
    }
    with (folder / "server.json").open("w+") as description:
        json.dump(what, description)
        description.seek(0)
        quiet = subprocess.DEVNULL
        subprocess.Popen(
            [sys.executable, str(GUARD)], stdin=description, stdout=quiet, stderr=quiet, start_new_session=True
        ).returncode = 0  # it outlives us on purpose: nobody waits for it


def until(ready: Callable[[], bool], name: str, folder: Path) -> None:
    deadline = time.monotonic() + START_WITHIN_S
    while not ready():
        if time.monotonic() > deadline:
            raise RuntimeError(f"{name} did not start: {(folder / 'server.out').read_text()[-2000:]}")
        time.sleep(0.05)


def accepts(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def answers(url: str) -> bool:
    try:
        psycopg.connect(url, connect_timeout=2).close()
    except psycopg.OperationalError:
        return False
    return True


def free_ports(count: int) -> list[int]:
    """Ports that nobody uses now, each another."""
    probes = [socket.socket() for _ in range(count)]
    for probe in probes:
        probe.bind(("127.0.0.1", 0))
    ports: list[int] = [probe.getsockname()[1] for probe in probes]
    for probe in probes:
        probe.close()
    return ports
