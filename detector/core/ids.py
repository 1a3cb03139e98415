"""Ids that follow from content, so that a replay makes the same ones: no clock, no chance, no rulebook version in them."""

from hashlib import sha256


def _hash(*parts: str | int) -> str:
    return sha256("\0".join(map(str, parts)).encode()).hexdigest()[:20]


def signal_id(project: str, rule: str, account: str, n: int) -> str:
    """`rule` as judged (`limit/contacts`); n: its ordinal in the account's ledger, from 1."""
    return "sg_" + _hash(project, rule, account, n)


def lead_id(project: str, account: str, lead_type: str, n: int) -> str:
    """n: the ordinal of this lead type in the account's ledger, from 1."""
    return "ld_" + _hash(project, account, lead_type, n)


def command_id(project: str, route: str, key: str) -> str:
    """`route`: what is told of whom (`outcome ld_…`); `key`: the sender's, so that the same thing sent again is recognised."""
    return "cmd_" + _hash(project, route, key)


def lead_event_id(lead: str, revision: int) -> str:
    return "le_" + _hash(lead, revision)
