"""The lowest versions that requirement lines admit, to test whether what the lines promise is true.

Only lines with a lower bound promise anything about old versions. What has none, and what only running tests adds, is
hidden from uv's ``lowest-direct`` as the requirement of a made-up package, so that it stays as new as the rest admits.
Sources: uv's documentation ("Resolution strategy"); the binary distribution format (PEP 427).
"""

from __future__ import annotations

import zipfile
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace
from packaging.version import Version

from fumehood.locking.obtain import Obtained
from fumehood.locking.question import Question
from fumehood.locking.resolve import resolve
from fumehood.model.lock import LayeredLock, Lock
from fumehood.outside.files import disk_errors
from fumehood.outside.scratch import scratch_folder
from fumehood.reading.sources import BUILT_IN, of_lines

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from packaging.specifiers import SpecifierSet

    from fumehood.locking.book import LockBook
    from fumehood.model.experiment import Target
    from fumehood.model.markers import MarkerEnvironment
    from fumehood.model.requirement import Requirement
    from fumehood.outside.uv import Uv
    from fumehood.reading.sources import Inputs

_UNLOWERED = "fumehood-unlowered"
_VERSION = "0+made.up"
"""A local version, which no public index can have."""


def lowest_lock(book: LockBook, uv: Uv, target: Target) -> Obtained:
    """Resolve core's and a target's lines to the lowest versions; no lock is looked at, and none is written.

    Raises:
        ConflictError: The lowest versions cannot hold together.
        WorldError: Network, registry or a source failed.
    """
    inputs = book.all_inputs(target)
    lowered, others = _parted(inputs.requirements)
    with disk_errors("resolving"), scratch_folder("lowest") as scratch:
        lines = of_lines(lowered, inputs.options)
        if others:
            lines = _with_made_up_package(lines, scratch / "unlowered", others)
        question = Question(subject=f"{target.subject} with lowest versions", inputs=lines, python=book.python(target))
        pins = resolve(replace(uv, lowest=True), question, scratch=scratch)
    kept = tuple(pin for pin in pins if pin.name != _UNLOWERED)
    core = Lock(header=book.core_header())
    return Obtained(
        lock=LayeredLock(core=core, delta=Lock(header=book.header(target, core), pins=kept)),
        origin="resolved",
        proven=True,
    )


def _parted(requirements: Iterable[Requirement]) -> tuple[list[Requirement], list[Requirement]]:
    """The lines that are lowered, with all that bounds them, and those that are not."""
    lowered: list[Requirement] = []
    others: list[Requirement] = []
    for line in requirements:
        is_plain = line.name is not None and not (line.constraint or line.url)
        free = is_plain and (line.place.file == BUILT_IN or lower_bound(line.specifier) is None)
        (others if free else lowered).append(line)
    return lowered, others


def _with_made_up_package(inputs: Inputs, folder: Path, lines: Iterable[Requirement]) -> Inputs:
    """The inputs with a package, a wheel in a folder of its own, that requires these lines.

    What a package from an index requires is not lowered; what a folder or a URL requires uv lowers as what is direct.
    """
    folder.mkdir()
    stem = f"{_UNLOWERED.replace('-', '_')}-{_VERSION}"
    metadata = ["Metadata-Version: 2.1", f"Name: {_UNLOWERED}", f"Version: {_VERSION}"]
    metadata += [f"Requires-Dist: {line.text}" for line in lines]
    with zipfile.ZipFile(folder / f"{stem}-py3-none-any.whl", "w") as wheel:
        wheel.writestr(f"{stem}.dist-info/METADATA", "\n".join([*metadata, "", ""]))
        wheel.writestr(f"{stem}.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{stem}.dist-info/RECORD", "")
    options = replace(inputs.options, find_links=(*inputs.options.find_links, str(folder)))
    return replace(inputs, lines=(*inputs.lines, f"{_UNLOWERED}=={_VERSION}"), options=options)


def lower_bound(specifier: SpecifierSet) -> Version | None:
    """The highest lower bound of a specifier; None where it has none. That of ``>1`` is taken to be 1."""
    bounds = [
        Version(one.version.removesuffix(".*")) for one in specifier if one.operator in {">=", ">", "~=", "==", "==="}
    ]
    return max(bounds, default=None)


class Lowest(Struct, frozen=True, kw_only=True):
    """A package that was lowered.

    Attributes:
        bound: The lowest version that the lines admit by themselves.
        version: What was resolved; higher where no release, or another package, admits the bound.
    """

    name: str
    bound: Version
    version: str

    def __str__(self) -> str:
        reached = Version(self.version) == self.bound
        return f"{self.name} {self.version}" if reached else f"{self.name} {self.version} (for {self.bound} or newer)"


def lowered(book: LockBook, target: Target, here: MarkerEnvironment, versions: Mapping[str, str]) -> tuple[Lowest, ...]:
    """What was lowered for one interpreter, sorted by name.

    Args:
        book: The requirement lines.
        target: Whose.
        here: The interpreter's markers.
        versions: What was resolved, by name.
    """
    bounds: dict[str, Version] = {}
    for line in _parted(book.all_inputs(target).requirements)[0]:
        bound = lower_bound(line.specifier)
        name = str(line.name)
        if bound is None or line.constraint or name not in versions or not here.admits(str(line.marker or "")):
            continue
        bounds[name] = max(bound, bounds.get(name, bound))
    return tuple(Lowest(name=name, bound=bounds[name], version=versions[name]) for name in sorted(bounds))
