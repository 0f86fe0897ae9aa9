"""Where layers and views are kept, and the one way in which something gets there: whole, by one rename."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from msgspec import Struct, field

from fumehood.environments.lease import Lease
from fumehood.errors import FumehoodError, WorldError
from fumehood.outside.files import disk_errors, entries, remove_tree, token

Say = Callable[[str], None]
LAYER_FORMAT = "5"
"""Raised whenever what a layer consists of changes, so that old ones are never taken for new ones."""
LAYER_INDEX = "layer.json"
VIEW_INDEX = "view.json"
"""What a published folder has that is a layer, or a view."""

_STAGING = ".staging-"


class LayerStore(Struct, frozen=True, kw_only=True):
    """The layers and views of a cache folder.

    Attributes:
        say: Called with one line for the user.
        deadline: When waiting for others is given up, see `Lease`.
        failed: What could not be made, by digest; this run does not try it again.
    """

    cache: Path
    say: Say
    deadline: float | None = None
    failed: dict[str, FumehoodError] = field(default_factory=dict)

    @property
    def folder(self) -> Path:
        """Where layers are, each under its digest."""
        return self.cache / "layers"

    def path(self, digest: str) -> Path:
        """Where a layer is, or would be."""
        return Path(f"{self.cache}/layers/{digest}")

    def lease(self, digest: str, *, name: str = "") -> Lease:
        """The lease that building, removing and using a layer take."""
        path = Path(f"{self.cache}/leases/{digest}.lease")
        return Lease(path, self.say, name or f"layer {digest[:12]}", self.deadline)

    def published(self) -> list[Path]:
        """Every layer and view, by digest."""
        return [path for path in entries(self.folder, "") if not path.name.startswith(".")]

    def leftovers(self) -> list[Path]:
        """What builds that were killed have left, and builds that go on have begun."""
        return entries(self.folder, _STAGING)

    @staticmethod
    def digest_of_leftover(leftover: Path) -> str:
        """The layer that a leftover was to become."""
        return leftover.name.removeprefix(_STAGING).partition("-")[0]

    def hold(self, digest: str, *, name: str, is_there: Callable[[Path], bool], fill: Callable[[Path], None]) -> Lease:
        """A shared lease on something published, which is made first if nobody has made it yet.

        Args:
            digest: Its name.
            name: How messages call it.
            is_there: Whether a path holds it whole.
            fill: Makes it in a private place, a path at which there is nothing yet.

        Raises:
            FumehoodError: It could not be made, now or earlier in this run; nothing is left behind.
        """
        path = self.path(digest)

        def there() -> bool:
            return is_there(path)

        lease = self.lease(digest, name=name)
        try:
            while True:
                if not there() and lease.exclusive(unless=there) and not there():
                    self._make(digest, name, is_there, fill)
                lease.shared()
                if there():  # or it was taken away before the lease was shared
                    return lease
        except BaseException:
            lease.release()
            raise

    def _make(self, digest: str, name: str, is_there: Callable[[Path], bool], fill: Callable[[Path], None]) -> None:
        if digest in self.failed:
            raise self.failed[digest]
        try:
            self.clear(digest)
            self.publish(digest, name, fill)
            _check_readable(self.path(digest), name, is_there)
        except FumehoodError as error:
            self.failed[digest] = error
            raise

    def clear(self, digest: str) -> None:
        """Remove what builds that were killed have left of a layer, whose lease the caller holds exclusively."""
        for leftover in entries(self.folder, f"{_STAGING}{digest}-"):
            remove_tree(leftover)

    def publish(self, digest: str, name: str, fill: Callable[[Path], None]) -> None:
        """Make a layer, whose lease the caller holds exclusively; see `hold`.

        Raises:
            WorldError: It could not be made; nothing is left behind.
        """
        staging = self.private(digest)
        try:
            fill(staging)
            with disk_errors(f"publishing {name}"):
                if os.path.lexists(self.path(digest)):  # damaged, or it would have been taken for what it should be
                    self.take_away(digest)
                os.rename(staging, self.path(digest))
        except BaseException:
            remove_tree(staging)
            raise

    def take_away(self, digest: str, *, leftover: Path | None = None) -> None:
        """Remove something published, or a leftover of it, whose lease the caller holds exclusively.

        It is renamed first, so that nobody ever sees a layer that lacks some of its files.

        Raises:
            WorldError: The disk refused.
        """
        path = leftover or self.path(digest)
        with disk_errors(f"removing {path}"):
            doomed = self.private(digest)
            path.rename(doomed)
            remove_tree(doomed)

    def private(self, digest: str) -> Path:
        """A path at which nobody else does anything, for the holder of an exclusive lease."""
        return self.folder / f"{_STAGING}{digest}-{os.getpid()}-{token()}"


def _check_readable(path: Path, name: str, is_there: Callable[[Path], bool]) -> None:
    if not is_there(path):
        raise WorldError(f"{name} cannot be read back from {path}", remedy="check the disk that the cache is on")
