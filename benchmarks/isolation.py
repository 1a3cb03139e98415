"""What 50 bad endpoints of 100 cost the others: lead event to delivery on the healthy 50, calm and beside each kind of bad day.

`python -m benchmarks.isolation [embedded|kafka] [--day DAY] [--seconds N] [--page]`: `--page` writes the table into
docs/performance.md. A `handraiser notifier` on one core; receivers (`benchmarks.receivers`) and whoever appends lead events share
the others. Each lead event goes to one endpoint, in turn, PER_S of them a second. For each day a notifier is started anew, every
endpoint takes something, then come a calm run and, the 50 turning bad at its beginning, the other; nothing is settled in between.
How much a core delivers is measured with lead events that go to all 100 healthy ones.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from cryptography.fernet import Fernet

from benchmarks.figures import KINDS
from benchmarks.measure import OTHERS, cpu_s, machine, on, percentile, resident_mb
from benchmarks.ours import patient_ground
from benchmarks.receivers import DAYS
from benchmarks.servers import place
from benchmarks.service import service
from benchmarks.table import Beside, Failed, Row, put_into_page, table
from contracts.codec import encode
from contracts.messages import LEAD_EVENTS, LeadEvent, Place
from eventlog.port import Entry, Producer
from handraiser.ground import Ground
from handraiser.migrate import migrate
from notifier.core.addresses import policy_for
from notifier.core.matching import Filters
from notifier.core.urls import parse_url
from notifier.store import NotifierStore
from notifier.vault import Vault
from runtime.clock import wall_clock
from runtime.database import open_database
from runtime.settings import read_settings
from tests.journey.product import free_port, wait_until
from tests.notifier.leads import LEAD

ENDPOINTS, HEALTHY = 100, 50
PER_S = 20
SECONDS = 15.0
PROJECT = "acme-mail"
MASS = 60
"""Lead events to all endpoints, for how much a core delivers."""
WITHIN_S = 120
APPEND_WITHIN_S = 30
GOAL_SHARE, GOAL_MS = 0.1, 50.0
GOAL_A_CORE = 400
HERE = policy_for(production=False)


class Receivers:
    """The process of `benchmarks.receivers`."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process
        self.ports: list[int] = self._line()

    def behave(self, day: str) -> None:
        self._ask(f"behave {day} {HEALTHY}")

    def report(self) -> list[tuple[int, str, float]]:
        """(receiver, id, when) of all that has come since."""
        return [(number, id_, at) for number, id_, at in self._ask("report")]

    def _ask(self, line: str) -> Any:
        assert self._process.stdin is not None
        print(line, file=self._process.stdin, flush=True)
        return self._line()

    def _line(self) -> Any:
        assert self._process.stdout is not None
        return json.loads(self._process.stdout.readline())


@contextmanager
def receiving() -> Iterator[Receivers]:
    command = [sys.executable, "-m", "benchmarks.receivers", str(ENDPOINTS)]
    with on(OTHERS), subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield Receivers(process)
        finally:
            process.kill()


@dataclass(slots=True)
class Bench:
    """A migrated installation with its endpoints; `said`: when each lead event was about to be appended."""

    ground: Ground
    environment: dict[str, str]
    receivers: Receivers
    producer: Producer
    said: dict[str, float] = field(default_factory=dict)
    came: dict[str, list[tuple[int, float]]] = field(default_factory=dict)

    def say(self, segments: Sequence[str]) -> str:
        """Append a lead event that goes to the endpoints of these segments; its id."""
        number = len(self.said)
        id_ = f"le_{uuid.uuid4().hex[:20]}"
        event = LeadEvent(
            id=id_,
            project=PROJECT,
            account=f"acc_{number}",
            type="lead.created",
            timestamp=wall_clock(),
            rulebook_version=1,
            place=Place(topic="events", partition=0, offset=number, time=wall_clock()),
            data=LEAD | {"lead_id": f"ld_{number:020x}", "segments": list(segments)},
        )
        partition = number % self.ground.topics[LEAD_EVENTS].partitions
        self.said[id_] = time.monotonic()
        self.producer.append([Entry(LEAD_EVENTS, partition, encode(event))], APPEND_WITHIN_S)
        return id_

    def collect(self) -> None:
        for number, id_, at in self.receivers.report():
            self.came.setdefault(id_, []).append((number, at))

    def steady(self, seconds: float) -> list[str]:
        """One lead event after another, to one endpoint after another; ids of those to healthy ones."""
        began, ids = time.monotonic(), []
        for n in range(int(seconds * PER_S)):
            time.sleep(max(0.0, began + n / PER_S - time.monotonic()))
            number = n * 7 % ENDPOINTS
            id_ = self.say([f"s{number}"])
            if number < HEALTHY:
                ids.append(id_)
        return ids

    def wait(self, ids: Sequence[str], each: int = 1) -> None:
        def all_came() -> bool:
            self.collect()
            return all(len(self.came.get(id_, ())) >= each for id_ in ids)

        wait_until(f"{len(ids)} lead events delivered", all_came, WITHIN_S, every_s=0.25)

    def times(self, ids: Sequence[str]) -> list[float]:
        """Milliseconds from lead event to its first delivery."""
        self.wait(ids)
        return [(self.came[id_][0][1] - self.said[id_]) * 1000 for id_ in ids]

    @contextmanager
    def notifier(self) -> Iterator[int]:
        """Just started, every endpoint proven, nothing due; its process id."""
        self.receivers.behave("calm")
        port, data = free_port(), self.ground.settings.data
        command = [sys.executable, "-m", "handraiser", "notifier", "--data", str(data), "--port", str(port)]
        with service(command, data / "notifier.out", self.environment) as pid:
            warm = [self.say([f"s{number}"]) for number in range(ENDPOINTS)]
            self.wait(warm)
            self.wait([self.say([f"s{number}"]) for number in range(ENDPOINTS)])
            yield pid

    def forget(self) -> None:
        """What a bad day has left: the next begins as if there had been none."""
        engine = open_database(self.ground.settings, "notifier")
        with engine.begin() as tx:
            tx.exec_driver_sql("UPDATE deliveries SET status = 'dead', due_at = NULL, settled_at = 0 WHERE due_at IS NOT NULL")
            tx.exec_driver_sql(
                "UPDATE endpoints SET failures = 0, failing_since = NULL, paused_until = 0, breaker_opened = 0, "
                "breaker_until = 0, recent = NULL, last_ms = NULL"
            )
        engine.dispose()


