"""The product runs, with traffic, failing deliveries and errors, and logs all it can: no secret lies in clear where it need not.

Where it may: `api-key`, `master-key` and `trial-key` in the data folder hold theirs, and the trial's first block shows its key.
"""

import base64
import contextlib
import json
import secrets
import sqlite3
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Final

import httpx
import pytest

from tests.handraiser.conftest import Running, until
from tests.journey.product import free_port

LOUD: Final = """
import logging

set_level = logging.Logger.setLevel


def loud(self, level):
    set_level(self, logging.DEBUG if level == logging.INFO else level)
    self.debug("everything is logged")


logging.Logger.setLevel = loud
"""
"""Python runs it as it starts: what logs from INFO on logs all, as for somebody who looks for a mistake."""
DOCUMENTED: Final = {
    ("API key", "api-key"),
    ("master key", "master-key"),
    ("trial's write key", "trial-key"),
    ("trial's write key", "what up printed"),
}
PAGES: Final = (
    *("/metrics", "/health", "/ready", "/openapi.json", "/v1/projects", "/v1/keys", "/v1/endpoints", "/v1/leads?limit=1000"),
    *(
        "/v1/deliveries?limit=1000",
        "/v1/deadletters?limit=1000",
        "/v1/rulebooks",
        "/v1/event-names?project=acme-mail",
        "/catcher",
    ),
)


class Receivers:
    """Below `/good` all is well; below `/bad` nothing is, and the answer says back all that was sent, as many a server's does."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, dict[str, str]]] = []
        receivers = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["content-length"]))
                receivers.asked.append((self.path, dict(self.headers.items())))
                said = f"Cannot POST {self.path.partition('?')[0]} ({self.path}) with {dict(self.headers.items())}".encode()
                self.send_response(200 if self.path.startswith("/good") else 500)
                self.send_header("content-length", str(len(said)))
                self.end_headers()
                self.wfile.write(said)

            def log_message(self, *_: object) -> None:
                """pytest's output is not the place."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()


@pytest.fixture
def receivers() -> Iterator[Receivers]:
    receivers = Receivers()
    yield receivers
    receivers.server.shutdown()
    receivers.server.server_close()


def spelled(secret: str) -> list[bytes]:
    """A secret as it may lie about: its text without what is public of it, and if that is base64 the bytes behind it."""
    text = secret.removeprefix("whsec_").rpartition("_")[2] if secret.startswith("wk_") else secret.removeprefix("whsec_")
    found = [text.encode()]
    if secret.startswith("whsec_") or text.endswith("="):
        key = base64.urlsafe_b64decode(text.replace("+", "-").replace("/", "_"))
        found += [key, key.hex().encode(), base64.urlsafe_b64encode(key), base64.b64encode(key), repr(key)[2:-1].encode()]
    return found


def found_in(places: dict[str, bytes], known: dict[str, str]) -> set[tuple[str, str]]:
    return {
        (name.partition(" of ")[0], place)
        for name, secret in known.items()
        for place, content in places.items()
        if any(text in content for text in spelled(secret))
    }


def everything(running: Running) -> dict[str, bytes]:
    """Every byte of the data folder, and all that `up` said.

    The files of SQLite's locks come last: who closes one lets go of all locks that this process has on it (POSIX), `spool`'s too.
    """
    found = sorted(running.data.rglob("*"), key=lambda file: file.name.endswith("-shm"))
    files = {str(file.relative_to(running.data)): file.read_bytes() for file in found if file.is_file()}
    return files | {"what up printed": running.out.read_bytes(), "what up complained of": running.err.read_bytes()}


