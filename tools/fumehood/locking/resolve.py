"""One resolution by uv, and what its failure is: a conflict, a failure of the world, or a missing package.

Whether a failure is a conflict is found out by resolving again without the suspects, never by reading uv's text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fumehood.errors import ConflictError, FumehoodError, WorldError
from fumehood.locking import lockfile
from fumehood.outside.files import disk_errors

if TYPE_CHECKING:
    from pathlib import Path

    from fumehood.model.lock import Pin
    from fumehood.outside.uv import Uv, UvResult
    from fumehood.reading.sources import Inputs

_USAGE_OR_WORLD = 2
"""uv's exit status for an error that is no failed resolution."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What uv is asked to resolve.

    Attributes:
        subject: Whose requirements these are, for messages: ``core`` or ``experiments/foo``.
        inputs: All the lines that have to hold together.
        python: Lower bound of the Python versions.
        preferred: Pins that are kept wherever the lines admit them.
    """

    subject: str
    inputs: Inputs
    python: str
    preferred: tuple[Pin, ...] = ()


class UndecidedError(WorldError):
    """The cache alone did not suffice to resolve; with the network it may."""


def resolve(uv: Uv, question: Question, *, root: Path, scratch: Path, offline: bool = False) -> tuple[Pin, ...]:
    """Resolve for every platform, with hashes.

    Args:
        uv: The door to uv.
        question: What to resolve.
        root: The repository, which the inputs' files are relative to.
        scratch: An existing folder that this call may write files of its own to.
        offline: Use only what uv's cache holds.

    Raises:
        ConflictError: The lines cannot hold together.
        UndecidedError: It failed offline, which proves nothing.
        WorldError: Network, registry or a source failed.
    """
    output = scratch / f"{_file_name(question.subject)}.lock"
    with disk_errors(f"resolving {question.subject}"):
        output.write_text("".join(f"{lockfile.render_pin(pin)}\n" for pin in question.preferred), encoding="utf-8")
        sources = _source_files(question, root, scratch)
    if not sources:
        return ()
    result = uv.compile(sources, output=output, python=question.python, offline=offline)
    if result.status == 0:
        text = output.read_text(encoding="utf-8")
        return tuple(sorted(lockfile.parse_pins(text, path=f"the resolution of {question.subject}")))
    if offline or uv.offline:
        raise UndecidedError(
            f"{question.subject}: not decided offline", details=result.stderr, remedy="run it again without --offline"
        )
    raise _diagnosis(uv, question, result, scratch)


def refresh(uv: Uv, names: frozenset[str], *, python: str, scratch: Path) -> None:
    """Bring uv's index data of many packages up to date in one call; what cannot be had is left to the resolutions."""
    if not names or uv.offline:
        return
    request = scratch / "refresh.in"
    request.write_text("".join(f"{name}\n" for name in sorted(names)), encoding="utf-8")
    uv.compile([request], output=scratch / "refresh.lock", python=python, dependencies=False)


def _file_name(subject: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]", "-", subject)


def _source_files(question: Question, root: Path, scratch: Path) -> list[Path]:
    sources = [root / file for file in question.inputs.requirement_files]
    if question.inputs.lines:
        lines = scratch / f"{_file_name(question.subject)}.in"
        lines.write_text("".join(f"{line}\n" for line in question.inputs.lines), encoding="utf-8")
        sources.append(lines)
    return sources


def _diagnosis(uv: Uv, question: Question, result: UvResult, scratch: Path) -> FumehoodError:
    """What a failed resolution was, found by asking for its suspects one at a time."""
    if result.status >= _USAGE_OR_WORLD:
        return WorldError(
            f"{question.subject}: not decided, because uv could not finish",
            details=result.stderr,
            remedy="see uv's message above; the network or the registry may be out of reach",
        )
    for requirement in question.inputs.requirements:
        if requirement.url and not _obtainable(uv, requirement.text, question, scratch):
            return WorldError(
                f"{question.subject}: not decided, because {requirement.text} cannot be had",
                place=requirement.place,
                details=result.stderr,
                remedy="make the address reachable from here, or remove the line",
            )
    named = {requirement.name: requirement for requirement in question.inputs.requirements if not requirement.url}
    if not _obtainable(uv, "\n".join(str(name) for name in named if name), question, scratch):
        for name, requirement in named.items():
            if name and not _obtainable(uv, name, question, scratch):
                return WorldError(
                    f"{question.subject}: not decided, because no registry in use has a package {name} for it",
                    place=requirement.place,
                    details=result.stderr,
                    remedy="correct the name, or name the registry that has it with --extra-index-url",
                )
    return ConflictError(
        f"{question.subject}: the requirements cannot hold together",
        details=result.stderr,
        remedy=_blame(question),
    )


def _obtainable(uv: Uv, lines: str, question: Question, scratch: Path) -> bool:
    """Whether packages can be had at all: their own lines only, any version, nothing that they require."""
    probe = scratch / f"{_file_name(question.subject)}.probe.in"
    options = question.inputs.options
    index = [f"--index-url {options.index_url}"] if options.index_url else []
    index += [f"--extra-index-url {url}" for url in options.extra_index_urls]
    index += [f"--find-links {place}" for place in options.find_links]
    index += ["--no-index"] if options.no_index else []
    probe.write_text("\n".join([*index, lines, ""]), encoding="utf-8")
    done = uv.compile([probe], output=probe.with_suffix(".lock"), python=question.python, dependencies=False)
    return done.status == 0


def _blame(question: Question) -> str:
    files = sorted({requirement.place.file for requirement in question.inputs.requirements})
    return f"relax one of the lines that uv names; they stand in {', '.join(files)}"
