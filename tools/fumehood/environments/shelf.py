"""Small files and symbolic links that environments have in common: one inode in the cache, with a name in each of them.

Making an inode takes several times as long as giving one another name, and an environment has some fifty of these. What
stands on the shelf is named by its content. Nothing depends on it: where no hard link is possible, the file is written.
Installers replace files and do not write into them, so what they do in one environment does not reach the others; what
has been written into all the same is known by its time, and not handed out again.
"""

from __future__ import annotations

import contextlib
import functools
import os
from typing import TYPE_CHECKING

from fumehood.model.digest import sha256
from fumehood.outside.files import entries, token

if TYPE_CHECKING:
    from pathlib import Path

_FOLDER = "shared"
_BORN = 946_684_800
"""The time that every file on the shelf has, in seconds of the epoch: whoever writes into one gives it another."""
_MOST = 30_000
"""Names that one inode gets, fewer than any file system in use allows."""


def symlink(cache: Path, target: str, path: str) -> None:
    """Make a symbolic link.

    Raises:
        OSError: There is something at its path, or the disk refused.
    """
    source = f"{cache}/{_FOLDER}/{_name('link', target.encode())}"
    try:
        _link(source, path)
    except FileNotFoundError:
        with contextlib.suppress(OSError):
            os.makedirs(f"{cache}/{_FOLDER}", exist_ok=True)
            os.symlink(target, source)
            _link(source, path)
            return
        os.symlink(target, path)
    except OSError:
        os.symlink(target, path)


def place(cache: Path, content: bytes, path: str, *, executable: bool) -> None:
    """Put a file where there may be one already, which is then replaced and not written to.

    Raises:
        OSError: The disk refused.
    """
    for _ in range(2):
        try:
            _link(_source(f"{cache}/{_FOLDER}", content, executable=executable), path)
        except FileExistsError:
            os.unlink(path)
        except OSError:
            break
        else:
            return
    _source.cache_clear()  # what was there may be gone
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)
    write(path, content, executable=executable)


def write(path: str, content: bytes, *, executable: bool) -> None:
    """Write a file that is nobody else's, where there is none."""
    mode = 0o755 if executable else 0o644
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    with open(descriptor, "wb") as file:
        if executable:
            os.fchmod(descriptor, mode)
        file.write(content)


def clear(cache: Path) -> None:
    """Remove what no environment has any more."""
    for path in entries(cache / _FOLDER, ""):
        with contextlib.suppress(OSError):
            if os.lstat(path).st_nlink == 1:
                path.unlink()


def _name(kind: str, content: bytes) -> str:
    return sha256(b"%s\0%s" % (kind.encode(), content)).hexdigest()[:40]


def _link(source: str, path: str) -> None:
    os.link(source, path, follow_symlinks=False)


@functools.cache
def _source(folder: str, content: bytes, *, executable: bool) -> str:
    """The path of a file on the shelf, looked at once a run and made if need be."""
    source = f"{folder}/{_name('program' if executable else 'file', content)}"
    if not _is_good(source, len(content)):
        os.makedirs(folder, exist_ok=True)
        temporary = f"{source}.{token()}"
        write(temporary, content, executable=executable)
        os.utime(temporary, (_BORN, _BORN))
        os.replace(temporary, source)
    return source


def _is_good(source: str, size: int) -> bool:
    try:
        status = os.stat(source)
    except FileNotFoundError:
        return False
    return status.st_mtime == _BORN and status.st_size == size and status.st_nlink < _MOST
