"""The table of addresses that webhooks may not reach, and URLs in all their odd spellings."""

from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifier.core.addresses import DENIED, NEVER, policy_for, why_refused
from notifier.core.urls import UrlRefusedError, parse_url

PRODUCTION = policy_for(production=True)
DEVELOPMENT = policy_for(production=False)
EVERYTHING_ALLOWED = policy_for(production=True, allow_cidrs=["0.0.0.0/0", "::/0"])
METADATA = ("169.254.169.254", "169.254.170.2", "168.63.129.16", "100.100.100.200", "192.0.0.192")


def translated(v4: str) -> list[str]:
    """Every IPv6 spelling that leads, or may lead, to an IPv4 address."""
    bits = int(ip_address(v4))
    flipped = bits ^ 0xFFFFFFFF
    return [
        f"::ffff:{v4}",
        f"::{v4}",
        f"::ffff:0:{v4}",
        f"64:ff9b::{v4}",
        f"64:ff9b:1::{v4}",
        f"64:ff9b:1:{bits >> 16:x}:{(bits & 0xFFFF) >> 8:x}:{(bits & 0xFF) << 8:x}::",
        f"2002:{bits >> 16:x}:{bits & 0xFFFF:x}::1",
        f"2001:0:4136:e378:8000:63bf:{flipped >> 16:x}:{flipped & 0xFFFF:x}",
    ]


