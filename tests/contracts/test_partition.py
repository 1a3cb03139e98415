"""The partition function, fixed for ever by golden vectors: stored facts depend on where an account's records went."""

import pytest

from contracts.partition import partition_of

# (project, key, of 32 partitions, of 7, the whole crc32c)
VECTORS = [
    ("acme", "globex", 25, 2, 0x80D93639),
    ("acme-mail", "acct_42", 15, 0, 0x3138272F),
    ("acme", "", 20, 1, 0xB760ABF4),
    ("", "acme", 20, 3, 0x3C2CB434),
    ("a", "bc", 13, 4, 0x3CEEDF6D),
    ("ab", "c", 5, 5, 0xF279E345),
    ("acme", "Žluťoučký kůň", 12, 4, 0xF142F6EC),
    ("acme", "日本語株式会社", 13, 6, 0x41D00CCD),
    ("acme", "🐎", 19, 5, 0x30B6E4B3),
    ("acme", "\u00e9", 3, 3, 0x2A796B83),
    ("acme", "e\u0301", 0, 6, 0xD50AFC20),  # looks the same and is another id: ids are not normalised
    ("acme", "x" * 1000, 13, 6, 0xB9AB714D),
]


def castagnoli(data: bytes) -> int:
    """CRC-32C bit by bit from its definition (RFC 3720), so that the vectors do not rest on the package that they test."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def test_our_own_crc_answers_the_standards_check_value() -> None:
    assert castagnoli(b"123456789") == 0xE3069283


@pytest.mark.parametrize(("project", "key", "of_32", "of_7", "crc"), VECTORS)
def test_the_golden_vectors_hold(project: str, key: str, of_32: int, of_7: int, crc: int) -> None:
    assert castagnoli(project.encode() + b"\0" + key.encode()) == crc
    assert partition_of(project, key, 32) == of_32 == crc % 32
    assert partition_of(project, key, 7) == of_7 == crc % 7
    assert partition_of(project, key, 1) == 0
    assert partition_of(project, key, 2**32) == crc


def test_accounts_spread_evenly() -> None:
    counts = [0] * 32
    for number in range(32_000):
        counts[partition_of("acme", f"account-{number}", 32)] += 1
    assert min(counts) > 850
    assert max(counts) < 1150
