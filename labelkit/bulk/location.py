"""Where input is: a local path, or a URL that one of Arrow's file systems opens."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import pyarrow as pa

from labelkit.errors import SourceError

_SCHEME: Final = "://"


@dataclass(frozen=True)
class Location:
    """A folder or file; what workers are told, so that each opens its own file system.

    Parameters
    ----------
    text
        An absolute local path, or a URL (``s3://…``, ``gs://…``, ``file:///…``).
    """

    text: str

    @classmethod
    def of(cls, given: str | Path) -> Location:
        """What a user gave; local paths become absolute."""
        text = str(given)
        return cls(text if _SCHEME in text else str(Path(text).resolve()))

    @property
    def is_url(self) -> bool:
        """Whether it is given as a URL."""
        return _SCHEME in self.text

    @property
    def local(self) -> Path | None:
        """The path on this machine; None for another file system."""
        from pyarrow.fs import LocalFileSystem

        system, path = self.open()
        return Path(path) if isinstance(system, LocalFileSystem) else None

    def open(self) -> tuple[Any, str]:
        """Arrow's file system and the path in it.

        Raises
        ------
        SourceError
            If no file system takes such a URL, or the place cannot be reached.
        """
        return _opened(self.text)


@lru_cache(maxsize=8)
def _opened(text: str) -> tuple[Any, str]:
    from pyarrow.fs import FileSystem, LocalFileSystem

    if _SCHEME not in text:
        return LocalFileSystem(), text
    try:
        system, path = FileSystem.from_uri(text)
    except pa.ArrowInvalid as error:
        raise SourceError(
            f"{text} is no place that can be read: {reason_of(error)}",
            hint="Give a folder, a file, or a URL such as s3://bucket/folder or gs://bucket/folder",
        ) from error
    except (OSError, ImportError, ValueError, pa.ArrowException) as error:
        raise SourceError(
            f"{text} cannot be reached: {reason_of(error)}", hint="Check the URL, the network and the credentials"
        ) from error
    return system, path.rstrip("/")


def reason_of(error: BaseException) -> str:
    """An error of Arrow or the system on one line."""
    text = getattr(error, "strerror", None) or str(error)
    return text.splitlines()[0] if text else type(error).__name__
