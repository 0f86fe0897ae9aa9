"""``core/requirements-differ``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fumehood.errors import FumehoodError
from fumehood.reading import pyproject_requirements
from fumehood.reading.sources import without_credentials
from fumehood.rules.rule import Rule
from fumehood.settings import PYPROJECT

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from packaging.utils import NormalizedName

    from fumehood.model.finding import Finding
    from fumehood.model.requirement import Requirement
    from fumehood.rules.seen import Seen

Lines = dict["NormalizedName", list["Requirement"]]


def check(seen: Seen) -> Iterator[Finding]:
    """Packages about which core's requirement files and ``[project].dependencies`` do not say the same."""
    declared = _declared(seen)
    asked = seen.lines(None).requirements
    sources = seen.core.requirements
    if not declared or not asked or any(source.is_pyproject for source in sources) or _is_installed_whole(asked):
        return
    file = sources[0].path
    ours, theirs = _by_name(asked), _by_name(declared)
    for name in sorted(ours.keys() | theirs.keys()):
        if name not in theirs:
            if not _is_frozen(ours[name]):
                yield _lacking(ours[name][0], PYPROJECT)
        elif name not in ours:
            yield _lacking(theirs[name][0], file)
        elif _said(ours[name]) != _said(theirs[name]) and not _is_frozen(ours[name]):
            line, other = ours[name][0], theirs[name][0]
            yield RULE.finding(
                "",
                line.place,
                without_credentials(f"it says {line.text!r} where {other.place} says {other.text!r}"),
                remedy='make both say the same, or let `dynamic = ["dependencies"]` read one from the other',
                subject=name,
            )


def _lacking(line: Requirement, where: str) -> Finding:
    return RULE.finding(
        "",
        line.place,
        f"{without_credentials(line.text)!r} is not in {where}, which says what core needs too",
        remedy=f"add it to {where}, or take it out here",
        subject=str(line.name),
    )


def _declared(seen: Seen) -> tuple[Requirement, ...]:
    """What ``[project].dependencies`` says itself; nothing where others say it for it."""
    if not (seen.root / PYPROJECT).is_file():
        return ()
    try:
        found = pyproject_requirements.read_project(seen.root / PYPROJECT, root=seen.root)
    except FumehoodError:
        return ()
    return tuple(line for line in found.requirements if line.place.file == PYPROJECT and not line.is_local)


def _is_installed_whole(lines: Iterable[Requirement]) -> bool:
    """Whether a requirement file has the project itself installed, and with it what ``[project]`` says."""
    return any(line.is_local for line in lines)


def _by_name(lines: Iterable[Requirement]) -> Lines:
    found: Lines = {}
    for line in lines:
        if line.name and not line.constraint:
            found.setdefault(line.name, []).append(line)
    return found


def _is_frozen(lines: Iterable[Requirement]) -> bool:
    """Whether lines are pins with hashes: what a program wrote, and no second statement of what core needs."""
    return all(line.hashes for line in lines)


def _said(lines: Iterable[Requirement]) -> frozenset[tuple[object, ...]]:
    """What lines ask for, however it is written."""
    return frozenset((line.specifier, line.extras, str(line.marker or ""), line.url) for line in lines)


RULE = Rule(
    id="core/requirements-differ",
    severity="warning",
    summary="Core's requirement files and `[project].dependencies` do not say the same.",
    why="""\
Who installs core from its requirement file and who installs it as a package get different things, and one of them finds
out at an import. Experiments are checked against the requirement file: what only `pyproject.toml` asks for is missing
from their environments.""",
    remedy="""\
Keep one of the two. With setuptools, `dynamic = ["dependencies"]` in `[project]` and
`dependencies = { file = ["requirements.txt"] }` in `[tool.setuptools.dynamic]` read the requirement file; or set
`core.requirements = ["pyproject.toml"]` in `[tool.fumehood]` and let the requirement file say `-e .`. Pins
with hashes are left alone: those are written by programs.""",
    check=check,
)