@contextmanager
def bench(kind: str) -> Iterator[Bench]:
    key = Fernet.generate_key().decode()
    with place(kind) as (data, of_place), receiving() as receivers, on(OTHERS):
        data.mkdir()
        given = of_place | {"HANDRAISER_MASTER_KEY": key}
        settings = read_settings(given, data)
        migrate(settings)
        ground = patient_ground(settings)
        store = NotifierStore(open_database(settings, "notifier"), Vault(key))
        for number, port in enumerate(receivers.ports):
            target = parse_url(f"http://127.0.0.1:{port}/hook", HERE)
            store.add_endpoint(PROJECT, f"crm {number}", target, Filters(segments=(f"s{number}",)), wall_clock() - 60_000)
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("HANDRAISER_")}
        opened = Bench(ground, inherited | given, receivers, ground.log.producer())
        yield opened
        opened.producer.close()
        ground.log.close()


@dataclass(frozen=True, slots=True)
class Beside50:
    """One day: the healthy ones' times in the calm run and beside the bad ones, and the notifier's memory before and after."""

    calm: list[float]
    bad: list[float]
    before_mb: float
    after_mb: float

    def beyond_goal(self, share: float) -> float:
        """Milliseconds by which a percentile is above the goal; below 0: it is reached."""
        calm = percentile(self.calm, share)
        return percentile(self.bad, share) - calm - max(GOAL_SHARE * calm, GOAL_MS)


def beside(started: Bench, day: str, seconds: float) -> Beside50:
    with started.notifier() as pid:
        calm = started.times(started.steady(seconds))
        before = resident_mb(pid)
        started.receivers.behave(day)
        bad = started.times(started.steady(seconds))
        after = resident_mb(pid)
    started.forget()
    return Beside50(calm, bad, before, after)


def a_core(started: Bench) -> float:
    """Deliveries per CPU second of the notifier, its store and log included, to 100 healthy endpoints."""
    everybody = [f"s{number}" for number in range(ENDPOINTS)]
    with started.notifier() as pid:
        before = cpu_s(pid)
        ids = [started.say(everybody) for _ in range(MASS)]
        started.wait(ids, each=ENDPOINTS)
        return MASS * ENDPOINTS / (cpu_s(pid) - before)


def rows(kind: str, days: Sequence[str], seconds: float, runs: int) -> list[Row | Failed]:
    found: list[Row | Failed] = []
    with bench(kind) as started:
        rates = [a_core(started) for _ in range(runs)]
        name = f"{KINDS[kind]}: deliveries a CPU second, {ENDPOINTS} healthy endpoints"
        found.append(Row(name, rates, f"≥ {GOAL_A_CORE}"))
        print(found[-1].line(), flush=True)
        for day in days:
            try:
                measured = [beside(started, day, seconds) for _ in range(runs)]
            except AssertionError as error:
                found.append(Failed(f"{KINDS[kind]}: {HEALTHY} of {ENDPOINTS} {day}", str(error)))
                started.forget()
                continue
            found += _of_a_day(kind, day, measured)
            print("\n".join(row.line() for row in found[-2:]), flush=True)
    return found


def _of_a_day(kind: str, day: str, measured: Sequence[Beside50]) -> list[Row]:
    memory = "; ".join(f"{run.before_mb:.0f} → {run.after_mb:.0f} MB" for run in measured)
    return [
        Row(
            f"{KINDS[kind]}, {HEALTHY} of {ENDPOINTS} {day}: the others' p{share * 100:.0f}, ms",
            [percentile(run.bad, share) for run in measured],
            f"+ 10 % or {GOAL_MS:.0f} ms: {_reached(statistics.median(run.beyond_goal(share) for run in measured))}",
            write="{:.0f}".format,
            bound=Beside("calm", [percentile(run.calm, share) for run in measured]),
            notes=memory if share > 0.5 else "",
        )
        for share in (0.5, 0.99)
    ]


def _reached(beyond_ms: float) -> str:
    return "reached" if beyond_ms <= 0 else "**not reached**"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kinds", nargs="*", default=list(KINDS))
    parser.add_argument("--day", action="append", choices=DAYS, help="only that; may be repeated")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="of each run")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--page", action="store_true")
    arguments = parser.parse_args()
    found = [
        row for kind in arguments.kinds for row in rows(kind, arguments.day or list(DAYS), arguments.seconds, arguments.runs)
    ]
    if arguments.page:
        command = "python -m benchmarks.isolation"
        put_into_page(command, f"`{command}`, {datetime.now(UTC):%Y-%m-%d}. {machine()}.\n\n{table(found)}")
    return int(any(isinstance(row, Failed) for row in found))


if __name__ == "__main__":
    sys.exit(main())
