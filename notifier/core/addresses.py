"""An IP address and a policy come in; why a webhook must not go there, or None, goes out.

The table is our own and frozen: the properties of Python's `ipaddress` differ between versions and let metadata services
through. Source: IANA's special-purpose registries for IPv4 and IPv6 (RFC 6890 and successors) as of 2025, and the clouds' docs.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import TypeAlias

Address: TypeAlias = IPv4Address | IPv6Address
Network: TypeAlias = IPv4Network | IPv6Network


def _table(rows: dict[str, str]) -> tuple[tuple[Network, str], ...]:
    return tuple((ip_network(cidr), why) for cidr, why in rows.items())


NEVER = _table(
    {
        "169.254.0.0/16": "link-local, where clouds keep their metadata service",
        "168.63.129.16/32": "Azure's platform address",
        "100.100.100.200/32": "Alibaba Cloud's metadata service",
        "192.0.0.192/32": "Oracle Cloud's metadata service",
        "fd00:ec2::/32": "AWS's metadata service",
        "fd20:ce::/32": "Google Cloud's metadata service",
        "fe80::/10": "link-local, where clouds keep their metadata service",
    }
)
"""Refused whatever is allowed. Addresses that carry one of them inside (mapped, translated, tunnelled) as well."""

DENIED = _table(
    {
        "0.0.0.0/8": "this network",
        "10.0.0.0/8": "private",
        "100.64.0.0/10": "carrier-grade NAT",
        "127.0.0.0/8": "loopback",
        "172.16.0.0/12": "private",
        "192.0.0.0/24": "IETF protocol assignments",
        "192.0.2.0/24": "documentation",
        "192.31.196.0/24": "AS112",
        "192.52.193.0/24": "AMT",
        "192.88.99.0/24": "6to4 relay",
        "192.168.0.0/16": "private",
        "192.175.48.0/24": "AS112",
        "198.18.0.0/15": "benchmarking",
        "198.51.100.0/24": "documentation",
        "203.0.113.0/24": "documentation",
        "224.0.0.0/4": "multicast",
        "240.0.0.0/4": "reserved or broadcast",
        "::/128": "unspecified",
        "::1/128": "loopback",
        "::/96": "IPv4-compatible",
        "::ffff:0:0/96": "IPv4-mapped",
        "::ffff:0:0:0/96": "IPv4-translated",
        "64:ff9b::/96": "NAT64",
        "64:ff9b:1::/48": "local NAT64",
        "100::/64": "discard-only",
        "100:0:0:1::/64": "dummy prefix",
        "2001::/32": "Teredo",
        "2001::/23": "IETF protocol assignments",
        "2001:db8::/32": "documentation",
        "2002::/16": "6to4",
        "2620:4f:8000::/48": "AS112",
        "3fff::/20": "documentation",
        "5f00::/16": "segment routing",
        "fc00::/7": "private (unique local)",
        "fec0::/10": "site-local",
        "ff00::/8": "multicast",
    }
)
GLOBAL_IPV6 = IPv6Network("2000::/3")
"""The only part of IPv6 from which global addresses are given out; the rest is refused, listed or not."""
LOOPBACK = ("127.0.0.0/8", "::1/128")
_CARRY_LOW = tuple(IPv6Network(cidr) for cidr in ("::/96", "::ffff:0:0/96", "::ffff:0:0:0/96", "64:ff9b::/96", "64:ff9b:1::/48"))
_TEREDO = IPv6Network("2001::/32")
_SIX_TO_FOUR = IPv6Network("2002::/16")
PRODUCTION_PORTS = frozenset({443, 8443})


@dataclass(frozen=True, slots=True)
class Policy:
    """Where webhooks may go. `ports` None: any. `allow` opens ranges that DENIED closes, never those of NEVER."""

    http: bool
    ports: frozenset[int] | None
    allow: tuple[Network, ...]


def policy_for(production: bool, allow_cidrs: Sequence[str] = ()) -> Policy:
    """Production: https to public addresses on 443 and 8443. Development: also http, any port and loopback.

    `allow_cidrs` are a self-hoster's own networks. Raises ValueError for one that is none.
    """
    if production:
        return Policy(http=False, ports=PRODUCTION_PORTS, allow=_networks(allow_cidrs))
    return Policy(http=True, ports=None, allow=_networks((*LOOPBACK, *allow_cidrs)))


def why_refused(text: str, policy: Policy) -> str | None:
    """Why no connection may be made to the address `text` ("loopback", …), or None if it may."""
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return "not an IP address"
    for candidate in (address, *_carried(address)):
        for network, why in NEVER:
            if candidate in network:
                return why
    if any(address in network for network in policy.allow):
        return None
    for network, why in DENIED:
        if address in network:
            return why
    if isinstance(address, IPv6Address) and address not in GLOBAL_IPV6:
        return "not a global address"
    return None


def _networks(cidrs: Sequence[str]) -> tuple[Network, ...]:
    return tuple(ip_network(cidr) for cidr in cidrs)


def _carried(address: Address) -> list[Address]:
    """The IPv4 addresses that a mapped, translated or tunnelled IPv6 address stands for."""
    if isinstance(address, IPv4Address):
        return []
    bits = int(address)
    low = bits & 0xFFFFFFFF
    if any(address in network for network in _CARRY_LOW):
        # RFC 6052 puts the address at the end, or after a /48 around the byte that it keeps zero
        return [IPv4Address(low), IPv4Address((bits >> 64 & 0xFFFF) << 16 | bits >> 40 & 0xFFFF)]
    if address in _TEREDO:
        return [IPv4Address(low ^ 0xFFFFFFFF)]
    if address in _SIX_TO_FOUR:
        return [IPv4Address(bits >> 80 & 0xFFFFFFFF)]
    return []
