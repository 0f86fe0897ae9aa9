"""Installing pins with uv, and what its failure was.

A wrong hash and a failed registry end uv with the same status. What tells them apart is not uv's wording but the digest
of the wrong file, which uv shows and the lock does not hold.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import re
from typing import TYPE_CHECKING

from msgspec import Struct

from fumehood.errors import HashMismatchError, WorldError
from fumehood.locking import lockfile
from fumehood.outside.files import PREFIX_LOCK, disk_errors
from fumehood.outside.uv import InstallOptions

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from fumehood.model.index_options import IndexOptions
    from fumehood.model.lock import Pin
    from fumehood.outside.uv import Uv

_MEGABYTE = 1_000_000
_A_FILE = "lib/*/site-packages/*.dist-info/METADATA"
_UNBUILT = (
    "uv builds core for that, and says above why it cannot; name a file with what core requires as `requirements` of "
    "[tool.fumehood.core], and core is imported from source without a build; nothing was changed"
)
_DIGEST = re.compile(r"\bsha256:[0-9a-f]{64}\b")


class Request(Struct, frozen=True, kw_only=True):
    """Pins to install for an interpreter, or into the environment that it belongs to.

    Attributes:
        compiled: Whether all of it is compiled to bytecode, or Python does so with what is imported.
        what: How messages call it.
    """

    pins: tuple[Pin, ...]
    python: Path
    options: IndexOptions
    compiled: bool
    what: str


def into_prefix(uv: Uv, request: Request, prefix: Path, say: Callable[[str], None]) -> None:
    """Install exactly these pins into a folder that does not exist yet.

    Raises:
        HashMismatchError: A download does not have the hash that the lock promises.
        WorldError: Anything else.
    """
    with disk_errors(f"installing {request.what}"):
        _make(prefix)
        _install(uv, request, prefix)
        _tidy(prefix)
        _report_copies(uv, prefix, request.what, say)
        if request.compiled:
            _compile(prefix, request.python)


@contextlib.contextmanager
def from_cache(uv: Uv, pins: Iterable[Pin], python: Path, prefix: Path) -> Iterator[Callable[[], bool]]:
    """Install pins into a folder that does not exist yet, beside what the block does.

    Args:
        uv: The door to uv.
        pins: They have hashes; of those with markers uv takes what is for this interpreter.
        python: The interpreter to install for.
        prefix: The folder.

    Yields:
        What waits for it, and says whether uv had all of them in its cache.

    Raises:
        OSError: The disk refused.
        WorldError: uv could not be started.
    """
    _make(prefix)
    lines = prefix / "pins.txt"
    lines.write_text(_lines(pins), encoding="utf-8")
    with uv.installing(lines, python=python, prefix=prefix) as arrived:

        def is_whole() -> bool:
            if is_there := arrived():
                _tidy(prefix)
            return is_there

        yield is_whole


def _make(prefix: Path) -> None:
    (prefix / "lib").mkdir(parents=True)
    # Pythons of Fedora and its kin have compiled packages in `lib64`; a layer has one place for all.
    (prefix / "lib64").symlink_to("lib")


def _tidy(prefix: Path) -> None:
    (prefix / "lib64").unlink()
    (prefix / PREFIX_LOCK).unlink(missing_ok=True)


def into_environment(uv: Uv, request: Request) -> None:
    """Install exactly these pins into the virtual environment that `request.python` belongs to.

    Raises:
        HashMismatchError: A download does not have the hash that the lock promises.
        WorldError: Anything else.
    """
    with disk_errors(f"installing {request.what}"):
        _install(uv, request, None)
        if request.compiled:
            _compile(request.python.parent.parent, request.python)


def _compile(prefix: Path, python: Path) -> None:
    from fumehood.outside import bytecode  # noqa: PLC0415 - layers of deltas are not compiled

    bytecode.compile_all(prefix / "lib", python)


def _install(uv: Uv, request: Request, prefix: Path | None) -> None:
    options = InstallOptions(
        index=request.options,
        hashed=all(pin.hashes for pin in request.pins),
        anew=all(pin.is_local for pin in request.pins),
    )
    result = uv.install(_lines(request.pins), python=request.python, prefix=prefix, options=options)
    if result.status == 0:
        return
    if _names_other_digest(result.stderr, request.pins):
        raise HashMismatchError(
            f"installing {request.what}: a file does not have the hash that the lock promises",
            details=result.stderr,
            remedy="if the registry's file is the right one, run `fumehood lock --upgrade-package` for it",
        )
    builds_core = any(pin.editable and pin.url == "." for pin in request.pins)
    raise WorldError(
        f"installing {request.what} failed",
        details=result.stderr,
        remedy=_UNBUILT if builds_core else "see uv's message above; nothing was changed",
    )


def _lines(pins: Iterable[Pin]) -> str:
    return "".join(f"{lockfile.render_pin(pin)}\n" for pin in pins)


def _names_other_digest(text: str, pins: tuple[Pin, ...]) -> bool:
    """Whether an explanation shows the digest of a file that the lock does not know, whatever its words are."""
    return bool(set(_DIGEST.findall(text)) - {digest for pin in pins for digest in pin.hashes})


def _report_copies(uv: Uv, prefix: Path, what: str, say: Callable[[str], None]) -> None:
    """Say so when files had to be copied because uv's cache is on another file system, with what that costs."""
    if any(os.stat(file).st_nlink > 1 for file in itertools.islice(prefix.glob(_A_FILE), 1)):
        return
    cache = uv.cache()
    try:
        if os.stat(cache).st_dev == os.stat(prefix).st_dev:
            return  # by a reflink
    except OSError:
        return
    size = sum(os.lstat(os.path.join(top, name)).st_size for top, _, names in os.walk(prefix) for name in names)
    say(
        f"{what}: {size / _MEGABYTE:.1f} MB were copied, not linked, because uv's cache ({cache}) is on another file "
        "system; put FUMEHOOD_CACHE and UV_CACHE_DIR on the same one"
    )
