"""Where the connection is made, whatever a name leads to and whoever answers there is vetted at that moment."""

import ssl
import warnings
from collections.abc import Sequence
from dataclasses import replace
from ipaddress import ip_address
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifier.core.addresses import DENIED, NEVER, Policy, policy_for, why_refused
from notifier.core.answers import Answer, ErrorKind
from notifier.core.signing import signed_headers
from notifier.sender import Deadlines, Sender
from tests.notifier.certificates import certificate
from tests.notifier.receiver import receiving, says

SHORT = Deadlines(dns_s=0.5, connect_s=0.5, headers_s=0.5, whole_s=1.0, body_s=0.2)
PRODUCTION = policy_for(production=True)
DEVELOPMENT = policy_for(production=False)
SPECIAL = [str(network[network.num_addresses // 2]) for network, _ in DENIED + NEVER]


async def sent(url: str, answers: Sequence[str], policy: Policy, tls: ssl.SSLContext | None = None) -> Answer:
    """What comes of one webhook if the host's name leads to `answers`."""

    async def resolve(_host: str, _port: int) -> Sequence[str]:
        return answers

    sender = Sender(policy, SHORT, tls=tls, resolve=resolve)
    try:
        return await sender.send("ep_1", url, {}, b"{}")
    finally:
        await sender.aclose()


@given(st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6)).filter(lambda address: not address.is_global))
def test_what_python_does_not_take_for_global_is_refused(address: object) -> None:
    assert why_refused(str(address), PRODUCTION) is not None


@pytest.mark.parametrize("address", SPECIAL)
async def test_a_name_that_leads_to_a_special_address_is_refused_when_it_is_connected(address: str) -> None:
    answer = await sent("https://hooks.example/", [address], PRODUCTION)
    assert answer.error is ErrorKind.ADDRESS_REFUSED
    assert answer.connect_ms is None


@pytest.mark.parametrize(
    "answers",
    [
        ["127.0.0.1", "10.0.0.1"],
        ["10.0.0.1", "127.0.0.1"],
        ["127.0.0.1", "127.0.0.1", "::ffff:169.254.169.254"],
        ["127.0.0.1", "fe80::1%eth0"],
        ["127.0.0.1", "2130706433"],
        ["127.0.0.1", "0x7f000001"],
        ["127.0.0.1", ""],
    ],
)
async def test_one_bad_answer_among_several_wherever_it_stands_lets_nothing_out(answers: Sequence[str]) -> None:
    async with receiving() as receiver:
        answer = await sent(receiver.url(host="mixed.example"), answers, DEVELOPMENT)
        assert (answer.error, receiver.connections) == (ErrorKind.ADDRESS_REFUSED, 0)


async def test_a_name_that_leads_nowhere_is_a_failure_of_dns() -> None:
    assert (await sent("http://empty.example/", [], DEVELOPMENT)).error is ErrorKind.DNS_FAILED


async def test_own_networks_are_reached_where_they_are_allowed_and_only_these() -> None:
    async with receiving() as receiver:
        url = receiver.url(host="inside.example")
        closed = replace(PRODUCTION, http=True, ports=None)
        opened = replace(policy_for(production=True, allow_cidrs=["127.0.0.0/30"]), http=True, ports=None)
        assert (await sent(url, ["127.0.0.1"], closed)).error is ErrorKind.ADDRESS_REFUSED
        assert (await sent(url, ["127.0.0.1"], opened)).delivered
        assert (await sent(url, ["127.0.0.4"], opened)).error is ErrorKind.ADDRESS_REFUSED
        assert receiver.connections == 1


@pytest.mark.parametrize(
    "address", ["169.254.169.254", "::ffff:169.254.169.254", "168.63.129.16", "fd00:ec2::254", "100.100.100.200"]
)
async def test_metadata_is_not_reached_though_everything_is_allowed(address: str) -> None:
    everything = replace(policy_for(production=True, allow_cidrs=["0.0.0.0/0", "::/0"]), http=True, ports=None)
    assert (await sent("http://metadata.example/", [address], everything)).error is ErrorKind.ADDRESS_REFUSED


@pytest.mark.parametrize("port", [22, 25, 80, 6379, 9200])
async def test_no_other_port_is_reached_in_production(port: int) -> None:
    answer = await sent(f"https://hooks.example:{port}/", ["8.8.8.8"], PRODUCTION)
    assert (answer.error, answer.detail) == (ErrorKind.URL_REFUSED, "url_port")


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "169.254.169.254", "10.0.0.1"])
async def test_a_redirect_inside_is_a_failure_and_nobody_goes_there(host: str) -> None:
    async with receiving() as inside, receiving() as receiver:
        receiver.behave = says(307, location=inside.url(host=host))
        answer = await sent(receiver.url(host="hooks.example"), ["127.0.0.1"], DEVELOPMENT)
        assert (answer.error, inside.connections, len(receiver.received)) == (ErrorKind.REDIRECT, 0, 1)


