"""Whether a file that brings a package is whole."""

from __future__ import annotations

import gzip
import lzma
import tarfile
import zipfile
import zlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_DAMAGED = (zipfile.BadZipFile, tarfile.TarError, gzip.BadGzipFile, EOFError, zlib.error, lzma.LZMAError)


def is_damaged(path: Path) -> bool:
    """Whether a wheel or a source distribution cannot be unpacked, all of which is read.

    Raises:
        OSError: It cannot be read.
    """
    try:
        if path.suffix in {".whl", ".zip"}:
            with zipfile.ZipFile(path) as archive:
                return archive.testzip() is not None
        with tarfile.open(path) as archive:
            archive.getmembers()
    except _DAMAGED:
        return True
    return False
