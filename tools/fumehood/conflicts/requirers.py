"""Who requires whom among the pins of a lock, and in what words.

Who does is what uv notes behind each pin when it resolves to these pins once more. In what words stands in the metadata
of layers, where one on this machine has the package; else only the name is known.
"""

from __future__ import annotations

import contextlib
import re
from collections import deque
from typing import TYPE_CHECKING

from msgspec import Struct, field
from msgspec.structs import replace
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from fumehood.environments import layer
from fumehood.environments.plan import plan
from fumehood.environments.store import LayerStore
from fumehood.errors import FumehoodError
from fumehood.locking.lockfile import parse_pins
from fumehood.outside import interpreter as interpreters
from fumehood.outside.files import disk_errors

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from fumehood.environments.layer import LayerDistribution
    from fumehood.model.experiment import Target
    from fumehood.model.lock import LayeredLock, Pin
    from fumehood.outside.uv import Uv, UvResult
    from fumehood.reading.sources import Inputs
    from fumehood.repository import Repository

_NOTED = re.compile(r"^([A-Za-z0-9][A-Za-z0-9._-]*)\b.*\s# via (.+)$", re.MULTILINE)
_NOTE = re.compile(r"[ ]+# via .+$", re.MULTILINE)
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*(?=\[|$)")

Metadata = dict[str, tuple[str, tuple[str, ...]]]
"""By name: the version in a layer, and its ``Requires-Dist`` lines."""


class Requirers(Struct, frozen=True, kw_only=True):
    """Who requires whom.

    Attributes:
        versions: What each package is pinned to.
        by: For each package, those that require it.
        metadata: What the layers on this machine say.
    """

    versions: Mapping[str, str]
    by: Mapping[str, frozenset[str]]
    metadata: Metadata = field(default_factory=dict)

    def way(self, start: str, end: str) -> tuple[str, ...]:
        """The packages on the shortest way from one that is required to another; empty if there is none."""
        nearer: dict[str, str] = {}
        pending = deque([end] if end in self.by else [])
        while pending and start != end:
            name = pending.popleft()
            for requirer in sorted(self.by.get(name, ())):
                if requirer not in nearer and requirer != end:
                    nearer[requirer] = name
                    pending.append(requirer)
        if start not in nearer and (start != end or end not in self.by):
            return ()
        found = [start]
        while found[-1] != end:
            found.append(nearer[found[-1]])
        return tuple(found)

    def below(self, names: Iterable[str]) -> frozenset[str]:
        """Packages, and all that these require."""
        found: set[str] = set()
        pending = deque(names)
        required: dict[str, list[str]] = {}
        for name, askers in self.by.items():
            for asker in askers:
                required.setdefault(asker, []).append(name)
        while pending:
            name = pending.popleft()
            if name not in found:
                found.add(name)
                pending.extend(required.get(name, ()))
        return frozenset(found)

    def what(self, name: str) -> str:
        """A package with its version."""
        return f"{name} {self.versions[name]}" if self.versions.get(name) else name

    def asks(self, requirer: str, name: str) -> str:
        """What a package asks of another, ``tokenizers<0.22``; only the name where no layer tells."""
        version, lines = self.metadata.get(requirer, ("", ()))
        if version != self.versions.get(requirer):
            return name
        found = [parsed for line in lines if (parsed := _parsed(line)) and canonicalize_name(parsed.name) == name]
        plain = [parsed for parsed in found if parsed.marker is None or parsed.marker.evaluate({"extra": ""})]
        return ", ".join(dict.fromkeys(map(_written, plain or found))) or name


def _parsed(line: str) -> Requirement | None:
    with contextlib.suppress(InvalidRequirement):
        return Requirement(line)
    return None


def _written(requirement: Requirement) -> str:
    extras = f"[{','.join(sorted(requirement.extras))}]" if requirement.extras else ""
    return f"{canonicalize_name(requirement.name)}{extras}{requirement.specifier}"


def requirers(
    uv: Uv, inputs: Inputs, pins: Sequence[Pin], *, python: str, scratch: Path, metadata: Metadata
) -> Requirers:
    """Resolve lines to pins once more, and read who requires whom; nobody does, as far as is known, if uv fails.

    Args:
        uv: The door to uv.
        inputs: The lines.
        pins: What they were resolved to.
        python: Lower bound of the Python versions.
        scratch: An existing folder for files of this call.
        metadata: What the layers on this machine say.
    """
    bounds = [pin.line for pin in pins if pin.name != pin.url]
    done = _noted(uv, inputs, python, scratch, bounds=bounds)
    return Requirers(versions=_versions(pins), by=_askers(done.answer), metadata=metadata)


def resolve_noted(
    uv: Uv, inputs: Inputs, preferred: Iterable[Pin], *, python: str, scratch: Path
) -> tuple[tuple[Pin, ...], Requirers] | str:
    """Resolve lines from uv's cache: the pins, without hashes, and who requires whom; uv's text where it fails.

    Args:
        uv: The door to uv.
        inputs: The lines.
        preferred: Pins that are kept wherever the lines admit them.
        python: Lower bound of the Python versions.
        scratch: An existing folder for files of this call.
    """
    kept = [pin.line for pin in preferred]
    done = _noted(replace(uv, offline=True), inputs, python, scratch, preferred=kept)
    if done.status:
        return done.stderr
    pins = parse_pins(_NOTE.sub("", done.answer))
    return pins, Requirers(versions=_versions(pins), by=_askers(done.answer))


def _noted(
    uv: Uv, inputs: Inputs, python: str, scratch: Path, *, bounds: Sequence[str] = (), preferred: Sequence[str] = ()
) -> UvResult:
    """What uv says and writes, a note behind each pin, when it resolves lines."""
    with disk_errors("asking uv"):
        source, constraints, output = (scratch / f"origin.{kind}" for kind in ("in", "bounds", "lock"))
        constraints.write_text("\n".join([*bounds, *inputs.constraint_lines, ""]), "utf-8")
        source.write_text("\n".join([f"-c {constraints.name}", *inputs.lines, ""]), "utf-8")
        output.write_text("".join(f"{line}\n" for line in preferred), "utf-8")
        return uv.annotated(source, output=output, python=python, options=inputs.options)


def _askers(text: str) -> dict[str, frozenset[str]]:
    by: dict[str, frozenset[str]] = {}
    for match in _NOTED.finditer(text):
        name = str(canonicalize_name(match[1]))
        noted = (_NAME.match(part.strip()) for part in match[2].split(","))
        by[name] = by.get(name, frozenset()) | {str(canonicalize_name(found[0])) for found in noted if found}
    return by


def _versions(pins: Iterable[Pin]) -> dict[str, str]:
    return {str(pin.name): pin.what for pin in pins}


def metadata_of(repository: Repository, target: Target, lock: LayeredLock, inputs: Inputs, cache: Path) -> Metadata:
    """What the layers that a target's environment consists of say about what their packages require."""
    found: Metadata = {}
    try:
        python = interpreters.find(target.pythons[0] if target.pythons else None)
        here = interpreters.inspect(python, cache=cache)
        made = plan(repository, target, lock, here, options=inputs.options, proven=True)
        store = LayerStore(cache=cache, say=lambda _line: None)
        for spec in (made.core, made.delta):
            there = layer.load(store.path(spec.digest)) if spec else None
            found |= {item.name: _requires(item) for item in (there.distributions if there else ())}
    except FumehoodError:
        return found  # It only makes the answer more exact.
    return found


def _requires(item: LayerDistribution) -> tuple[str, tuple[str, ...]]:
    return item.version, item.requires
