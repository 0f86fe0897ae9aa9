"""What one resolution of many experiments' lines together tells about each of them: one instead of hundreds.

That all lines hold together is proof that those of each do. And what it has of the packages that one experiment needs
is consistent by itself: with core's pins it is a lock that the experiment could have, if not always the one that it
would get alone, since others may hold a package back.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct, field
from msgspec.structs import replace
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from fumehood.conflicts.requirers import resolve_noted
from fumehood.conflicts.static import clashes
from fumehood.locking.certificate import breaches
from fumehood.locking.index_data import IndexData, Registry
from fumehood.model.index_options import IndexOptions
from fumehood.model.lock import by_name
from fumehood.outside.files import disk_errors
from fumehood.reading.sources import of_lines

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from fumehood.conflicts.requirers import Requirers
    from fumehood.locking.book import LockBook
    from fumehood.locking.many import Resolutions
    from fumehood.model.experiment import Target
    from fumehood.model.lock import Lock, Pin
    from fumehood.model.requirement import Requirement

    Pins = tuple[Pin, ...]

_FEW = 4
"""So many experiments are resolved one by one as quickly."""
_FAILURES = 6
"""After so many sets of lines that do not hold together, one by one is quicker."""


class Together(Struct):
    """Asks about many experiments at once, from uv's cache: that packages fit does not depend on what else there is.

    Attributes:
        book: The lines, core's as they are to be.
        core: Core's lock for these lines.
        resolutions: Whose uv and folders are used.
    """

    book: LockBook
    core: Lock
    resolutions: Resolutions
    _left: int = _FAILURES
    _exact: frozenset[str] = frozenset()
    _bounded: dict[str, frozenset[str]] = field(default_factory=dict)

    def pins(self, targets: Iterable[Target], *, preferred: Iterable[Pin] = ()) -> dict[str, Pins]:
        """Pins that each could have on core's, by subject; left out where that cannot be told.

        Args:
            targets: Experiments.
            preferred: Pins beside core's that are kept where that can be.
        """
        return self._tell([target for target in targets if self._is_plain(target)], tuple(preferred))

    def alone(self, targets: Iterable[Target], *, preferred: Iterable[Pin] = ()) -> dict[str, Pins]:
        """As `pins`, but only those that each would get by itself: no other's line or package holds one back.

        What no other bounds, or what is the newest version that uv's cache knows of, is held back by nobody.
        """
        found = self.pins(targets, preferred=preferred)
        names = frozenset().union(*(self._bounded[subject] for subject in found))
        index = IndexData(replace(self.resolutions.uv, offline=True), self._scratch())
        registry = Registry(self.book.core_inputs.options, self.book.python())
        if names:
            index.update(registry, map(canonicalize_name, names))
        newest = {str(name): offered for (_, name), offered in index.newest.items()}
        return {
            subject: pins
            for subject, pins in found.items()
            if all(versions(group) <= newest[name] for name, group in self._doubtful(subject, pins))
        }

    def _doubtful(self, subject: str, pins: Pins) -> Iterator[tuple[str, Pins]]:
        """Those of its packages that others bound too, with their pins."""
        return ((str(name), group) for name, group in by_name(pins).items() if name in self._bounded[subject])

    def _is_plain(self, target: Target) -> bool:
        """Whether its lines can be asked about together with others'."""
        inputs = self.book.inputs(target)
        if any(line.url or line.name is None for line in inputs.requirements) or inputs.options != IndexOptions():
            return False
        python, core = self.book.python(), self.book.core_inputs
        lines = [*core.requirements, *inputs.requirements]
        return self.book.python(target) == python and not clashes(lines, python=python, settings=core.settings)

    def _tell(self, targets: Sequence[Target], preferred: Pins) -> dict[str, Pins]:
        if len(targets) < _FEW or not self._left:
            return {}
        inputs = sum((self.book.inputs(target) for target in targets), self.book.core_inputs)
        lines = of_lines(inputs.requirements, inputs.options)
        self.resolutions.progress.begin(f"{len(targets)} together", 1)
        known, python = (*self.core.pins, *preferred), self.book.python()
        said = resolve_noted(self.resolutions.uv, lines, known, python=python, scratch=self._scratch())
        self.resolutions.progress.advance(f"{len(targets)} together")
        if isinstance(said, str):
            self._left -= 1
            rest = [target for target in targets if not self._is_named(target, said)]
            middle = len(targets) // 2
            parts = [rest] if len(rest) < len(targets) else [targets[:middle], targets[middle:]]
            return {subject: found for part in parts for subject, found in self._tell(part, preferred).items()}
        pins, graph = said
        self._exact = _named_exactly(inputs.requirements)
        pinned = {str(name): group for name, group in by_name(pins).items()}
        found = {target.subject: self._own(target, pinned, graph) for target in targets}
        bounds: dict[str, set[str]] = {}
        for line in inputs.requirements:
            if line.specifier:
                bounds.setdefault(str(line.name), set()).add(line.text)
        for target in targets:
            self._bounded[target.subject] = self._by_others(target, found[target.subject] or (), bounds, graph)
        return {subject: (*self.core.pins, *own) for subject, own in found.items() if own is not None}

    def _is_named(self, target: Target, text: str) -> bool:
        """Whether uv's text has one of a target's own bounds: a hint at who cannot live with the others."""
        essential = self.book.question(target, self.core).essential or ()
        return any(line.specifier and f"{line.name}{line.specifier}" in text for line in essential)

    def _by_others(self, target: Target, own: Pins, bounds: Mapping[str, set[str]], graph: Requirers) -> frozenset[str]:
        """Those of its packages that lines of other targets bound, or that packages of others require."""
        lines = {line.text for line in self.book.all_inputs(target).requirements}
        names = {str(pin.name) for pin in own}
        inside = names | {str(pin.name) for pin in self.core.pins}
        return frozenset(
            name for name in names if bounds.get(name, set()) - lines or graph.by.get(name, frozenset()) - inside
        )

    def _scratch(self) -> Path:
        with disk_errors("asking uv"):
            return Path(tempfile.mkdtemp(dir=self.resolutions.scratch))

    def _own(self, target: Target, pinned: Mapping[str, Pins], graph: Requirers) -> Pins | None:
        """What a target needs beside core's pins; None where that cannot be told.

        So it is where core's pins are not kept, where not all that it needs is known, and where another experiment's
        line may have let in what its own would not: a pre-release, or a withdrawn version that is named exactly.
        """
        lines = self.book.inputs(target).requirements
        core = {str(name): versions(group) for name, group in by_name(self.core.pins).items()}
        needed = graph.below({str(line.name) for line in lines if not line.constraint}) - core.keys()
        if not needed <= pinned.keys() or any(versions(pinned.get(name, ())) - core[name] for name in core):
            return None
        own = tuple(pin for name in sorted(needed) for pin in pinned[name])
        exact = _named_exactly([*self.book.core_inputs.requirements, *lines])
        if any(_is_prerelease(pin) or str(pin.name) in self._exact - exact for pin in own):
            return None
        return None if breaches(lines, by_name([*self.core.pins, *own]), python=self.book.python()) else own


def _named_exactly(lines: Iterable[Requirement]) -> frozenset[str]:
    return frozenset(
        str(line.name) for line in lines for bound in line.specifier if bound.operator in {"==", "==="} and line.name
    )


def _is_prerelease(pin: Pin) -> bool:
    try:
        return Version(pin.version).is_prerelease
    except InvalidVersion:
        return True


def versions(pins: Iterable[Pin]) -> frozenset[str]:
    """The versions, or addresses, that pins name."""
    return frozenset(pin.what for pin in pins)
