"""Files written whole or not at all, and the folders that fumehood keeps things in."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from typing import TYPE_CHECKING, Any, TypeVar

from msgspec import DecodeError, convert, to_builtins
from msgspec.json import decode, encode

from fumehood.errors import ConfigurationError, Place, WorldError
from fumehood.model.digest import sha256

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

_T = TypeVar("_T")

PREFIX_LOCK = ".lock"
"""The file that uv locks while it works in a prefix or an environment."""
_MUCH = 1_000_000
"""Bytes that `sha256` takes as long for as it takes to load what is faster."""
_ELSEWHERE = "environments (--envdir) and the cache (FUMEHOOD_CACHE) may be elsewhere"
_ADVICE = {
    errno.ENOSPC: "free some disk space and run it again",
    errno.EDQUOT: "free some of your disk quota and run it again",
    **dict.fromkeys((errno.EROFS, errno.EACCES, errno.EPERM), f"make it writable; {_ELSEWHERE}"),
    **dict.fromkeys((errno.ENOENT, errno.ENOTDIR), f"see that its folder is there, or can be made; {_ELSEWHERE}"),
}


@contextlib.contextmanager
def disk_errors(doing: str) -> Iterator[None]:
    """Turn what the disk refuses into a `WorldError` that says what was being done and what to do."""
    try:
        yield
    except OSError as error:
        raise refused(doing, error) from error


def refused(doing: str, error: OSError) -> WorldError:
    """What the disk refused, as `disk_errors` says it."""
    where = f" ({error.filename})" if error.filename else ""
    return WorldError(f"{doing} failed: {error.strerror or error}{where}", remedy=_ADVICE.get(error.errno or 0))


def token() -> str:
    """Eight characters that no other name has."""
    return os.urandom(4).hex()


def write_inside(root: Path, path: str, content: str | bytes, *, scratch: Path | None = None) -> None:
    """Write a file of a repository as `write_whole` does, unless a link in the repository leads out of it.

    Raises:
        ConfigurationError: One does.
        WorldError: The disk refused.
    """
    if not f"{os.path.realpath(root / path)}/".startswith(os.path.join(os.path.realpath(root), "")):
        raise ConfigurationError(
            "leads out of the repository", place=Place(path), remedy="put a file in the place of the symbolic link"
        )
    write_whole(root / path, content, scratch=scratch)


def write_whole(path: Path, content: str | bytes, *, scratch: Path | None = None, durable: bool = True) -> None:
    """Write a file so that a reader, or a crash at any instant, sees the old content or the new.

    A symbolic link is followed, so that what it points to is replaced and the link stays.

    Args:
        path: The file.
        content: What it will hold.
        scratch: Where that is written first, on the same file system, if a crash may leave nothing beside the file.
        durable: Have it on the disk before the name leads to it, for what could not be made again after a power cut.

    Raises:
        WorldError: The disk refused.
    """
    with disk_errors(f"writing {path}"):
        target = os.path.realpath(path)
        os.makedirs(os.path.dirname(target), exist_ok=True)
        beside = os.path.join(scratch, os.path.basename(target)) if scratch else target
        temporary = f"{beside}.{os.getpid()}.{token()}.tmp"
        try:
            with open(temporary, "wb") as file:
                file.write(content.encode() if isinstance(content, str) else content)
                file.flush()
                if durable:
                    os.fsync(file.fileno())
            with contextlib.suppress(FileNotFoundError):
                os.chmod(temporary, stat.S_IMODE(os.stat(target).st_mode))
            os.replace(temporary, target)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(temporary)
            raise


def read_json(path: Path, kind: type[_T]) -> _T | None:
    """What `to_json` has written of a kind of value; None where the file is missing, or holds anything else."""
    try:
        return from_json(path.read_bytes(), kind)
    except (OSError, ValueError):
        return None


def from_json(text: str | bytes, kind: type[_T]) -> _T:
    """What `to_json` has written of a kind of value.

    Raises:
        ValueError: The text is anything else.
    """
    try:
        with contextlib.suppress(DecodeError):
            return decode(text, type=kind, dec_hook=_path)
        import json  # noqa: PLC0415 - msgspec's reader only refuses what stands for a name that is not UTF-8

        return convert(json.loads(text), kind, dec_hook=_path)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


def _path(kind: type[Path], value: Any) -> Path:  # noqa: ANN401 - as msgspec hands it over
    """A path from its text; nothing else is written that JSON does not have."""
    return kind(value)


def to_json(value: object) -> str:
    """A value as one line that can be written in UTF-8, in which paths are text, also those that are not UTF-8."""
    with contextlib.suppress(UnicodeEncodeError):
        return encode(value, enc_hook=os.fspath, order="deterministic").decode()
    import json  # noqa: PLC0415 - msgspec's writer only refuses what stands for a name that is not UTF-8

    return json.dumps(to_builtins(value, enc_hook=os.fspath, order="deterministic"))


def remove_tree(path: Path | str) -> None:
    """Remove a folder, made writable where it has to be; one that is not there is fine, and so is one that resists."""
    if not os.path.lexists(path):
        return
    import shutil  # noqa: PLC0415 - it takes long to load, and mostly there is nothing to remove

    shutil.rmtree(path, ignore_errors=True)
    if not os.path.isdir(path) or os.path.islink(path):
        return
    with contextlib.suppress(OSError):
        os.chmod(path, stat.S_IRWXU)
    for top, folders, _ in os.walk(path):
        for folder in folders:
            with contextlib.suppress(OSError):
                os.chmod(os.path.join(top, folder), stat.S_IRWXU)
    shutil.rmtree(path, ignore_errors=True)


def entries(folder: Path, prefix: str) -> list[Path]:
    """What is in a folder under names that begin so, sorted; nothing where there is no such folder."""
    try:
        return sorted(folder / name for name in os.listdir(folder) if name.startswith(prefix))
    except OSError:
        return []


def without_waiting(path: str, flags: int) -> int:
    """An opener for `open` that finds a named pipe empty, instead of waiting for somebody to write into it."""
    return os.open(path, flags | os.O_NONBLOCK)


def digest_file(path: Path | str) -> str | None:
    """The SHA-256 of a file, as ``sha256:…``; None where there is none that can be read."""
    try:
        with open(path, "rb", opener=without_waiting) as file:
            content = file.read(_MUCH)
            if len(content) < _MUCH:
                return f"sha256:{sha256(content).hexdigest()}"
            import hashlib  # noqa: PLC0415 - see `sha256`

            file.seek(0)
            return f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"
    except OSError:
        return None


def cache_folder(environ: Mapping[str, str]) -> Path:
    """Where layers and locks that are not committed live: ``FUMEHOOD_CACHE``, else the platform's cache folder."""
    from pathlib import Path  # noqa: PLC0415 - kept out of the start-up of every `nox -l`

    if configured := environ.get("FUMEHOOD_CACHE"):
        return Path(configured).absolute()
    import platformdirs  # noqa: PLC0415 - as above

    return Path(platformdirs.user_cache_dir("fumehood", appauthor=False))
