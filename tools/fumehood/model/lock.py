"""Locks as values: pins with hashes, and a header that says what they were made from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct, field

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from packaging.utils import NormalizedName


class Pin(Struct, frozen=True, order=True, kw_only=True):
    """One line of a lock: exactly one version of a package, or one source of it, where its marker holds.

    Attributes:
        name: The normalised name. A local path that does not say its name stands under the path itself.
        version: The pinned version; empty when `url` is given.
        url: A direct reference, a VCS address with its commit, or a local path.
        editable: A local path that is installed editable.
        marker: A PEP 508 marker, empty for always.
        hashes: ``sha256:…`` of every file that may be installed for it, sorted.
    """

    name: NormalizedName
    version: str = ""
    url: str = ""
    editable: bool = False
    marker: str = ""
    hashes: tuple[str, ...] = ()

    @property
    def is_local(self) -> bool:
        """Whether it is a folder or file on this machine, whose content no digest of the lock covers."""
        return bool(self.url) and ("://" not in self.url or self.url.startswith("file:"))

    @property
    def what(self) -> str:
        """The version, or where it comes from."""
        return self.version or self.url

    @property
    def requirement(self) -> str:
        """The requirement line without marker and hashes, as pip and uv read it."""
        if self.version:
            return f"{self.name}=={self.version}"
        if self.editable:
            return f"-e {self.url}"
        if self.name == self.url:
            return self.url
        return f"{self.name} @ {self.url}"

    @property
    def line(self) -> str:
        """The requirement line with its marker."""
        return f"{self.requirement} ; {self.marker}" if self.marker else self.requirement


class Header(Struct, frozen=True, kw_only=True):
    """What a lock was made from.

    Attributes:
        inputs: Digest of the requirement lines.
        python: Lower bound of the Python versions it holds for, such as ``3.11``.
        core: In a delta lock, the digest of core's pins that it was made against.
        removes: In a delta lock, core's packages that this experiment's environment must not have.
    """

    inputs: str
    python: str
    core: str | None = None
    removes: tuple[NormalizedName, ...] = ()


class Lock(Struct, frozen=True, kw_only=True):
    """A core lock (``header.core`` is None) or a delta lock. Pins are sorted.

    Attributes:
        damage: Why the file it was read from is not as it was written, with the place; empty for a sound lock. What
            a damaged lock says is good for nothing but to be preferred when it is made anew.
    """

    header: Header
    pins: tuple[Pin, ...] = ()
    damage: str = ""


class PinChange(Struct, frozen=True, kw_only=True):
    """A package whose pin differs between two sets of pins; empty where it is not there before or after."""

    name: str
    before: str
    after: str

    def __str__(self) -> str:
        return f"{self.name} {self.before} → {self.after or 'removed'}"


class LayeredLock(Struct, frozen=True, kw_only=True):
    """Core's lock with an experiment's delta on it: everything an environment is made from."""

    core: Lock
    delta: Lock

    @property
    def replaced(self) -> frozenset[NormalizedName]:
        """Core's packages that the delta changes or removes."""
        named = {pin.name for pin in self.delta.pins} | set(self.delta.header.removes)
        return frozenset(named & {pin.name for pin in self.core.pins})

    @property
    def pins(self) -> tuple[Pin, ...]:
        """What the environment gets: the delta's pins, and core's for every package that it does not replace."""
        replaced = self.replaced
        return tuple(sorted([pin for pin in self.core.pins if pin.name not in replaced] + list(self.delta.pins)))


def by_name(pins: Iterable[Pin]) -> Mapping[NormalizedName, tuple[Pin, ...]]:
    """The pins of each package, in their order."""
    grouped: dict[NormalizedName, list[Pin]] = {}
    for pin in pins:
        grouped.setdefault(pin.name, []).append(pin)
    return {name: tuple(group) for name, group in grouped.items()}


def changes(lock: LayeredLock) -> tuple[PinChange, ...]:
    """How the delta changes core's pins, sorted by name."""
    core, delta = by_name(lock.core.pins), by_name(lock.delta.pins)
    pairs = ((name, core[name], delta.get(name, ())) for name in sorted(lock.replaced))
    return tuple(_change(name, before, after) for name, before, after in pairs if before != after)


def _change(name: NormalizedName, before: tuple[Pin, ...], after: tuple[Pin, ...]) -> PinChange:
    shown = what_of(before), what_of(after)
    if shown[0] == shown[1]:  # then it is another set of machines that gets it, or it comes otherwise
        shown = _where(before), _where(after)
    if shown[0] == shown[1]:
        shown = what_of(before), f"{what_of(after)} with other hashes"
    return PinChange(name=name, before=shown[0], after=shown[1])


def _where(pins: Iterable[Pin]) -> str:
    return " / ".join(f"{'-e ' * pin.editable}{pin.what} ({pin.marker or 'everywhere'})" for pin in pins)


def what_of(pins: Iterable[Pin]) -> str:
    """The versions, or addresses, of a package's pins, in their order."""
    return " / ".join(dict.fromkeys(pin.what for pin in pins))


class LockReport(Struct, frozen=True, kw_only=True):
    """What locking one experiment (or core, where `name` is None) came to."""

    name: str | None
    path: str
    written: bool
    pins: int
    changes: tuple[PinChange, ...] = field(default=())
