"""Reader of files of lines, plain or gzipped."""

import gzip
import sys
import zlib
from collections.abc import Iterator
from io import BufferedReader
from pathlib import Path
from typing import IO

import click

GZIP_MAGIC = b"\x1f\x8b"
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
LINE_BYTES_MAX = 16 * 1024 * 1024
STANDARD_INPUT = "-"


class Lines:
    """Lines of a file (`-` for standard input) without blank ones. They can be read once."""

    def __init__(self, file: str) -> None:
        descriptor = sys.stdin.fileno() if file == STANDARD_INPUT else file
        self._raw: BufferedReader = open(descriptor, "rb")  # noqa: SIM115, PTH123  # see close
        self.bytes_total = None if file == STANDARD_INPUT else Path(file).stat().st_size
        self._stream: IO[bytes] = self._raw
        if self._raw.peek(len(GZIP_MAGIC)).startswith(GZIP_MAGIC):
            self._stream = gzip.GzipFile(fileobj=self._raw)  # type: ignore[assignment]

    def __iter__(self) -> Iterator[bytes]:
        """Yield the lines. Raises ClickException for a long line or a damaged gzip."""
        try:
            while line := self._stream.readline(LINE_BYTES_MAX + 1):
                if len(line) > LINE_BYTES_MAX:
                    raise click.ClickException(f"a line is longer than {LINE_BYTES_MAX} bytes")
                if line := line.removeprefix(BYTE_ORDER_MARK).strip():
                    yield line
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise click.ClickException(f"the gzip is damaged: {error}") from None

    def bytes_read(self) -> int:
        """Return the number of bytes read from the file on disk; 0 for standard input."""
        return 0 if self.bytes_total is None else self._raw.tell()

    def close(self) -> None:
        self._raw.close()
