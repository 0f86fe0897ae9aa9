"""The environments of a repository: reuse one in milliseconds, or say why it is built anew."""

from __future__ import annotations

import functools
import os
from typing import TYPE_CHECKING, Literal

from msgspec import Struct, field

from fumehood import __version__
from fumehood.environments import envdir, registry, replace, state
from fumehood.environments.lease import Lease
from fumehood.environments.store import LayerStore
from fumehood.errors import ConfigurationError, FumehoodError, Place
from fumehood.model.digest import sha256
from fumehood.outside import interpreter as interpreters
from fumehood.settings import PYPROJECT, UV_TOML

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from pathlib import Path

    from fumehood.environments.drafting import Shared
    from fumehood.environments.renew import Draft
    from fumehood.environments.state import EnvironmentState
    from fumehood.model.experiment import Target
    from fumehood.outside.interpreter import Interpreter
    from fumehood.outside.uv import Uv
    from fumehood.repository import Repository

Action = Literal["reused", "built", "rebuilt"]


class Environment(Struct, frozen=True, kw_only=True):
    """A whole environment, leased to the caller until `release`.

    Attributes:
        path: Its folder, which is also its prefix.
        action: Whether it was there.
        reason: Why it was built or rebuilt, in one line; empty when it was reused.
    """

    path: Path
    action: Action
    reason: str
    state: EnvironmentState
    leases: tuple[Lease, ...]

    def release(self) -> None:
        """Give back the leases on the environment and its layers."""
        _release(self.leases)

    def remarks(self) -> Iterator[str]:
        """What a user wants to know of an environment that was just obtained; nothing when it was there."""
        if self.action != "reused":
            yield f"{self.action}: {self.reason}"
        yield from self.details()

    def details(self) -> Iterator[str]:
        """What there is to know of one that was not there: how it differs from the usual."""
        if self.action == "reused":
            return
        if self.state.why_flat:
            yield f"flat, not stacked: {self.state.why_flat}"
        if self.state.changes:
            yield f"changes {len(self.state.changes)} of core's pins: {', '.join(self.state.changes)}"

    @property
    def lease_files(self) -> tuple[Path, ...]:
        """The files whose locks keep it from being changed, for child processes to lock too."""
        return tuple(lease.path for lease in self.leases)


class Wish(Struct, frozen=True, kw_only=True):
    """Which environment is wanted, and how.

    Attributes:
        folder: Where it shall be.
        python: The interpreter, or its version, name or path; None for the one that runs fumehood.
        locked: Refuse to resolve where locks are committed.
        fresh: Build it anew even if nothing changed.
        as_is: Take the one that is there, without looking whether it is still right.
        lowest: Make it of the lowest versions that the lines admit, whatever is locked.
    """

    target: Target
    folder: Path
    python: Path | str | None = None
    locked: bool = False
    fresh: bool = False
    as_is: bool = False
    lowest: bool = False


