"""Where locks are kept: committed beside the requirements, or in the cache under a digest of what they answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from fumehood.errors import ConfigurationError, Place
from fumehood.locking import lockfile
from fumehood.locking.lockfile import pins_digest
from fumehood.model.digest import sha256
from fumehood.outside.files import without_waiting, write_inside, write_whole

if TYPE_CHECKING:
    from pathlib import Path

    from fumehood.model.lock import LayeredLock, Lock


class LockStore(Struct, frozen=True, kw_only=True):
    """Reads and writes locks of one repository.

    Attributes:
        root: The repository.
        cache: fumehood's cache folder.
    """

    root: Path
    cache: Path

    def committed(self, path: str) -> Lock | None:
        """The lock at a path of the repository, damaged perhaps; None where there is none.

        Raises:
            ConfigurationError: There is something that cannot be read.
        """
        return _read(self.root / path, path)

    def commit(self, path: str, lock: Lock) -> bool:
        """Write a lock into the repository, if that changes anything; whether it did."""
        text = lockfile.render(lock)
        target = self.root / path
        try:
            with open(target, encoding="utf-8", opener=without_waiting) as file:
                if file.read() == text:
                    return False
        except (OSError, UnicodeDecodeError):
            pass
        write_inside(self.root, path, text)
        return True

    def remembered(self, *key: str) -> Lock | None:
        """A lock that was resolved before for the same question and kept in the cache."""
        path = self._cached("locks", key)
        try:
            lock = _read(path, str(path))
        except ConfigurationError:
            return None
        return None if lock and lock.damage else lock

    def remember(self, lock: Lock, *key: str) -> None:
        """Keep a lock in the cache."""
        write_whole(self._cached("locks", key), lockfile.render(lock))

    def is_proven(self, lock: LayeredLock, *, core: str | None = None) -> bool:
        """Whether a delta is known to hold on this very core lock: it was made on it, or was proven on it since.

        Args:
            lock: Core's lock with the delta.
            core: The digest of core's pins, from a caller that has it already.
        """
        core = core or pins_digest(lock.core)
        return lock.delta.header.core == core or self._cached("proofs", (core, pins_digest(lock.delta))).exists()

    def record_proof(self, lock: LayeredLock) -> None:
        """Remember that a delta holds on a core lock other than the one it was made on."""
        if not self.is_proven(lock):
            write_whole(self._cached("proofs", (pins_digest(lock.core), pins_digest(lock.delta))), "")

    def _cached(self, kind: str, key: tuple[str, ...]) -> Path:
        name = sha256("\0".join(key).encode()).hexdigest()
        return self.cache / kind / name[:2] / f"{name}.lock"


def _read(path: Path, name: str) -> Lock | None:
    try:
        with open(path, "rb", opener=without_waiting) as file:
            data = file.read()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ConfigurationError(
            f"cannot be read: {error.strerror}", place=Place(name), remedy="make it readable, or remove it"
        ) from error
    # What is no text becomes a lock with damage, which is made anew as any other.
    return lockfile.parse(data.decode("utf-8", "replace"), path=name)