@pytest.mark.parametrize("cidr", [str(network) for network, _ in DENIED + NEVER])
def test_every_special_range_is_refused_from_its_first_to_its_last_address(cidr: str) -> None:
    network = ip_network(cidr)
    for address in (network[0], network[-1], network[network.num_addresses // 2]):
        assert why_refused(str(address), PRODUCTION) is not None


@pytest.mark.parametrize(
    "address",
    [
        "8.8.8.8",
        "1.1.1.1",
        "9.255.255.255",
        "11.0.0.0",
        "100.63.255.255",
        "100.128.0.0",
        "126.255.255.255",
        "128.0.0.0",
        "172.15.255.255",
        "172.32.0.0",
        "192.0.1.0",
        "198.17.255.255",
        "198.20.0.0",
        "223.255.255.255",
        "2606:4700::1111",
        "2a00:a9fe:a9fe::a9fe:a9fe",
        "2001:200::1",
    ],
)
def test_public_addresses_beside_the_special_ranges_are_allowed(address: str) -> None:
    assert why_refused(address, PRODUCTION) is None


@pytest.mark.parametrize("v4", METADATA)
def test_metadata_addresses_are_refused_whatever_is_allowed_and_however_wrapped(v4: str) -> None:
    for spelling in (v4, *translated(v4)):
        assert why_refused(spelling, EVERYTHING_ALLOWED) is not None, spelling


@pytest.mark.parametrize("address", ["fd00:ec2::254", "fd20:ce::254", "fe80::a9fe:a9fe", "fe80::1%eth0"])
def test_metadata_addresses_of_ipv6_are_refused_whatever_is_allowed(address: str) -> None:
    assert why_refused(address, EVERYTHING_ALLOWED) is not None


@given(st.ip_addresses(v=4))
def test_a_wrapped_ipv4_address_is_never_reached(v4: object) -> None:
    for spelling in translated(str(v4)):
        assert why_refused(spelling, PRODUCTION) is not None


@given(st.ip_addresses(v=6).filter(lambda address: int(address) >> 125 != 1))
def test_ipv6_outside_global_unicast_is_refused(address: object) -> None:
    assert why_refused(str(address), PRODUCTION) is not None


def test_loopback_is_for_development_and_a_private_range_for_who_allows_it() -> None:
    for loopback in ("127.0.0.1", "127.9.9.9", "::1"):
        assert why_refused(loopback, DEVELOPMENT) is None
        assert why_refused(loopback, PRODUCTION) == "loopback"
    assert why_refused("::ffff:127.0.0.1", DEVELOPMENT) == "IPv4-mapped"
    assert why_refused("10.1.2.3", DEVELOPMENT) == "private"
    own = policy_for(production=True, allow_cidrs=["10.1.0.0/16"])
    assert why_refused("10.1.2.3", own) is None
    assert why_refused("10.2.2.3", own) == "private"


@pytest.mark.parametrize("text", ["", "localhost", "1.2.3", "0x7f.1", "1.2.3.4.5", "0177.0.0.1"])
def test_what_is_no_address_is_refused(text: str) -> None:
    assert why_refused(text, DEVELOPMENT) == "not an IP address"


@pytest.mark.parametrize(
    ("url", "target"),
    [
        ("https://hooks.example.com", ("https", "hooks.example.com", 443, "/")),
        ("HTTPS://Hooks.Example.COM/A?b=C", ("https", "hooks.example.com", 443, "/A?b=C")),
        ("https://hooks.example.com:8443/x", ("https", "hooks.example.com", 8443, "/x")),
        ("https://8.8.8.8/", ("https", "8.8.8.8", 443, "/")),
        ("https://[2606:4700::1111]/", ("https", "2606:4700::1111", 443, "/")),
        ("https://xn--bcher-kva.example/", ("https", "xn--bcher-kva.example", 443, "/")),
    ],
)
def test_a_good_url_is_taken_apart(url: str, target: tuple[str, str, int, str]) -> None:
    parsed = parse_url(url, PRODUCTION)
    assert (parsed.scheme, parsed.host, parsed.port, parsed.path) == target
    assert parse_url(parsed.url, PRODUCTION) == parsed


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("http://hooks.example.com/", "url_scheme"),
        ("ftp://hooks.example.com/", "url_scheme"),
        ("file:///etc/passwd", "url_scheme"),
        ("hooks.example.com/x", "url_scheme"),
        ("https://hooks.example.com:8080/", "url_port"),
        ("https://hooks.example.com:0/", "url_port"),
        ("https://hooks.example.com:99999/", "url_malformed"),
        ("https://user:pass@hooks.example.com/", "url_user_info"),
        ("https://hooks.example.com@127.0.0.1/", "url_user_info"),
        ("https://hooks.example.com/#x", "url_malformed"),
        ("https://hooks.example.com/#", "url_malformed"),
        ("https:///path", "url_malformed"),
        ("https://hooks.example.com./", "url_malformed"),
        ("https://hooks..example.com/", "url_malformed"),
        ("https://hooks example.com/", "url_malformed"),
        ("https://hooks.example.com\\@127.0.0.1/", "url_malformed"),
        ("https://hooks.example.com/\r\nx-evil: 1", "url_malformed"),
        ("https://bücher.example/", "url_malformed"),
        ("https://①②⑦.⓪.⓪.①/", "url_malformed"),
        ("https://%31%32%37.0.0.1/", "url_malformed"),
        ("", "url_malformed"),
        ("https://a.example/" + "x" * 2048, "url_malformed"),
        ("https://127.0.0.1/", "url_address"),
        ("https://2130706433/", "url_address"),
        ("https://0x7f000001/", "url_address"),
        ("https://0x7f.1/", "url_address"),
        ("https://127.1/", "url_address"),
        ("https://0177.0.0.1/", "url_address"),
        ("https://127.0.0.0x1/", "url_address"),
        ("https://[::1]/", "url_address"),
        ("https://[::ffff:8.8.8.8]/", "url_address"),
        ("https://[fe80::1%25eth0]/", "url_malformed"),
        ("https://169.254.169.254/latest/meta-data/", "url_address"),
    ],
)
def test_a_bad_url_is_refused_with_its_own_code(url: str, code: str) -> None:
    with pytest.raises(UrlRefusedError) as refused:
        parse_url(url, PRODUCTION)
    assert refused.value.code == code


def test_development_takes_http_any_port_and_loopback() -> None:
    assert parse_url("http://127.0.0.1:4000/hook", DEVELOPMENT).authority == "127.0.0.1:4000"
    assert parse_url("http://[::1]:4000/hook", DEVELOPMENT).authority == "[::1]:4000"
    assert parse_url("http://localhost:4000/hook", DEVELOPMENT).site == "http://localhost:4000"


@given(st.text(max_size=80))
def test_no_text_breaks_the_reader_of_urls(text: str) -> None:
    for candidate in (text, f"https://{text}", f"https://a.example/{text}"):
        try:
            parse_url(candidate, PRODUCTION)
        except UrlRefusedError as refused:
            assert str(refused)  # noqa: PT017 - any other exception fails the test
