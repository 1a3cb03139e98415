"""Extra headers of an endpoint: which may be, that they arrive, and that their values are seen nowhere else."""

import asyncio
import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifier.core.headers import HeaderRefusedError, extra_headers, hide
from notifier.core.matching import Filters
from notifier.core.urls import parse_url
from notifier.store import NotifierStore
from notifier.vault import Vault, new_master_key
from tests.notifier import receiver as moods
from tests.notifier.bench import DEVELOPMENT, Bench
from tests.notifier.conftest import LeadEvents
from tests.notifier.test_worker import database_bytes

TOKEN = "tok-0123456789"


@pytest.mark.parametrize(
    "name",
    [
        *("Webhook-Id", "webhook-anything", "Content-Type", "CONTENT-LENGTH", "User-Agent", "Host", "Connection"),
        *("Transfer-Encoding", "Accept-Encoding", "accept", "Cookie", "Proxy-Authorization", "TE", "Upgrade", "Expect"),
    ],
)
def test_no_header_of_ours_or_of_the_connection_can_be_set(name: str) -> None:
    with pytest.raises(HeaderRefusedError, match=name.lower()):
        extra_headers({name: "x"})


@pytest.mark.parametrize("name", ["", "a b", "a:b", "a\r\nb", "ä", "a\0", "x" * 101])
def test_what_is_no_token_is_no_name_of_a_header_and_is_not_said_back(name: str) -> None:
    with pytest.raises(
        HeaderRefusedError, match=r"^Header 2 has no name of a header: letters, digits and hyphens, at most 100\.$"
    ):
        extra_headers({"x-good": "x", name: TOKEN})


@pytest.mark.parametrize("value", ["", " ", f" {TOKEN}", f"{TOKEN} ", f"{TOKEN}\r\nx: y", f"{TOKEN}\n", "\0", "é", "\x7f"])
def test_a_value_that_could_end_the_header_is_refused_and_is_not_said_back(value: str) -> None:
    with pytest.raises(HeaderRefusedError, match="x-key") as refused:
        extra_headers({"X-Key": value})
    assert TOKEN not in str(refused.value)


@pytest.mark.parametrize(
    ("headers", "says"),
    [
        ({f"x-{n}": "y" for n in range(11)}, "at most 10"),
        ({"X-Key": "1", "x-key": "2"}, "x-key is there twice"),
        ({"x-key": "y" * 4092}, "over 4096 bytes"),
    ],
)
def test_headers_are_few_small_and_each_is_there_once(headers: dict[str, str], says: str) -> None:
    with pytest.raises(HeaderRefusedError, match=says):
        extra_headers(headers)


@given(st.dictionaries(st.text(max_size=20), st.text(max_size=20), max_size=11))
def test_what_is_taken_cannot_break_a_request(wanted: dict[str, str]) -> None:
    try:
        headers = extra_headers(wanted)
    except HeaderRefusedError:
        return
    for name, value in headers.items():
        assert name == name.lower()
        assert name.isascii()
        assert value.isascii()
        assert not set(name + value) & set("\r\n\0")


def test_a_short_value_hides_nothing_of_an_answer() -> None:
    assert (
        hide(b"status 1: Bearer tok-0123456789", {"x": "1", "authorization": f"Bearer {TOKEN}"}, "https://h.example/")
        == b"status 1: [hidden]"
    )
    assert hide(TOKEN.encode(), {"authorization": f"Bearer {TOKEN}"}, "https://h.example/") == b"[hidden]"


def test_a_server_that_says_which_path_it_does_not_know_says_no_secret() -> None:
    url = "https://hooks.example/leads/T0123456/0123456789abcdef?key=fedcba%39876543210"
    said = b"hooks.example cannot POST /leads/T0123456/0123456789abcdef, key fedcba9876543210 or fedcba%39876543210"
    assert hide(said, {}, url) == b"hooks.example cannot POST /leads/[hidden]/[hidden], key [hidden] or [hidden]"


async def test_extra_headers_arrive_with_each_webhook_and_their_values_are_nowhere_else(
    bench: Bench, lead_event: LeadEvents, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "notifier")
    caplog.set_level(logging.INFO)

    async def say_back(writer: asyncio.StreamWriter) -> None:
        await moods.answer(writer, 200, f"you sent {bench.receiver.received[-1].headers}".encode())

    bench.receiver.behave = say_back
    headers = extra_headers({"Authorization": f"Bearer {TOKEN}", "X-Tenant": "acme"})
    target = parse_url(bench.receiver.url(), DEVELOPMENT)
    endpoint, secret = bench.store.add_endpoint("acme-mail", "crm", target, Filters(), bench.clock(), headers=headers)
    assert endpoint.header_names == ("authorization", "x-tenant")
    await bench.deliver(lead_event())
    await bench.notifier.test(endpoint.id)
    for got in bench.receiver.received:
        got.verified(secret)
        assert (got.headers["authorization"], got.headers["x-tenant"]) == (f"Bearer {TOKEN}", "acme")
        assert got.headers["content-type"] == "application/json"
    (attempt,) = bench.attempts()
    assert b"[hidden]" in attempt.body
    assert b"'x-tenant': 'acme'" in attempt.body
    logged = "\n".join(str(record.__dict__) for record in caplog.records)
    assert "webhook attempt" in logged
    assert TOKEN not in logged
    assert TOKEN.encode() not in database_bytes(bench.engine)


async def test_extra_headers_are_resealed_rotated_and_forgotten_with_their_endpoint(bench: Bench, master_key: str) -> None:
    target = parse_url(bench.receiver.url(), DEVELOPMENT)
    plain, _ = bench.endpoint(name="plain")
    endpoint, _ = bench.store.add_endpoint("acme-mail", "crm", target, Filters(), 1, headers={"x-key": TOKEN})
    new_key = new_master_key()
    assert NotifierStore(bench.engine, Vault(f"{new_key},{master_key}")).secrets.reseal() == 2
    store = NotifierStore(bench.engine, Vault(new_key))
    store.secrets.rotate(endpoint.id, 0, 0)
    for endpoint_id, headers in ((plain.id, {}), (endpoint.id, {"x-key": TOKEN})):
        opened = store.secrets.opened_endpoint(endpoint_id, 0)
        assert opened is not None
        assert opened.headers == headers
    store.delete_endpoint(endpoint.id, 1)
    with bench.engine.connect() as tx:
        assert tx.exec_driver_sql("SELECT headers FROM endpoints WHERE status = 'deleted'").scalar_one() is None
