"""An HTTP body as sent in, its plain bytes out; a bomb is never inflated beyond the bound."""

import zlib

import zstandard

from ingest.core.rejection import RequestError

REQUEST_BYTES_MAX = 10 * 1024 * 1024
"""Of the body as sent, and of the body decompressed."""
MEMBERS_MAX = 64
"""Of a gzip body, or frames of zstd: each costs a copy of what follows it."""
ZSTD_WINDOW_BYTES_MAX = 8 * 1024 * 1024
"""What a decompressor must support (RFC 8878, 3.1.1.1.2); a frame that asks for more memory is refused."""
_GZIP_MAGIC = b"\x1f\x8b"
_GZIP = 16 + zlib.MAX_WBITS
_ZLIB = zlib.MAX_WBITS
_RAW_DEFLATE = -zlib.MAX_WBITS


def too_big() -> RequestError:
    return RequestError(
        "request_too_big",
        f"A request may hold {REQUEST_BYTES_MAX // 1024 // 1024} MiB, compressed and decompressed. Send smaller batches.",
        too_big=True,
    )


def plain_body(body: bytes, content_encoding: str, bytes_max: int = REQUEST_BYTES_MAX) -> bytes:
    """The body decompressed as its Content-Encoding header says, or as gzip if it begins like gzip.

    Raises RequestError: `request_too_big` (beyond `bytes_max`), `bad_compression`, `unsupported_encoding`.
    """
    if len(body) > bytes_max:
        raise too_big()
    encoding = content_encoding.strip().lower()
    if encoding in ("gzip", "x-gzip") or (encoding in ("", "identity") and body.startswith(_GZIP_MAGIC)):
        return _inflate(body, _GZIP, bytes_max)
    if encoding in ("", "identity"):
        return body
    if encoding == "deflate":
        return _inflate(body, _ZLIB if _has_zlib_header(body) else _RAW_DEFLATE, bytes_max)
    if encoding == "zstd":
        return _unzstd(body, bytes_max)
    raise RequestError(
        "unsupported_encoding",
        f"Content-Encoding '{encoding[:40]}' is not read here. Send gzip, deflate, zstd or no compression.",
    )


def _has_zlib_header(body: bytes) -> bool:
    """RFC 1950, 2.2. Some clients say deflate and send it bare."""
    return len(body) >= 2 and body[0] & 0x0F == 8 and int.from_bytes(body[:2], "big") % 31 == 0


def _inflate(body: bytes, window_bits: int, bytes_max: int) -> bytes:
    plain = b""
    for _ in range(MEMBERS_MAX):
        stream = zlib.decompressobj(window_bits)
        try:
            plain += stream.decompress(body, bytes_max + 1 - len(plain))
        except zlib.error:
            raise _bad_compression() from None
        if len(plain) > bytes_max:
            raise too_big()
        if not stream.eof:
            raise _bad_compression()
        body = stream.unused_data  # gzip may have several members, one after the other
        if not body:
            return plain
    raise _bad_compression()


def _unzstd(body: bytes, bytes_max: int) -> bytes:
    """Twice: the reader stops at the bound but takes a frame that ends early; the object knows the end but has no bound."""
    codec = zstandard.ZstdDecompressor(max_window_size=ZSTD_WINDOW_BYTES_MAX)
    try:
        if len(codec.stream_reader(body, read_across_frames=True).read(bytes_max + 1)) > bytes_max:
            raise too_big()
        plain = b""
        for _ in range(MEMBERS_MAX):
            frame = codec.decompressobj()
            plain += frame.decompress(body)
            if not frame.eof:
                break
            body = frame.unused_data
            if not body:
                return plain
    except zstandard.ZstdError:
        pass
    raise _bad_compression()


def _bad_compression() -> RequestError:
    return RequestError(
        "bad_compression",
        "The body is not what its compression says, or it ends early. Send it whole, or uncompressed.",
    )
