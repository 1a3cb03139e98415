"""Browser SDKs in a real Chromium, on a page of another origin: preflights, settings, and what is sent as a page is left."""

import functools
import json
import shutil
import subprocess
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from msgspec.structs import replace

from contracts.codec import encode_event
from contracts.messages import UsageEvent
from tests.conftest import missing
from tests.journey.product import Product
from tests.sdks.install import HERE, node_sdk
from tests.sdks.kept import keep
from tests.sdks.test_sdks import arrived
from tests.sdks.wire import Wire


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    product = Product(tmp_path_factory.mktemp("browser") / "data")
    product.start()
    yield product
    product.close()


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: Any) -> None:
        """pytest's output is not the place."""

    def translate_path(self, path: str) -> str:
        """The pages are ours, the SDKs are where they were installed."""
        plain = path.partition("?")[0]
        return super().translate_path(path) if plain.startswith("/node_modules/") else str(HERE / "pages" / plain.lstrip("/"))


@pytest.fixture(scope="module")
def page() -> Iterator[str]:
    """The address of a server with the pages: another origin than ingest's."""
    folder = node_sdk("browser")
    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(_Quiet, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://localhost:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


def browse(page: str, sdk: str, wire: Wire, key: str) -> list[str]:
    """What the page and its console had to complain of."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        missing("A browser SDK", "there is no Chromium here: install Debian's chromium")
    folder = node_sdk("browser")
    command = ["node", str(HERE / "drivers" / "browser.mjs"), str(chromium), page, sdk, wire.url, key]
    done = subprocess.run(command, cwd=folder, check=False, capture_output=True, text=True, timeout=90)
    assert done.returncode == 0, done.stderr[-3000:]
    errors: list[str] = json.loads(done.stdout.splitlines()[-1])["errors"]
    return errors


def browser_key(product: Product, project: str) -> str:
    product.api("ingest", "POST", "/v1/projects", {"name": project})
    return str(product.api("ingest", "POST", "/v1/keys", {"project": project, "trust": "browser"})["key"])


def said(event: UsageEvent) -> Any:
    return json.loads(bytes(event.traits))


@pytest.mark.timeout(180)
@pytest.mark.parametrize("sdk", ["segment", "posthog"])
def test_what_a_page_says_arrives_once(sdk: str, product: Product, page: str) -> None:
    wire = Wire(product.processes["up"].port)
    try:
        key = browser_key(product, sdk)
        errors = browse(page, sdk, wire, key)
    finally:
        wire.close()
    assert errors == [], [(request.method, request.path, request.answered) for request in wire.requests]
    events = arrived(product, sdk)
    copies = {event.id: encode_event(replace(event, received_at=0, sent_at=0)) for event in events}
    assert {encode_event(replace(event, received_at=0, sent_at=0)) for event in events} == set(copies.values())
    assert {event.trust for event in events} == {"browser"}
    by_type = {event.type: event for event in events if not (event.name or "").startswith("$")}
    assert said(by_type["identify"])["email"] == "ada@bolt.example"
    assert "plan" not in said(by_type["identify"]), "a page is not believed about plans"
    group, track = by_type["group"], by_type["track"]
    assert (group.account, group.person, said(group)) == ("bolt", "ada", {})
    assert (track.name, track.person) == ("Pricing Viewed", "ada")
    assert track.account == ("bolt" if sdk == "posthog" else None)
    assert json.loads(bytes(track.properties))["from"] == "menu"
    assert "wk_" not in bytes(track.properties).decode()
    assert len(events) == len(copies) or sdk == "posthog", (
        "posthog-js sends some twice as a page is left; the detector knows a copy"
    )
    assert {request.answered for request in wire.requests} <= {200, 204}
    assert len(wire.posted()) <= 12
    assert any(request.method == "OPTIONS" for request in wire.requests) or sdk == "posthog"
    keep(f"{sdk} in a page", key, wire.requests)
