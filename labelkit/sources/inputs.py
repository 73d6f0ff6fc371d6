"""One input, whatever it is: a file, a compressed file, a pipe or standard input; it can be read again."""

from __future__ import annotations

import codecs
import errno
import gzip
import io
import shutil
import sys
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, BinaryIO, Final, cast

from labelkit.errors import SourceError, StorageError

GZIP_MAGIC: Final = b"\x1f\x8b"

_MARKS: Final = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


class Input:
    """A named stream of bytes that can be opened as often as needed.

    A pipe or standard input can be read only once, and error messages need a second look, so what
    comes from one is first kept in a temporary file (which is removed with this object).

    Parameters
    ----------
    target
        Path of a file, ``"-"`` for standard input, or a binary stream.
    name
        What messages call it; by default the path as given.

    Raises
    ------
    SourceError
        If there is no such file, it is a folder, or it cannot be read.
    StorageError
        If the temporary file for a stream does not fit on the disk.
    """

    def __init__(self, target: str | Path | IO[bytes], *, name: str | None = None) -> None:
        self._spool: IO[bytes] | None = None
        if isinstance(target, (str, Path)) and str(target) != "-":
            self.name = name or str(target)
            self._path = Path(target)
            self._check_path()
            if not self._path.is_file():
                with self.reading(), self._path.open("rb") as pipe:
                    self._keep(pipe)
        else:
            stream = sys.stdin.buffer if isinstance(target, (str, Path)) else target
            own_name = getattr(stream, "name", None)
            self.name = name or (own_name if isinstance(own_name, str) and own_name != "<stdin>" else "stdin")
            with self.reading():
                self._keep(stream)
        with self.reading(), self._path.open("rb") as raw:
            self.compressed = raw.read(2) == GZIP_MAGIC

    def _check_path(self) -> None:
        if self._path.is_dir():
            raise SourceError(f"{self.name} is a folder, not a file", hint="Name the files in it")
        if not self._path.exists():
            raise SourceError(f"there is no file {self.name}", hint="Check the path and the folder you are in")

    def _keep(self, stream: IO[bytes]) -> None:
        self._spool = tempfile.NamedTemporaryFile(prefix="labelkit-input-")  # noqa: SIM115 - lives as long as this object
        try:
            shutil.copyfileobj(stream, self._spool, 1 << 20)
            self._spool.flush()
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
                raise StorageError(
                    f"no room to keep {self.name} in {tempfile.gettempdir()}: {error.strerror}",
                    hint="Free some space, or set TMPDIR to a folder on another disk",
                ) from error
            raise
        self._path = Path(self._spool.name)

    @property
    def stem(self) -> str:
        """The name without folder and suffixes: ``data/reviews.csv.gz`` → ``reviews``."""
        path = Path(self.name)
        if path.suffix.lower() == ".gz":
            path = path.with_suffix("")
        return path.stem or "item"

    @property
    def plain_path(self) -> Path | None:
        """Where the bytes lie uncompressed on disk, or None."""
        return None if self.compressed else self._path

    def open(self) -> BinaryIO:
        """A new reader at the first (decompressed) byte."""
        with self.reading():
            if self.compressed:
                return cast(BinaryIO, gzip.open(self._path, "rb"))
            return self._path.open("rb")

    def open_text(self, encoding: str) -> io.TextIOWrapper:
        """A new reader of characters; undecodable bytes come as lone surrogates, line ends as they are."""
        return io.TextIOWrapper(self.open(), encoding=encoding, errors="surrogateescape", newline="")

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Turn what the operating system and gzip raise into errors that name the input."""
        try:
            yield
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise SourceError(
                f"{self.name}: the compressed data is damaged or cut off ({error})", hint="Fetch the file again"
            ) from error
        except OSError as error:
            reason = error.strerror or str(error)
            raise SourceError(f"{self.name} cannot be read: {reason}", hint="Check the file and its rights") from error


def text_encoding(file: Input, encoding: str) -> str:
    """The codec to read a text file with, its byte-order mark taken off.

    Raises
    ------
    SourceError
        If the encoding is unknown, or the file is plainly in another one.
    """
    try:
        codec = codecs.lookup(encoding).name
    except LookupError:
        raise SourceError(
            f"unknown encoding {encoding!r} for {file.name}", hint="Common ones are utf-8, cp1252, latin-1 and utf-16"
        ) from None
    if codec not in ("utf-8", "utf-8-sig", "ascii"):
        return codec
    with file.reading(), file.open() as raw:
        head = raw.read(256)
    guess = next((name for mark, name in _MARKS if head.startswith(mark)), None) or _unmarked_utf16(head)
    if guess:
        raise SourceError(f"{file.name} is not {encoding} but {guess}", hint=f"Say --encoding {guess}")
    return "utf-8-sig"


def _unmarked_utf16(head: bytes) -> str | None:
    # Western text in UTF-16 has a zero in every other byte; no sound UTF-8 table does.
    if len(head) < 8:
        return None
    even, odd = head[0::2], head[1::2]
    if odd.count(0) > 0.9 * len(odd) and even.count(0) == 0:
        return "utf-16-le"
    if even.count(0) > 0.9 * len(even) and odd.count(0) == 0:
        return "utf-16-be"
    return None


def undecodable(file: Input, encoding: str) -> tuple[int, int, int] | None:
    """The first byte that is not in the encoding: (1-based line, 0-based offset, byte), or None.

    The whole input is read again: this is for the message of an error that has been met already.
    """
    offset = 0
    with file.reading(), file.open() as raw:
        for number, line in enumerate(raw, start=1):
            try:
                line.decode(encoding)
            except UnicodeDecodeError as error:
                return number, offset + error.start, line[error.start]
            offset += len(line)
    return None