@pytest.mark.timeout(180)
def test_no_secret_is_in_clear_in_the_data_folder_the_output_or_an_answer(
    tmp_path: Path, start: Callable[..., Running], receivers: Receivers
) -> None:
    (tmp_path / "loud").mkdir()
    (tmp_path / "loud" / "sitecustomize.py").write_text(LOUD)
    loud = {"PYTHONPATH": str(tmp_path / "loud")}
    running = start("--try", env=loud)
    known = {name: running.read(place) for name, place in DOCUMENTED if place.endswith("-key")}
    answers = make_endpoints(running, receivers, known) | make_keys(running, known)
    for number, name in enumerate(name for name in known if name.startswith(("write key", "trial"))):
        answers |= {f"{path} with {name}": answer.content for path, answer in events(running.http, known[name], number)}
    answers |= errors(running, receivers, known)
    assert running.handraiser("try", "--fast").returncode == 0
    until("several of the bad ones were tried", lambda: len(failing(running)) >= 4, 30)
    answers |= looks(running)

    before = everything(running)
    spooled = spool(running, known["write key of a rotation"])
    running.process.kill()
    running.process.wait()
    killed = everything(running)  # as they lay on the disk
    (running.data / "server.json").unlink()
    again = start(env=loud)
    assert again.stop() == 0
    after = everything(again)

    assert found_in(answers, known) == set()
    assert found_in(before, known) == found_in(spooled, known) == found_in(killed, known) == DOCUMENTED
    assert found_in(after, known) == DOCUMENTED - {("trial's write key", "what up printed")}

    # and all of it was there to be found
    asked = json.dumps(receivers.asked)
    assert all(secret in asked for name, secret in known.items() if name.startswith(("path of bad", "header of good")))
    assert b"[hidden]" in b"".join(answers.values())
    assert {"missing_event"} <= {row["code"] for row in json.loads(answers["/v1/deadletters?limit=1000"])["data"]}
    assert b'"message":"everything is logged"' in before["handraiser.log"]
    for name in ("log", "detector", "notifier"):
        assert b"Acme Bakery" in before[f"{name}.sqlite"] + before[f"{name}.sqlite-wal"]
    assert any(b"Spooled" in content for name, content in spooled.items() if name.startswith("spool/"))


def make_endpoints(running: Running, receivers: Receivers, known: dict[str, str]) -> dict[str, bytes]:
    """Some that take all, some that fail and some that are gone, in each format. Their secrets are `known` from here on."""
    answers = {}
    for format_ in ("standard", "flat", "slack"):
        for kind in ("good", "bad", "gone"):
            of = f"of {kind} {format_}"
            token, query, header, other = (secrets.token_hex(16) for _ in range(4))
            base = receivers.url if kind != "gone" else f"http://127.0.0.1:{free_port()}"
            sent = {"X-Gateway-Key": f"Bearer {header}", "X-Other": other}
            wanted = {"url": f"{base}/{kind}/{token}/hook?key={query}", "headers": sent, "format": format_}
            made = running.api.post("/v1/endpoints", json=wanted | {"project": "acme-mail", "name": f"{kind} {format_}"}).json()
            known |= {f"path {of}": token, f"query {of}": query, f"header {of}": header, f"other header {of}": other}
            known[f"signing secret {of}"] = made["secret"]
            known[f"new signing secret {of}"] = running.api.post(f"/v1/endpoints/{made['id']}/rotate").json()["secret"]
            answers[f"test {of}"] = running.api.post(f"/v1/endpoints/{made['id']}/test").content
    return answers


def make_keys(running: Running, known: dict[str, str]) -> dict[str, bytes]:
    made = running.api.post("/v1/keys", json={"project": "acme-mail"}).json()
    known["write key of a server"] = made["key"]
    known["write key of a page"] = running.api.post("/v1/keys", json={"project": "acme-mail", "trust": "browser"}).json()["key"]
    known["write key of a rotation"] = running.api.post(f"/v1/keys/{made['id']}/rotate").json()["key"]
    return {"a revoked key": running.api.delete(f"/v1/keys/{made['id']}").content}


