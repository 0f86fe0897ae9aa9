"""Installing pins with uv, and finding out what its failure was."""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from fumehood.errors import HashMismatchError, WorldError
from fumehood.locking import lockfile
from fumehood.outside.files import disk_errors

if TYPE_CHECKING:
    from collections.abc import Callable

    from fumehood.model.lock import Pin
    from fumehood.model.requirement import IndexOptions
    from fumehood.outside.uv import Uv, UvResult

_MEGABYTE = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """Pins to install into a prefix, or into the environment of `python` where that is None.

    Attributes:
        what: How messages call it.
    """

    pins: tuple[Pin, ...]
    python: Path
    prefix: Path | None
    options: IndexOptions
    what: str


def install(uv: Uv, request: Request, say: Callable[[str], None]) -> None:
    """Install exactly these pins, compiled to bytecode.

    Raises:
        HashMismatchError: A download does not have the hash that the lock promises.
        WorldError: Anything else.
    """
    with tempfile.TemporaryDirectory(prefix="fumehood-") as folder, disk_errors(f"installing {request.what}"):
        if request.prefix is not None:
            request.prefix.mkdir(parents=True)
        result = _run(uv, request, Path(folder), request.prefix, hashes=True)
        if result.status != 0:
            raise _failure(uv, request, result, Path(folder))
        if request.prefix is not None:
            (request.prefix / ".lock").unlink(missing_ok=True)  # uv's own lock on the prefix, of no use afterwards
            _report_copies(uv, request.prefix, request.what, say)


def _run(uv: Uv, request: Request, folder: Path, prefix: Path | None, *, hashes: bool) -> UvResult:
    lines = folder / "pins.txt"
    hashed = hashes and all(pin.hashes for pin in request.pins)
    text = "".join(f"{lockfile.render_pin(pin) if hashes else pin.line}\n" for pin in request.pins)
    lines.write_text(text, encoding="utf-8")
    return uv.install(lines, python=request.python, prefix=prefix, options=request.options, hashed=hashed)


def _failure(uv: Uv, request: Request, result: UvResult, folder: Path) -> Exception:
    """A wrong hash shows by the same pins installing well without hashes; nothing of that trial is kept."""
    if any(pin.hashes for pin in request.pins):
        trial = folder / "trial"
        if _run(uv, request, folder, trial, hashes=False).status == 0:
            return HashMismatchError(
                f"installing {request.what}: a file does not have the hash that the lock promises",
                details=result.stderr,
                remedy="if the registry's file is the right one, run `fumehood lock --upgrade-package` for it",
            )
    return WorldError(
        f"installing {request.what} failed",
        details=result.stderr,
        remedy="see uv's message above; nothing was changed",
    )


def _report_copies(uv: Uv, prefix: Path, what: str, say: Callable[[str], None]) -> None:
    """Say so when files had to be copied because uv's cache is on another file system, with what that costs."""
    cache = uv.cache()
    try:
        if os.stat(cache).st_dev == os.stat(prefix).st_dev:
            return
    except OSError:
        return
    size = sum(os.lstat(os.path.join(top, name)).st_size for top, _, names in os.walk(prefix) for name in names)
    say(
        f"{what}: {size / _MEGABYTE:.1f} MB were copied, not linked, because uv's cache ({cache}) is on another file "
        "system; put FUMEHOOD_CACHE and UV_CACHE_DIR on the same one"
    )
