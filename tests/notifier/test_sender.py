"""One attempt against receivers in every mood, over real sockets."""

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from notifier.core.addresses import policy_for
from notifier.core.answers import ErrorKind
from notifier.sender import BODY_BYTES_MAX, Deadlines, Sender
from tests.notifier import receiver as moods
from tests.notifier.certificates import certificate
from tests.notifier.conftest import SHORT
from tests.notifier.receiver import Behaviour, Receiver, receiving, says


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as receiver:
        yield receiver


async def test_a_delivery_has_our_headers_and_nothing_else(receiver: Receiver, sender: Sender) -> None:
    answer = await sender.send("ep_1", receiver.url("/hook?x=1"), {"webhook-id": "le_1"}, b'{"a":1}')
    assert (answer.status, answer.error, answer.address, answer.body) == (200, None, "127.0.0.1", b"ok")
    got = receiver.received[0]
    assert got.target == "/hook?x=1"
    assert got.body == b'{"a":1}'
    assert got.headers == {
        "host": f"127.0.0.1:{receiver.port}",
        "content-type": "application/json",
        "content-length": "7",
        "user-agent": "Handraiser-Webhooks/1",
        "accept": "*/*",
        "accept-encoding": "identity",
        "webhook-id": "le_1",
    }
    assert len(got.header_names) == len(set(got.header_names))


async def test_a_connection_is_kept_and_cookies_are_not(receiver: Receiver, sender: Sender) -> None:
    receiver.behave = says(204, b"", set_cookie="session=1")
    first = await sender.send("ep_1", receiver.url(), {}, b"{}")
    second = await sender.send("ep_1", receiver.url(), {}, b"{}")
    assert receiver.connections == 1
    assert (first.connect_ms is None, second.connect_ms is None) == (False, True)
    assert second.address == "127.0.0.1"
    assert "cookie" not in receiver.received[1].headers


async def test_an_attempt_searches_the_disk_for_no_module(
    receiver: Receiver, sender: Sender, monkeypatch: pytest.MonkeyPatch
) -> None:
    """httpcore imports sniffio several times a request: missing, that was half of a webhook's CPU time."""
    await sender.send("ep_1", receiver.url(), {}, b"{}")
    searched: list[str] = []

    class Finder:
        @staticmethod
        def find_spec(name: str, *_: object) -> None:
            searched.append(name)

    monkeypatch.setattr(sys, "meta_path", [Finder(), *sys.meta_path])
    assert (await sender.send("ep_2", receiver.url(), {}, b"{}")).status == 200
    assert searched == []


async def test_proxies_of_the_environment_are_not_asked(
    receiver: Receiver, sender: Sender, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert (await sender.send("ep_1", receiver.url(), {}, b"{}")).delivered


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (301, ErrorKind.REDIRECT),
        (307, ErrorKind.REDIRECT),
        (400, ErrorKind.HTTP_STATUS),
        (410, ErrorKind.GONE),
        (413, ErrorKind.TOO_LARGE),
        (500, ErrorKind.HTTP_STATUS),
    ],
)
async def test_only_2xx_is_delivered_and_no_redirect_is_followed(
    receiver: Receiver, sender: Sender, status: int, error: ErrorKind
) -> None:
    receiver.behave = says(status, location=receiver.url("/elsewhere"), retry_after="7")
    answer = await sender.send("ep_1", receiver.url(), {}, b"{}")
    assert (answer.status, answer.error, answer.retry_after) == (status, error, "7")
    assert [each.target for each in receiver.received] == ["/hook"]


@pytest.mark.parametrize(
    ("behave", "error"),
    [
        (moods.hangs, ErrorKind.HEADERS_TIMEOUT),
        (moods.drips_headers, ErrorKind.HEADERS_TIMEOUT),
        (moods.closes, ErrorKind.CLOSED),
        (moods.closes_midway, ErrorKind.CLOSED),
        (moods.speaks_gibberish, ErrorKind.NOT_HTTP),
    ],
)
async def test_a_bad_day_ends_in_time_with_its_own_error(
    receiver: Receiver, sender: Sender, behave: Behaviour, error: ErrorKind
) -> None:
    receiver.behave = behave
    begun = time.monotonic()
    answer = await sender.send("ep_1", receiver.url(), {}, b"{}")
    assert (answer.status, answer.error) == (None, error)
    assert time.monotonic() - begun < SHORT.whole_s
    receiver.behave = says(200)
    assert (await sender.send("ep_1", receiver.url(), {}, b"{}")).delivered


@pytest.mark.parametrize("behave", [moods.drips_body, moods.floods_body])
async def test_an_endless_body_is_cut_and_the_delivery_counts(receiver: Receiver, sender: Sender, behave: Behaviour) -> None:
    receiver.behave = behave
    answer = await sender.send("ep_1", receiver.url(), {}, b"{}")
    assert answer.delivered
    assert 0 < len(answer.body) <= BODY_BYTES_MAX
    assert answer.ms < 1000


