"""Which partition an account, or a person, belongs to: computed by us and sent explicitly; no client default decides."""

import crc32c


def partition_of(project: str, key: str, partitions: int) -> int:
    """crc32c(project, 0, key) mod `partitions`. The golden vectors in the tests fix it for ever: a stored fact depends on it."""
    return crc32c.crc32c(f"{project}\0{key}".encode()) % partitions
