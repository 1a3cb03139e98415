"""Every SDK, unchanged but for host and key, against a running ingest: what arrives, and what it does on ingest's bad days.

docs/sdks.md has the outcome as a table; with HANDRAISER_WRITE_DOCS=1 its rows are written anew.
"""

import fcntl
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest

from contracts.messages import EVENTS, UNATTRIBUTED, UsageEvent
from eventlog.log_embedded import EmbeddedLog
from tests.ingest.served import Reader
from tests.journey.product import Product
from tests.sdks.install import HERE, node_sdk, python_sdk
from tests.sdks.kept import keep
from tests.sdks.wire import Fault, Wire, refusal

DOCS: Final = HERE.parents[1] / "docs" / "sdks.md"
AT: Final = 1_769_868_300_000
"""2026-01-31T14:05:00Z."""
AWAY_S: Final = 10
RUN_S_MAX: Final = 75
"""SDKs that go on trying for longer are ended, as a program that leaves would end them."""
REQUESTS_MAX: Final = 15
"""More than that, for one batch, would be a storm."""


@dataclass(frozen=True, slots=True)
class Sdk:
    """`lock`: of its environment; `mode`: of the driver, where it has several."""

    name: str
    lock: str
    driver: str
    mode: str = ""

    @property
    def family(self) -> str:
        return self.driver.partition(".")[0]

    def command(self, host: str, key: str, what: str) -> tuple[list[str], Path]:
        """What to run, and where."""
        driver = HERE / "drivers" / self.driver
        told = [host, key, f"{what}{self.mode}"]
        if driver.suffix == ".mjs":
            folder = node_sdk(self.lock)
            return ["node", str(driver), *told], folder
        folder = python_sdk(self.lock)
        code = f"import sys, runpy; sys.path.insert(0, {str(folder)!r}); runpy.run_path({str(driver)!r}, run_name='__main__')"
        return [sys.executable, "-I", "-S", "-c", code, *told], folder


SDKS: Final = (
    Sdk("analytics-python 1.4.0", "analytics-python-1.4.0", "segment.py"),
    *(
        Sdk(f"segment-analytics-python {v}", f"segment-analytics-python-{v}", "segment.py")
        for v in ("2.2.3", "2.3.0", "2.3.6", "2.4.0")
    ),
    Sdk("rudder-sdk-python 2.1.9", "rudder-sdk-python-2.1.9", "segment.py"),
    *(Sdk(f"posthog {v} (Python)", f"posthog-{v}", "posthog.py") for v in ("3.25.0", "4.10.0", "5.4.0", "6.9.3", "7.91.1")),
    Sdk("posthog 7.91.1 (Python), protocol v1", "posthog-7.91.1", "posthog.py", "-v1"),
    *(Sdk(f"cloudevents {v} (Python)", f"cloudevents-{v}", "cloudevents_http.py") for v in ("1.12.0", "2.2.0")),
    *(
        Sdk(f"@segment/analytics-node {v}", f"analytics-node-{v}", "segment.mjs")
        for v in ("1.0.0", "1.3.0", "2.3.0", "3.0.0", "3.1.0")
    ),
    Sdk("@rudderstack/rudder-sdk-node 3.0.9", "rudder-sdk-node-3.0.9", "rudder.mjs"),
    *(Sdk(f"posthog-node {v}", f"posthog-node-{v}", "posthog.mjs") for v in ("3.6.3", "4.9.0", "5.70.0")),
    Sdk("cloudevents 10.0.0 (JavaScript)", "cloudevents-10.0.0", "cloudevents.mjs"),
)
TRYING: Final = tuple(sdk for sdk in SDKS if not sdk.family.startswith("cloudevents"))
"""CloudEvents' SDKs make requests; whoever sends them tries again."""


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    product = Product(tmp_path_factory.mktemp("sdks") / "data")
    product.start()
    yield product
    product.close()


def arrived(product: Product, project: str) -> list[UsageEvent]:
    """Each in the topic where it is used: with its account where it names one."""
    log = EmbeddedLog(product.data / "log.sqlite", lambda: 0)
    found: dict[str, list[UsageEvent]] = {}
    for topic in (EVENTS, UNATTRIBUTED):
        reader = Reader(log, [topic])
        found[topic] = [
            each for each in reader.read() if isinstance(each, UsageEvent) and each.project == project and not each.link
        ]
        reader.close()
    direct = [each for each in found[EVENTS] if not each.attributed]
    return direct + [each for each in found[UNATTRIBUTED] if each.id not in {known.id for known in direct}]


def run(sdk: Sdk, wire: Wire, key: str, what: str) -> list[str] | None:
    """What its callback for errors heard; None: it was still trying when it was ended."""
    command, folder = sdk.command(wire.url, key, what)
    try:
        done = subprocess.run(command, cwd=folder, check=False, capture_output=True, text=True, timeout=RUN_S_MAX)
    except subprocess.TimeoutExpired:
        return None
    assert done.returncode == 0, done.stderr[-3000:]
    errors: list[str] = json.loads(done.stdout.splitlines()[-1])["errors"]
    return errors


