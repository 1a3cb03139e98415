"""What every store of facts has in common: it is read from numbered chunks, and written back as those that changed."""

from collections.abc import Mapping
from typing import Any, Protocol

import msgspec

SCHEMA = 1
"""Leads every stored value. Readers accept this one and the one before, so a new version starts on what the last one stored."""

Packed = msgspec.Raw
"""The chunks of one store by number, each packed: as they lie in an account's row."""

_pack = msgspec.msgpack.Encoder().encode
_unpack = msgspec.msgpack.Decoder().decode
_unpack_row = msgspec.msgpack.Decoder(tuple[int, tuple[int, dict[str, Packed], list[str]]]).decode
_unpack_chunks = msgspec.msgpack.Decoder(dict[int, bytes]).decode


class Store(Protocol):
    dirty: bool

    def load(self, chunks: Mapping[int, Any]) -> None:
        """Fills a new store with what `chunks` of an earlier one gave."""

    def chunks(self, *, everything: bool) -> dict[int, Any]:
        """Chunk number -> content that packs, of all chunks or of those that changed; None: the chunk is gone. Marks clean."""


def pack(content: object) -> bytes:
    return _pack((SCHEMA, content))


HEAD_BYTES = 12
"""Of packed content that is a list, the head and a whole number."""
_LENGTHS = {0xCC: 2, 0xCD: 3, 0xCE: 5, 0xCF: 9, 0xD0: 2, 0xD1: 3, 0xD2: 5, 0xD3: 9}


def first_number(head: bytes) -> int:
    """The whole number that packed content begins with, from its first HEAD_BYTES."""
    number: int = _unpack(head[3 : 3 + _LENGTHS.get(head[3], 1)])
    return number


def unpack(data: bytes) -> Any:
    """Raises ValueError for bytes of a newer version, or of one too old."""
    schema, content = _unpack(data)
    if schema not in (SCHEMA, SCHEMA - 1):
        raise ValueError(
            f"stored facts have schema {schema}; this version reads {SCHEMA - 1} and {SCHEMA}. Run the version that wrote them."
        )
    return content


def pack_chunks(chunks: Mapping[int, bytes]) -> Packed:
    """To lie in a row. Each of them is packed."""
    return Packed(_pack(chunks))


def unpack_chunks(chunks: Packed) -> dict[int, bytes]:
    return _unpack_chunks(chunks)


def unpack_row(row: bytes) -> tuple[int, dict[str, Packed], list[str]]:
    """What an account's row was packed of: its newest event, the stores in it, the names of those outside. Raises ValueError."""
    try:
        schema, content = _unpack_row(row)
    except msgspec.ValidationError:
        unpack(row)  # of a newer version, whatever lies in it
        raise
    if schema != SCHEMA:
        unpack(row)
    return content