async def test_proxies_of_the_environment_get_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    server, client = certificate(tmp_path, "hooks.example")
    async with receiving() as proxy, receiving(server) as receiver:
        for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, proxy.url())
        answer = await sent(receiver.url(scheme="https", host="hooks.example"), ["127.0.0.1"], DEVELOPMENT, client)
        assert (answer.delivered, proxy.connections) == (True, 0)


@pytest.mark.parametrize(
    ("made_out_to", "days", "trusted", "error"),
    [
        ("hooks.example", 1, True, None),
        ("other.example", 1, True, ErrorKind.TLS_FAILED),
        ("*.example.org", 1, True, ErrorKind.TLS_FAILED),
        ("hooks.example", 1, False, ErrorKind.TLS_FAILED),
        ("hooks.example", -1, True, ErrorKind.TLS_FAILED),
    ],
)
async def test_a_certificate_of_another_self_signed_or_expired_is_refused(
    tmp_path: Path, made_out_to: str, days: int, trusted: bool, error: ErrorKind | None
) -> None:
    server, client = certificate(tmp_path, made_out_to, days)
    async with receiving(server) as receiver:
        url = receiver.url(scheme="https", host="hooks.example")
        answer = await sent(url, ["127.0.0.1"], DEVELOPMENT, client if trusted else None)
        assert (answer.error, len(receiver.received)) == (error, 1 if error is None else 0)


def old(context: ssl.SSLContext) -> ssl.SSLContext:
    """It speaks TLS 1.0 and 1.1."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = ssl.TLSVersion.TLSv1
    context.set_ciphers("ALL:@SECLEVEL=0")
    return context


async def test_tls_1_0_and_1_1_are_refused(tmp_path: Path) -> None:
    server, client = certificate(tmp_path, "hooks.example")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        old(server).maximum_version = ssl.TLSVersion.TLSv1_1
    async with receiving(server) as receiver:
        url = receiver.url(scheme="https", host="hooks.example")
        assert (await sent(url, ["127.0.0.1"], DEVELOPMENT, client)).error is ErrorKind.TLS_FAILED
        assert receiver.received == []
        assert (await sent(url, ["127.0.0.1"], DEVELOPMENT, old(client))).delivered  # that server is well otherwise


async def test_the_sender_trusts_what_the_system_trusts_and_checks_names() -> None:
    sender = Sender(PRODUCTION)
    assert sender._tls.verify_mode is ssl.CERT_REQUIRED
    assert sender._tls.check_hostname
    assert sender._tls.minimum_version >= ssl.TLSVersion.TLSv1_2
    await sender.aclose()


@pytest.mark.parametrize("value", ["a\r\nx-evil: 1", "a\nb", "a\r\n\r\nGET /admin HTTP/1.1", "a\x00b"])
async def test_no_header_value_adds_a_line_to_the_request(value: str) -> None:
    async with receiving() as receiver:
        sender = Sender(DEVELOPMENT, SHORT)
        answer = await sender.send("ep_1", receiver.url(), {"x-key": value}, b"{}")
        assert (answer.error, receiver.received) == (ErrorKind.NOT_HTTP, [])
        await sender.aclose()


async def test_no_extra_header_replaces_ours() -> None:
    async with receiving() as receiver:
        sender = Sender(DEVELOPMENT, SHORT)
        ours = signed_headers(["whsec_" + "A" * 43 + "="], "le_1", 1, b"{}")
        extra = {"host": "inside.example", "content-length": "0", "user-agent": "curl"}
        assert (await sender.send("ep_1", receiver.url(), extra | ours, b"{}")).delivered
        headers = receiver.received[0].headers
        assert (headers["host"], headers["content-length"]) == (f"127.0.0.1:{receiver.port}", "2")
        assert len(receiver.received[0].header_names) == len(set(receiver.received[0].header_names))
        await sender.aclose()


async def test_a_name_is_looked_up_once_a_connection_and_again_for_the_next() -> None:
    """A kept connection stays with the address that was vetted; a new one is vetted anew."""
    asked: list[str] = []

    async def resolve(host: str, _port: int) -> Sequence[str]:
        asked.append(host)
        return ["127.0.0.1"] if len(asked) == 1 else [str(ip_address("169.254.169.254"))]

    sender = Sender(DEVELOPMENT, SHORT, resolve=resolve)
    async with receiving() as receiver:
        url = receiver.url(host="changing.example")
        for _ in range(2):
            assert (await sender.send("ep_1", url, {}, b"{}")).delivered
        assert asked == ["changing.example"]
        await sender.forget("ep_1")
        assert (await sender.send("ep_1", url, {}, b"{}")).error is ErrorKind.ADDRESS_REFUSED
        assert len(receiver.received) == 2
    await sender.aclose()
