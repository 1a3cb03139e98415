"""What our notifier really sends is verified by the libraries that receivers use, and refused by them when anything is wrong.

svix had code of its own up to 1.x; its newest versions stand on standardwebhooks. Both are here.
"""

import json
import subprocess
import sys
from collections.abc import AsyncIterator
from typing import Final, NamedTuple

import pytest

from notifier.core.addresses import policy_for
from notifier.core.formats import FORMATS
from notifier.core.signing import secret_of
from notifier.sender import Sender
from tests.notifier.bench import Bench
from tests.notifier.conftest import LeadEvents
from tests.notifier.leads import FULL
from tests.sdks.install import HERE, node_sdk, python_sdk

pytestmark = [
    pytest.mark.timeout(300),  # the first who asks installs
    pytest.mark.parametrize("engine", ["sqlite"], indirect=True),  # what is sent does not depend on it
]


class Library(NamedTuple):
    """`lock`: of its environment; `name`: as it is imported."""

    language: str
    lock: str
    name: str


LIBRARIES: Final = (
    Library("python", "standardwebhooks-1.1.0", "standardwebhooks"),
    Library("python", "svix-1.21.0", "svix.webhooks"),
    Library("python", "svix-2.9.1", "svix.webhooks"),
    Library("node", "standardwebhooks-1.1.1", "standardwebhooks"),
    Library("node", "svix-1.21.0", "svix"),
    Library("node", "svix-1.99.1", "svix"),
)
OLD_S, YOUNG_S = 330, 240
"""Receivers take what is up to 5 minutes old."""
OTHER: Final = secret_of(b"o" * 32)
WEBHOOK: Final = ("webhook-id", "webhook-timestamp", "webhook-signature")


@pytest.fixture
async def sender() -> AsyncIterator[Sender]:
    """As patient as the product's: what is sent is asked here, not how soon."""
    sender = Sender(policy_for(production=False))
    yield sender
    await sender.aclose()


class Case(NamedTuple):
    """`what`: for whoever reads a failure."""

    what: str
    secret: str
    headers: dict[str, str]
    body: str


def verdicts(library: Library, cases: list[Case]) -> list[bool]:
    """The library's own, in a process of its own that has nothing else."""
    if library.language == "node":
        folder = node_sdk(library.lock)
        command = ["node", str(HERE / "drivers" / "webhooks.mjs"), library.name]
    else:
        folder, driver = python_sdk(library.lock), str(HERE / "drivers" / "webhooks.py")
        code = f"import sys, runpy; sys.path.insert(0, {str(folder)!r}); runpy.run_path({driver!r}, run_name='__main__')"
        command = [sys.executable, "-I", "-S", "-c", code, library.name]
    asked = json.dumps([{"secret": case.secret, "headers": case.headers, "body": case.body} for case in cases])
    done = subprocess.run(command, cwd=folder, input=asked, check=False, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr[-3000:]
    found: list[bool] = json.loads(done.stdout)
    return found


async def sent(bench: Bench, lead_event: LeadEvents) -> list[Case]:
    """By the notifier to the receiver: a lead's beginning and end, in each format, with one secret and with two."""
    secrets: dict[str, list[str]] = {}
    for format_ in FORMATS:
        for path in (f"/{format_}", f"/{format_}/rotated"):
            endpoint, secret = bench.endpoint(path, format_=format_)
            secrets[path] = [secret]
            if path.endswith("/rotated"):
                rotated = bench.store.secrets.rotate(endpoint.id, bench.clock.now + 86_400_000, bench.clock.now)
                secrets[path].append(str(rotated))
    begun, ended = (
        lead_event(number, type=type_, data=FULL | {"lead_id": f"ld_{number}"})
        for number, type_ in ((1, "lead.created"), (2, "lead.won"))
    )
    await bench.deliver(begun, ended)
    bench.clock.pass_(1)  # Slack takes one a second
    await bench.notifier.run_once()
    bench.clock.pass_(1)
    await bench.notifier.run_once()
    assert bench.statuses() == ["delivered"] * len(secrets) * 2
    return [
        Case(f"{each.target}, key {number}", secret, {name: each.headers[name] for name in WEBHOOK}, each.body.decode())
        for each in bench.receiver.received
        for number, secret in enumerate(secrets[each.target], 1)
    ]


@pytest.mark.parametrize("library", LIBRARIES, ids=lambda library: f"{library.language} {library.lock}")
async def test_a_library_takes_what_is_sent_and_refuses_what_is_changed(
    library: Library, bench: Bench, lead_event: LeadEvents
) -> None:
    cases = await sent(bench, lead_event)
    assert len(cases) == len(FORMATS) * 2 * 3
    good = [(case, True) for case in cases]
    bad = [(each, False) for case in cases for each in changed(case)]
    found = verdicts(library, [case for case, _ in good + bad])
    assert [(case.what, is_good) for case, is_good in good + bad] == [
        (case.what, is_good) for (case, _), is_good in zip(good + bad, found, strict=True)
    ]


def changed(case: Case) -> list[Case]:
    """As nobody signed it: another byte at its beginning, in its middle and at its end, one more, another id, time or secret."""
    body, (id_, at, signature) = case.body, (case.headers[name] for name in WEBHOOK)
    places = [place for place in (0, len(body) // 2, len(body) - 1) if body[place] != "~"]
    bodies = [body[:place] + "~" + body[place + 1 :] for place in places] + [body + " ", body[:-1]]
    return [
        *(case._replace(what=f"{case.what}, body {number}", body=each) for number, each in enumerate(bodies)),
        case._replace(what=f"{case.what}, id", headers=case.headers | {"webhook-id": id_ + "1"}),
        case._replace(what=f"{case.what}, time", headers=case.headers | {"webhook-timestamp": str(int(at) - 1)}),
        case._replace(what=f"{case.what}, signature", headers=case.headers | {"webhook-signature": "v1," + "A" * 43 + "="}),
        case._replace(
            what=f"{case.what}, version", headers=case.headers | {"webhook-signature": signature.replace("v1,", "v2,")}
        ),
        case._replace(what=f"{case.what}, secret", secret=OTHER),
    ]


@pytest.mark.parametrize("library", LIBRARIES, ids=lambda library: f"{library.language} {library.lock}")
@pytest.mark.parametrize(("seconds", "is_taken"), [(-OLD_S, False), (-YOUNG_S, True), (YOUNG_S, True), (OLD_S, False)])
async def test_a_library_takes_a_timestamp_of_now_alone(
    library: Library, seconds: int, is_taken: bool, bench: Bench, lead_event: LeadEvents
) -> None:
    bench.clock.pass_(seconds)
    assert set(verdicts(library, await sent(bench, lead_event))) == {is_taken}
