"""What registries offer now, asked for many packages in one call, so that many resolutions can do without them.

uv resolves offline from its cache, and passes over, without a word, every version whose metadata is not there. So an
answer from the cache is taken only where each package in it is what uv would choose first: the preferred pin, the pin
of a line, or the newest version that the registry has.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from msgspec import Struct, field

from fumehood.locking.lockfile import parse_pins
from fumehood.model.lock import by_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from packaging.utils import NormalizedName

    from fumehood.locking.question import Question
    from fumehood.model.index_options import IndexOptions
    from fumehood.model.lock import Pin
    from fumehood.model.requirement import Requirement
    from fumehood.outside.uv import Uv

_NO_SOLUTION = 1
"""uv's exit status when one of the names cannot be had; above it, something kept uv from finding out."""


class Registry(NamedTuple):
    """Where packages are looked for, and for which Pythons: what the newest version of a package depends on."""

    options: IndexOptions
    python: str


class IndexData(Struct):
    """The newest version of packages, as far as it was asked for in this run.

    A package that cannot be had has none: what needs it is resolved with the network, which explains why.
    """

    uv: Uv
    scratch: Path
    newest: dict[tuple[Registry, NormalizedName], frozenset[str]] = field(default_factory=dict)

    def missing(
        self, wanted: Iterable[tuple[Question, Iterable[NormalizedName]]]
    ) -> dict[Registry, set[NormalizedName]]:
        """The names, of those that questions need, that nothing is known about yet."""
        missing: dict[Registry, set[NormalizedName]] = {}
        for question, names in wanted:
            registry = _registry(question)
            unknown = {name for name in names if (registry, name) not in self.newest}
            if unknown:
                missing.setdefault(registry, set()).update(unknown)
        return missing

    def update(self, registry: Registry, names: Iterable[NormalizedName]) -> None:
        """Ask for many packages in one call; where one of them cannot be had, ask for halves."""
        ordered = sorted(names)
        request, output = self.scratch / "index-data.in", self.scratch / "index-data.lock"
        request.write_text("".join(f"{name}\n" for name in ordered), encoding="utf-8")
        output.unlink(missing_ok=True)
        done = self.uv.compile(
            request, output=output, python=registry.python, options=registry.options, dependencies=False
        )
        if done.status == _NO_SOLUTION and len(ordered) > 1:
            middle = len(ordered) // 2
            self.update(registry, ordered[:middle])
            self.update(registry, ordered[middle:])
            return
        pins = parse_pins(done.answer)
        offered = _versions(pins)
        self.newest |= {(registry, name): offered.get(name, frozenset()) for name in ordered}

    def is_hopeless(self, question: Question, names: Iterable[NormalizedName]) -> bool:
        """Whether a question needs a package that is not to be had."""
        registry = _registry(question)
        return any(self.newest.get((registry, name)) == frozenset() for name in names)

    def has(self, question: Question, names: Iterable[NormalizedName]) -> bool:
        """Whether packages are known to be had."""
        registry = _registry(question)
        return all(self.newest.get((registry, name)) for name in names)

    def confirms(self, question: Question, pins: Iterable[Pin]) -> bool:
        """Whether an answer from the cache is what the registry would have led to."""
        registry, preferred = _registry(question), _versions(question.preferred)
        for name, versions in _versions(pins).items():
            first = preferred.get(name) or self.newest.get((registry, name)) or frozenset()
            # Of several newest versions, for several Pythons or platforms, an environment may need but one.
            if not versions <= first and not _is_forced(name, versions, question.inputs.requirements):
                return False
        return True


def asked(question: Question) -> frozenset[NormalizedName]:
    """The packages whose newest version matters, as far as is known before resolving."""
    named = {line.name for line in question.inputs.requirements if line.name and not line.url}
    return frozenset(named - {pin.name for pin in question.preferred})


def opened(question: Question, pins: Iterable[Pin]) -> frozenset[NormalizedName]:
    """The packages of an answer that no preferred pin decided."""
    return frozenset({pin.name for pin in pins if not pin.url} - {pin.name for pin in question.preferred})


def _registry(question: Question) -> Registry:
    return Registry(question.inputs.options, question.python)


def _versions(pins: Iterable[Pin]) -> Mapping[NormalizedName, frozenset[str]]:
    return {
        name: frozenset(pin.version for pin in group)
        for name, group in by_name(pin for pin in pins if not pin.url).items()
    }


def _is_forced(name: NormalizedName, versions: frozenset[str], lines: Iterable[Requirement]) -> bool:
    """Whether a line pins a package to just that version, everywhere."""
    if len(versions) != 1:
        return False
    (version,) = versions
    exact = [line.specifier for line in lines if line.name == name and not line.marker]
    return any(
        specifier.operator in {"==", "==="} and not specifier.version.endswith("*") and specifier.contains(version)
        for specifiers in exact
        for specifier in specifiers
    )