EXPECTED: Final[Mapping[str, list[tuple[Any, ...]]]] = {
    "segment": [
        ("identify", None, "ada", None, None, {"email": "ada@bolt.example"}),
        ("group", None, "ada", "bolt", None, {"plan": "free"}),
        ("track", "Campaign Sent", "ada", "bolt", None, {"recipients": 120}),
        ("page", "Pricing", "ada", None, None, {"url": "/pricing"}),
        ("screen", "Home", "ada", None, None, {}),
        ("alias", None, "ada", None, "anon-1", {}),
    ],
    "posthog": [
        ("identify", None, "ada", None, None, {"email": "ada@bolt.example"}),
        ("group", None, None, "bolt", None, {"plan": "free"}),
        ("track", "Campaign Sent", "ada", "bolt", None, {"recipients": 120}),
        ("page", "/pricing", "ada", None, None, {"$pathname": "/pricing"}),
        ("alias", None, "ada", None, "anon-1", {}),
    ],
    "cloudevents": [("track", "Campaign Sent", "ada", "bolt", None, {"recipients": 120})] * 2,
}


def essence(event: UsageEvent, wanted: Mapping[str, Any]) -> tuple[Any, ...]:
    """Of its properties or traits, those that the driver sent: SDKs add their own."""
    said = json.loads(bytes(event.traits if event.type in ("identify", "group") else event.properties))
    kept = {name: said.get(name) for name in wanted}
    return event.type, event.name, event.person, event.account, event.previous, kept


@pytest.mark.timeout(300)
@pytest.mark.parametrize("sdk", SDKS, ids=lambda sdk: sdk.name)
def test_every_call_arrives_once_as_it_was_meant(sdk: Sdk, product: Product) -> None:
    project = f"all-{SDKS.index(sdk)}"
    key = product.create_project(project)
    wire = Wire(product.processes["up"].port)
    before = int(time.time() * 1000)
    try:
        assert run(sdk, wire, key, "all") == []
    finally:
        wire.close()
    wanted = EXPECTED["segment" if sdk.family == "rudder" else sdk.family.partition("_")[0]]
    events = arrived(product, project)
    by_type = {row[0]: row[5] for row in wanted}
    found = [essence(event, by_type[event.type]) for event in events]
    assert sorted(found, key=repr) == sorted(wanted, key=repr)
    assert len({event.id for event in events}) == len(events)
    for event in events:
        if event.type == "track":
            assert event.timestamp == AT, "an old event stays old"
        else:
            assert before - 2_000 <= event.timestamp <= int(time.time() * 1000) + 2_000
    assert {request.answered for request in wire.posted()} <= {200, 204}
    assert len(wire.posted()) <= len(wanted)
    keep(sdk.name, key, wire.requests)


def always(status: int, retry_after_s: int | None = None) -> Fault:
    return lambda _: refusal(status, retry_after_s)


def twice(status: int, retry_after_s: int | None = None) -> Fault:
    return lambda number: refusal(status, retry_after_s) if number < 2 else None


FAULTS: Final[Mapping[str, Fault]] = {
    "400": always(400),
    "401": always(401),
    "413": always(413),
    "429, Retry-After 1": twice(429, 1),
    "503, Retry-After 1": twice(503, 1),
    "away for 10 s": lambda _: None,
}


def outcome(sdk: Sdk, product: Product, fault: str, project: str, key: str) -> str:
    """A cell of the table."""
    wire = Wire(product.processes["up"].port, FAULTS[fault])
    if fault.startswith("away"):
        wire.go_away(AWAY_S)
    try:
        errors = run(sdk, wire, key, "one")
    finally:
        wire.close()
    events = [event for event in arrived(product, project) if event.name == "Campaign Sent"]
    tries = len(wire.posted())
    assert tries <= REQUESTS_MAX, f"a storm of {tries} requests"
    assert len({event.id for event in events}) <= 1
    if events:
        return "arrives"
    if errors is None:
        return "goes on trying"
    return "lost" if fault.startswith("away") else f"dropped after {tries} requests" if tries > 1 else "dropped at once"


@pytest.mark.timeout(400)
@pytest.mark.parametrize("sdk", TRYING, ids=lambda sdk: sdk.name)
def test_what_it_does_on_ingests_bad_days_is_what_the_docs_say(sdk: Sdk, product: Product) -> None:
    names = {fault: f"bad-{SDKS.index(sdk)}-{number}" for number, fault in enumerate(FAULTS)}
    keys = {fault: product.create_project(name) for fault, name in names.items()}
    sdk.command("", "", "")  # installed once, before all of them want it
    with ThreadPoolExecutor(len(FAULTS)) as pool:
        cells = list(pool.map(lambda fault: outcome(sdk, product, fault, names[fault], keys[fault]), FAULTS))
    row = f"| {sdk.name} | " + " | ".join(cells) + " |"
    if os.environ.get("HANDRAISER_WRITE_DOCS"):
        write_row(sdk.name, row)
    said = next(line for line in DOCS.read_text().splitlines() if line.startswith(f"| {sdk.name} | "))
    luckily = row.removesuffix("| arrives |") + "| lost |"  # where a busy machine stretches the pauses between its tries
    assert said in {row, luckily}


def write_row(name: str, row: str) -> None:
    with DOCS.open("r+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        text = [row if line.startswith(f"| {name} | ") else line for line in file.read().splitlines()]
        file.seek(0)
        file.truncate()
        file.write("\n".join(text) + "\n")
