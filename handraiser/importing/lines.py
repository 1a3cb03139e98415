"""A file, plain or gzip, in; its lines one by one out, each bounded, whatever the file holds."""

import gzip
from collections.abc import Iterator
from io import BufferedReader
from pathlib import Path
from types import TracebackType
from typing import Self

LINE_BYTES_MAX = 1024 * 1024
"""Four times what an event may have."""
_GZIP_MAGIC = b"\x1f\x8b"
_BOM = b"\xef\xbb\xbf"


class Lines:
    """`number` is that of the line read last, from 1; `cut` says that it was longer than LINE_BYTES_MAX and was cut there."""

    def __init__(self, path: Path) -> None:
        """Raises OSError."""
        self.number = 0
        self.cut = False
        self._file = path.open("rb")
        packed = self._file.peek(2).startswith(_GZIP_MAGIC)
        self._plain: gzip.GzipFile | BufferedReader = gzip.GzipFile(fileobj=self._file) if packed else self._file

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._plain.close()
        self._file.close()

    @property
    def position(self) -> int:
        """Bytes of the file as it is on disk."""
        return self._file.tell()

    def __iter__(self) -> Iterator[bytes]:
        """With their ends. Raises OSError, EOFError or zlib.error where the file is damaged."""
        while line := self._plain.readline(LINE_BYTES_MAX + 1):
            self.number += 1
            self.cut = len(line) > LINE_BYTES_MAX
            rest = line
            while len(rest) > LINE_BYTES_MAX and not rest.endswith(b"\n"):
                rest = self._plain.readline(LINE_BYTES_MAX + 1)
            yield line.removeprefix(_BOM) if self.number == 1 else line
