"""Each receiver that docs/webhooks.md offers to copy runs as it stands there: it takes what we send, and nothing else."""

import asyncio
import os
import re
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple

import httpx
import pytest

from notifier.core.addresses import policy_for
from notifier.core.matching import Filters
from notifier.core.signing import secret_of, signed_headers
from notifier.core.urls import parse_url
from notifier.sender import Sender
from runtime.clock import wall_clock
from tests.conftest import go
from tests.journey.product import free_port, wait_until
from tests.notifier.bench import DEVELOPMENT, Bench
from tests.notifier.conftest import LeadEvents
from tests.notifier.leads import FULL
from tests.sdks.install import HERE, node_sdk, python_sdk

pytestmark = pytest.mark.timeout(300)  # the first who asks installs, or compiles
GUIDE: Final = Path(__file__).parents[2] / "docs" / "webhooks.md"
INHERITED: Final = {name: value for name, value in os.environ.items() if name not in ("WEBHOOK_SECRET", "PORT")}


class Started(NamedTuple):
    """What the heading says to type, here."""

    command: list[str]
    environment: Mapping[str, str] = {}


def fastapi(folder: Path, port: int) -> Started:
    return Started([sys.executable, "-m", "uvicorn", "receiver:app", "--app-dir", str(folder), "--port", str(port)])


def flask(folder: Path, port: int) -> Started:
    path = os.pathsep.join((str(python_sdk("flask-3.1.3")), str(folder)))
    return Started([sys.executable, "-S", "-m", "flask", "--app", "receiver", "run", "--port", str(port)], {"PYTHONPATH": path})


def express(folder: Path, port: int) -> Started:
    (folder / "node_modules").symlink_to(node_sdk("express-5.3.0") / "node_modules")
    return Started(["node", str(folder / "receiver.js")], {"PORT": str(port)})


def in_go(folder: Path, port: int) -> Started:
    command = go("The receiver in Go", (1, 22))
    for file in (HERE / "go" / "receiver").iterdir():
        shutil.copy(file, folder)
    subprocess.run([command, "build", "-o", "receiver", "."], cwd=folder, check=True, timeout=280)
    return Started([str(folder / "receiver")], {"PORT": str(port)})


RECEIVERS: Final[Mapping[str, tuple[str, Callable[[Path, int], Started]]]] = {
    "Python: FastAPI": ("receiver.py", fastapi),
    "Python: Flask": ("receiver.py", flask),
    "Node: Express": ("receiver.js", express),
    "Go": ("main.go", in_go),
}


def offered() -> dict[str, str]:
    """By heading, each piece of code of the guide that is a whole program."""
    found = re.findall(r"^### ([^\n]+)\n[^\n]*\n```(?:python|js|go)\n(.*?)```", GUIDE.read_text(), re.DOTALL | re.MULTILINE)
    return dict(found)


@pytest.fixture
async def sender() -> AsyncIterator[Sender]:
    """As patient as the product's: a receiver may have just begun."""
    sender = Sender(policy_for(production=False))
    yield sender
    await sender.aclose()


@contextmanager
def running(started: Started, secret: str, port: int, out: Path) -> Iterator[None]:
    """Until the block ends; from when it listens on."""
    environment = {**INHERITED, **started.environment, "WEBHOOK_SECRET": secret, "PYTHONUNBUFFERED": "1"}
    with out.open("wb") as file, subprocess.Popen(started.command, env=environment, stdout=file, stderr=file) as process:
        try:
            wait_until("a receiver", lambda: process.poll() is not None or _listens(port), 60)
            assert process.poll() is None, out.read_text()
            yield
        finally:
            process.kill()


def _listens(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/", timeout=10).status_code == 404
    except httpx.HTTPError:
        return False


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
@pytest.mark.parametrize("heading", RECEIVERS)
async def test_a_receiver_of_the_guide_takes_what_is_sent_and_refuses_all_else(
    heading: str, bench: Bench, lead_event: LeadEvents, tmp_path: Path
) -> None:
    port, folder, out = free_port(), tmp_path / "receiver", tmp_path / "out"
    folder.mkdir()
    file, start = RECEIVERS[heading]
    (folder / file).write_text(offered()[heading])
    started = await asyncio.to_thread(start, folder, port)
    url = f"http://127.0.0.1:{port}/leads"
    _, secret = bench.store.add_endpoint("acme-mail", "theirs", parse_url(url, DEVELOPMENT), Filters(), bench.clock())
    with running(started, secret, port, out):
        await bench.deliver(lead_event(data=FULL))
        assert (bench.statuses(), [each.status for each in bench.attempts()]) == (["delivered"], [204])
        assert await asyncio.to_thread(refused, url, secret) == {401}
    told = [line for line in out.read_text().splitlines() if line.startswith("lead.")]
    assert told == [f"lead.created {FULL['summary']}"]


def refused(url: str, secret: str) -> set[int]:
    """How what is wrong was answered."""
    body, now = b'{"type":"lead.created","data":{"summary":"forged"}}', wall_clock() // 1000
    good = signed_headers([secret], "le_1", now, body)
    wrong = [
        (body + b" ", good),
        (b"\xff\xfe", good),
        (body, good | {"webhook-id": "le_2"}),
        (body, signed_headers([secret], "le_1", now - 330, body)),
        (body, signed_headers([secret_of(b"o" * 32)], "le_1", now, body)),
        (body, {}),
    ]
    return {
        httpx.post(url, content=content, headers={"content-type": "application/json", **headers}, timeout=30).status_code
        for content, headers in wrong
    }


@pytest.mark.parametrize("heading", RECEIVERS)
@pytest.mark.parametrize("secret", [None, ""])
def test_a_receiver_of_the_guide_does_not_start_without_a_secret(heading: str, secret: str | None, tmp_path: Path) -> None:
    file, start = RECEIVERS[heading]
    (tmp_path / file).write_text(offered()[heading])
    started = start(tmp_path, free_port())
    environment = {**INHERITED, **started.environment} | ({} if secret is None else {"WEBHOOK_SECRET": secret})
    done = subprocess.run(started.command, env=environment, check=False, capture_output=True, timeout=60)
    assert done.returncode != 0


def test_every_receiver_of_the_guide_is_run() -> None:
    assert offered().keys() == RECEIVERS.keys()
