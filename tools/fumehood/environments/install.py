"""Installing pins with uv, and finding out what its failure was."""

from __future__ import annotations

import contextlib
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from fumehood.errors import HashMismatchError, WorldError
from fumehood.locking import lockfile
from fumehood.outside.files import disk_errors, remove_tree

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from fumehood.model.lock import Pin
    from fumehood.model.requirement import IndexOptions
    from fumehood.outside.uv import Uv, UvResult

_MEGABYTE = 1_000_000
UV_LOCK = ".lock"
"""What uv locks while it works in a prefix or an environment."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """Pins to install for an interpreter, or into the environment that it belongs to.

    Attributes:
        what: How messages call it.
    """

    pins: tuple[Pin, ...]
    python: Path
    options: IndexOptions
    what: str


def into_prefix(uv: Uv, request: Request, prefix: Path, say: Callable[[str], None]) -> None:
    """Install exactly these pins, compiled to bytecode, into a folder that does not exist yet.

    Raises:
        HashMismatchError: A download does not have the hash that the lock promises.
        WorldError: Anything else.
    """
    with disk_errors(f"installing {request.what}"):
        prefix.mkdir(parents=True)
        _install(uv, request, prefix, trial=prefix.with_name(f"{prefix.name}-trial"))
        (prefix / UV_LOCK).unlink(missing_ok=True)
        _report_copies(uv, prefix, request.what, say)


def into_environment(uv: Uv, request: Request, environment: Path) -> None:
    """Install exactly these pins into a virtual environment, which `request.python` belongs to.

    Raises:
        HashMismatchError: A download does not have the hash that the lock promises.
        WorldError: Anything else.
    """
    with disk_errors(f"installing {request.what}"):
        _install(uv, request, None, trial=environment / ".trial")


def _install(uv: Uv, request: Request, prefix: Path | None, *, trial: Path) -> None:
    result = _run(uv, request, prefix, hashes=True)
    if result.status == 0:
        return
    if any(pin.hashes for pin in request.pins) and _installs_without_hashes(uv, request, trial):
        # What failed may have been the network, and have come back since.
        result = _run(uv, request, prefix, hashes=True)
        if result.status == 0:
            return
        raise HashMismatchError(
            f"installing {request.what}: a file does not have the hash that the lock promises",
            details=result.stderr,
            remedy="if the registry's file is the right one, run `fumehood lock --upgrade-package` for it",
        )
    raise WorldError(
        f"installing {request.what} failed",
        details=result.stderr,
        remedy="see uv's message above; nothing was changed",
    )


def _installs_without_hashes(uv: Uv, request: Request, trial: Path) -> bool:
    """Whether hashes are all that is in the way: on the same disk, since a full one is another matter."""
    try:
        return _run(uv, request, trial, hashes=False).status == 0
    finally:
        remove_tree(trial)


def _run(uv: Uv, request: Request, prefix: Path | None, *, hashes: bool) -> UvResult:
    with _pins_file(request, hashes=hashes) as lines:
        hashed = hashes and all(pin.hashes for pin in request.pins)
        local = all(pin.is_local for pin in request.pins)
        return uv.install(
            lines, python=request.python, prefix=prefix, options=request.options, hashed=hashed, anew=local
        )


@contextlib.contextmanager
def _pins_file(request: Request, *, hashes: bool) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="fumehood-") as folder:
        path = Path(folder) / "pins.txt"
        text = "".join(f"{lockfile.render_pin(pin) if hashes else pin.line}\n" for pin in request.pins)
        path.write_text(text, encoding="utf-8")
        yield path


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