def errors(running: Running, receivers: Receivers, known: dict[str, str]) -> dict[str, bytes]:
    """Some of them with a secret in what is refused."""
    answers = {}
    refused = known["header of good flat"]
    wrongs: list[dict[str, object]] = [
        {"url": f"ftp://h.example/{refused}"},
        {"url": f"http://169.254.169.254/{refused}"},
        {"url": receivers.url, "headers": {"X-Key": f"{refused}\r\nX-Evil: 1"}},
        {"url": [receivers.url, refused]},
        {"url": receivers.url, "headers": refused},
        {"url": receivers.url, "secret": refused},
    ]
    for number, wrong in enumerate(wrongs):
        answer = running.api.post("/v1/endpoints", json=wrong | {"project": "acme-mail"})
        assert answer.status_code == 422, answer.text
        answers[f"refusal {number}"] = answer.content
    answers["no such key"] = running.http.get("/v1/leads", headers={"authorization": f"Bearer {known['API key'][:-1]}"}).content
    return answers


def looks(running: Running) -> dict[str, bytes]:
    """All that can be looked at, by HTTP and by command."""
    answers = {page: running.api.get(page).content for page in PAGES}
    for delivery in running.api.get("/v1/deliveries?limit=1000").json()["data"]:
        answers[f"delivery {delivery['id']}"] = running.api.get(f"/v1/deliveries/{delivery['id']}").content
    for words in (("endpoints", "list"), ("keys", "list"), ("deliveries", "list"), ("events",), ("deadletters", "list")):
        done = running.handraiser(*words)
        assert done.returncode == 0, done.stderr
        answers[" ".join(words)] = (done.stdout + done.stderr).encode()
    return answers


def spool(running: Running, key: str) -> dict[str, bytes]:
    """What lies where while somebody keeps the log from being written, and events go to the spool."""
    with contextlib.closing(sqlite3.connect(running.data / "log.sqlite", isolation_level=None)) as log:
        log.execute("BEGIN IMMEDIATE")
        event = {"type": "track", "event": "Spooled", "userId": "ada", "groupId": "acme", "writeKey": key}
        assert running.http.post("/v1/batch", json={"batch": [event], "writeKey": key}).status_code == 200
        lies = everything(running)
        log.execute("ROLLBACK")
    return lies


def failing(running: Running) -> set[str]:
    """Endpoints with a delivery that was tried and failed."""
    deliveries = running.api.get("/v1/deliveries?limit=1000").json()["data"]
    return {each["endpoint_id"] for each in deliveries if each["status"] == "waiting"}


def events(http: httpx.Client, key: str, number: int) -> Iterator[tuple[str, httpx.Response]]:
    """A good event and one that cannot be used, in each place where a key can stand."""
    track = {"type": "track", "event": "Campaign Sent", "userId": f"u{number}", "groupId": f"g{number}"}
    bad = {"type": "track", "event": "", "userId": f"u{number}"}
    posthog = {"event": "sent", "distinct_id": f"u{number}", "properties": {"token": key}}
    for path, body, more in (
        ("/v1/batch", {"batch": [track, bad]}, {"auth": (key, "")}),
        ("/v1/batch", {"batch": [track, bad], "writeKey": key}, {}),
        ("/v1/batch", {"batch": [track | {"writeKey": key}, bad | {"writeKey": key}], "writeKey": key}, {}),
        ("/v1/t", track | {"writeKey": key}, {}),
        ("/v1/t", bad | {"writeKey": key}, {}),
        ("/v1/events", {"events": [track, bad]}, {"headers": {"X-Write-Key": key}}),
        ("/batch", {"api_key": key, "batch": [posthog, posthog | {"event": ""}]}, {}),
        ("/e", posthog | {"api_key": key}, {}),
        ("/e", posthog | {"event": "", "api_key": key}, {}),
        ("/v1/batch", {"batch": [track]}, {"auth": (key[:-1], "")}),
        ("/v1/batch", "{", {"auth": (key, "")}),
        ("/v1/batch", {"batch": [track], "writeKey": key + "x"}, {}),
    ):
        content = body if isinstance(body, str) else json.dumps(body)
        yield path, http.post(path, content=content, **more)