class Environments(Struct, dict=True):
    """Makes and reuses environments.

    Attributes:
        cache: fumehood's cache folder.
        environ: The caller's environment variables.
        say: Called with one line for the user.
        offline: Never use the network.
        deadline: When uv, and waiting for others, is given up, as `time.monotonic` counts; None for never.
        shared: What those that are made anew have in common, see `drafting`.
        drafted: What was drafted already, or why it could not be, by the folder of the environment.
    """

    repository: Repository
    cache: Path
    environ: Mapping[str, str]
    say: Callable[[str], None]
    offline: bool = False
    deadline: float | None = None
    shared: Shared | None = None
    drafted: dict[Path, Draft | FumehoodError] = field(default_factory=dict)
    _found: dict[Path | str | None, Interpreter] = field(default_factory=dict)

    @functools.cached_property
    def layers(self) -> LayerStore:
        """The layers of the cache; one store for the whole run, since it knows which could not be made."""
        return LayerStore(cache=self.cache, say=self.say, deadline=self.deadline)

    @property
    def uv(self) -> Uv:
        """The door to uv."""
        from fumehood.outside.uv import Uv  # noqa: PLC0415 - a reused environment needs no uv

        return Uv(cwd=self.repository.root, environ=self.environ, offline=self.offline, deadline=self.deadline)

    def obtain(self, wish: Wish) -> Environment:
        """The environment that is wished for, leased.

        Raises:
            FumehoodError: It cannot be had; the one before is untouched.
        """
        self._check_paths(wish)
        lease = self._lease(wish)
        try:
            while True:
                lease.shared()
                found = state.read(wish.folder)
                reason = self.health_check(wish, found)
                if found is not None and (reason is None or self._kept(wish, found, reason)):
                    done = self._leased(wish, "reused", found, lease)
                else:
                    done = self._renewed(wish, lease)
                if done is not None:
                    return done
        except BaseException:
            lease.release()
            raise

    def prepare(self, wishes: Iterable[Wish]) -> bool:
        """Build together what layers several environments lack; whether all can be had in a moment now."""
        waiting = [wish for wish in wishes if self._is_waiting(wish)]
        if not waiting:
            return True
        from fumehood.environments.renew import prepare  # noqa: PLC0415 - a reused environment needs none of it

        return prepare(self, waiting)

    def _is_waiting(self, wish: Wish) -> bool:
        """Whether something has to be made for it; what keeps that from being done is said when it is obtained."""
        try:
            self._check_paths(wish)
            self.interpreter(wish.python)
        except FumehoodError:
            return False
        return self.health_check(wish, state.read(wish.folder)) is not None

    def _check_paths(self, wish: Wish) -> None:
        """Refuse folders that cannot be written into an environment: text files of Python's are UTF-8."""
        for path in (self.repository.root, self.cache, wish.folder):
            try:
                str(path).encode()
            except UnicodeEncodeError:
                raise ConfigurationError(
                    "a folder whose name is not UTF-8 cannot be on Python's import path",
                    place=Place(ascii(str(path))),
                    remedy="rename the folder",
                ) from None

    def _lease(self, wish: Wish) -> Lease:
        """The lease of an environment, beside its folder and not in it, so that it outlives a rebuild."""
        path = wish.folder.parent / envdir.OWN / f"{wish.folder.name}.lease"
        return Lease(path, self.say, wish.target.session, self.deadline)

    def health_check(self, wish: Wish, found: EnvironmentState | None) -> str | None:
        """Why an environment cannot be used as it is; None when it can. Starts no process and reads next to nothing."""
        if found is None:
            return "it is not whole" if wish.folder.exists() else "there is none yet"
        if wish.fresh:
            return "asked for"
        return self.is_broken(wish.folder, found) or self._is_stale(wish, found)

    def is_broken(self, folder: Path, found: EnvironmentState) -> str | None:
        """Why an environment would not work at all, whatever it was made from."""
        if not os.path.exists(folder / "bin" / "python"):
            return "its interpreter is gone"
        changed = state.changed_file(folder, found.own)
        if changed:
            what = "import path" if changed.endswith(state.PTH) else changed
            return f"its {what} {'was changed' if os.path.exists(folder / changed) else 'is gone'}"
        if not os.path.isdir(found.plugin):
            return "the fumehood that made it is gone"
        if found.layers and found.cache != str(self.cache):
            return f"its layers are in another cache, {found.cache}"
        missing = next((layer for layer in found.layers if not self.layers.path(layer).is_dir()), None)
        return f"its layer {missing[:12]} is gone" if missing else None

    def _is_stale(self, wish: Wish, found: EnvironmentState) -> str | None:
        changed = state.changed_file(self.repository.root, found.files)
        if changed:
            return f"{changed} changed"
        if found.key != self.key(wish):
            return "settings, interpreter or fumehood changed"
        if found.lines and found.lines != self._lines(wish):
            return "a variable in requirement lines changed"
        return "it was not made from the lock" if wish.locked and found.unlocked else None

    def _lines(self, wish: Wish) -> str:
        from fumehood.environments.drafting import lines_of  # noqa: PLC0415 - few requirement files have variables

        try:
            return lines_of(self, wish)
        except FumehoodError:
            return ""  # What is wrong is said by whoever makes it anew.

    def _kept(self, wish: Wish, found: EnvironmentState, reason: str) -> bool:
        """Whether it was asked for that an environment is taken as it is, and it can be."""
        if not wish.as_is or wish.fresh or self.is_broken(wish.folder, found):
            return False
        self.say(f"{wish.target.session}: {reason}; kept because reuse was asked for")
        return True

    def key(self, wish: Wish) -> str:
        """A digest of what decides about an environment and stands in no file of the repository."""
        interpreter = self.interpreter(wish.python)
        parts = [
            __version__,
            str(self.repository.root),
            repr(wish.target),
            repr(self.repository.core),
            f"{interpreter.identity} {interpreter.executable}",
            *(["lowest"] if wish.lowest else []),
        ]
        return sha256("\n".join(parts).encode()).hexdigest()

    def interpreter(self, python: Path | str | None) -> Interpreter:
        """Describe an interpreter, once a run; see `Wish`.

        Raises:
            WorldError: There is none on this machine, or it does not answer as Python does.
        """
        if python not in self._found:
            found = interpreters.find(python) if python is None or isinstance(python, str) else python
            self._found[python] = interpreters.inspect(found, cache=self.cache)
        return self._found[python]

    def _renewed(self, wish: Wish, lease: Lease) -> Environment | None:
        """The environment made anew; None if another process did it first, or has changed it again since."""
        from fumehood.environments.renew import renew  # noqa: PLC0415 - a reused environment needs none of it

        if not lease.exclusive(unless=lambda: self.health_check(wish, state.read(wish.folder)) is None):
            return None
        envdir.mark(wish.folder.parent)
        found = state.read(wish.folder)
        reason = self.health_check(wish, found)
        if reason is None:
            return None
        made = renew(self, wish, found, reason)
        lease.shared()
        if state.read(wish.folder) != made:
            return None
        action: Action = "reused" if not made.reason else "rebuilt" if found else "built"
        return self._leased(wish, action, made, lease)

    def _leased(self, wish: Wish, action: Action, found: EnvironmentState, lease: Lease) -> Environment | None:
        """With leases on all its layers; None if one was taken away before its lease was there."""
        leases = tuple(self.layers.lease(digest) for digest in found.layers)
        try:
            for layer in leases:
                layer.shared()
            if action == "reused":
                # In case the run that made it was killed before it could.
                replace.sweep(wish.folder)
                if leases:
                    registry.add(self.cache, wish.folder)
        except BaseException:
            _release(leases)
            raise
        if not all(self.layers.path(digest).is_dir() for digest in found.layers):
            _release(leases)
            return None
        reason = "" if action == "reused" else found.reason
        return Environment(path=wish.folder, action=action, reason=reason, state=found, leases=(lease, *leases))


def _release(leases: Iterable[Lease]) -> None:
    for lease in leases:
        lease.release()


def deciding_files(repository: Repository, target: Target, read: tuple[str, ...]) -> list[str]:
    """Every file that decides about an environment, whether or not it is there."""
    own = f"{target.subject}/"
    return [
        *read,
        PYPROJECT,
        UV_TOML,
        repository.core.lock,
        target.lock,
        *(source.path for source in (*repository.core.requirements, *target.requirements)),
        *((f"{own}{PYPROJECT}", f"{own}experiment.toml") if target.session != "core" else ()),
    ]


def rebuilt_because(found: EnvironmentState | None, reason: str, versions: Mapping[str, str]) -> str:
    """The reason for a rebuild with what it changes."""
    if found is None:
        return reason
    moved = state.difference(found, versions)
    return f"{reason}: {moved}" if moved else reason