@pytest.mark.parametrize(("kilobytes", "error"), [(20, None), (90, ErrorKind.NOT_HTTP)])
async def test_an_answers_head_is_read_to_32_kilobytes(
    receiver: Receiver, sender: Sender, kilobytes: int, error: ErrorKind | None
) -> None:
    async def says_much(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n" + b"x: ".ljust(1022, b"y") + b"\r\n")
        writer.write((b"x: ".ljust(1022, b"y") + b"\r\n") * (kilobytes - 1) + b"\r\n")

    receiver.behave = says_much
    assert (await sender.send("ep_1", receiver.url(), {}, b"{}")).error is error


async def test_nothing_listening_is_a_failed_connection(sender: Sender) -> None:
    async with receiving() as closed:
        url = closed.url()
    answer = await sender.send("ep_1", url, {}, b"{}")
    assert (answer.status, answer.error, answer.address) == (None, ErrorKind.CONNECT_FAILED, "127.0.0.1")


async def test_a_name_without_address_is_a_dns_failure(sender: Sender) -> None:
    for host in ("nothing.invalid", "x" * 64 + ".example"):
        answer = await sender.send("ep_1", f"http://{host}/", {}, b"{}")
        assert answer.error in (ErrorKind.DNS_FAILED, ErrorKind.DNS_TIMEOUT)


async def test_a_name_server_that_hangs_is_a_dns_timeout() -> None:
    async def hang(_host: str, _port: int) -> Sequence[str]:
        await asyncio.Event().wait()
        return []

    sender = Sender(policy_for(production=False), SHORT, resolve=hang)
    answer = await sender.send("ep_1", "http://slow.example/", {}, b"{}")
    assert answer.error is ErrorKind.DNS_TIMEOUT
    await sender.aclose()


async def test_one_forbidden_address_among_several_refuses_them_all(receiver: Receiver) -> None:
    async def mixed(_host: str, _port: int) -> Sequence[str]:
        return ["127.0.0.1", "169.254.169.254"]

    sender = Sender(policy_for(production=False), SHORT, resolve=mixed)
    answer = await sender.send("ep_1", receiver.url(host="rebind.example"), {}, b"{}")
    assert answer.error is ErrorKind.ADDRESS_REFUSED
    assert "169.254.169.254 (link-local" in answer.detail
    assert receiver.connections == 0
    await sender.aclose()


async def test_the_address_that_was_vetted_is_the_one_that_is_connected(receiver: Receiver) -> None:
    answers = [["127.0.0.1"], ["10.0.0.1"]]

    async def changing(_host: str, _port: int) -> Sequence[str]:
        return answers.pop(0)

    sender = Sender(policy_for(production=False), SHORT, resolve=changing)
    first = await sender.send("ep_1", receiver.url(host="rebind.example"), {}, b"{}")
    assert (first.delivered, first.address, len(answers)) == (True, "127.0.0.1", 1)
    assert receiver.received[0].headers["host"] == f"rebind.example:{receiver.port}"
    second = await sender.send("ep_2", receiver.url(host="rebind.example"), {}, b"{}")
    assert second.error is ErrorKind.ADDRESS_REFUSED
    await sender.aclose()


async def test_an_address_that_refuses_leaves_the_next_one_its_turn(receiver: Receiver) -> None:
    async def two(_host: str, _port: int) -> Sequence[str]:
        return ["127.0.0.2", "127.0.0.1"]

    sender = Sender(policy_for(production=False), SHORT, resolve=two)
    answer = await sender.send("ep_1", receiver.url(host="two.example"), {}, b"{}")
    assert (answer.delivered, answer.address) == (True, "127.0.0.1")
    await sender.aclose()


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
async def test_production_does_not_reach_loopback_by_address_or_by_name(host: str) -> None:
    sender = Sender(policy_for(production=True), SHORT)
    answer = await sender.send("ep_1", f"https://{host}/", {}, b"{}")
    assert answer.error in (ErrorKind.URL_REFUSED, ErrorKind.ADDRESS_REFUSED)
    await sender.aclose()


async def test_a_url_saved_under_a_looser_policy_is_refused_when_it_is_sent(receiver: Receiver) -> None:
    sender = Sender(policy_for(production=True), SHORT)
    answer = await sender.send("ep_1", receiver.url(), {}, b"{}")
    assert (answer.error, answer.detail) == (ErrorKind.URL_REFUSED, "url_scheme")
    assert receiver.connections == 0
    await sender.aclose()


async def loopback(_host: str, _port: int) -> Sequence[str]:
    return ["127.0.0.1"]


@pytest.mark.parametrize(
    ("host", "trusted", "error"),
    [
        ("hooks.example", True, None),
        ("other.example", True, ErrorKind.TLS_FAILED),
        ("hooks.example", False, ErrorKind.TLS_FAILED),
    ],
)
async def test_the_certificate_must_be_trusted_and_made_out_to_the_host(
    tmp_path: Path, host: str, trusted: bool, error: ErrorKind | None
) -> None:
    server, client = certificate(tmp_path, "hooks.example")
    sender = Sender(policy_for(production=False), SHORT, tls=client if trusted else None, resolve=loopback)
    async with receiving(server) as receiver:
        answer = await sender.send("ep_1", receiver.url(scheme="https", host=host), {}, b"{}")
        assert answer.error is error
        assert len(receiver.received) == (1 if error is None else 0)
        await sender.aclose()


async def test_a_receiver_that_never_finishes_tls_is_a_connect_timeout() -> None:
    closed = asyncio.Event()

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()
        closed.set()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    sender = Sender(policy_for(production=False), SHORT)
    answer = await sender.send("ep_1", f"https://127.0.0.1:{port}/", {}, b"{}")
    assert answer.error is ErrorKind.CONNECT_TIMEOUT
    await asyncio.wait_for(closed.wait(), 5)  # our side of the connection does not stay open
    await sender.aclose()
    server.close()
    await server.wait_closed()


async def test_the_promised_deadlines_are_the_default() -> None:
    assert Deadlines() == Deadlines(dns_s=2, connect_s=5, headers_s=15, whole_s=20, body_s=1)
