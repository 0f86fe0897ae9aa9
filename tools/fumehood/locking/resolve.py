"""One resolution by uv, and what its failure is: a conflict, or a failure of the world.

Which of the two is found out by asking again in other ways, never by reading uv's text.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from msgspec import Struct
from msgspec.structs import replace

from fumehood.errors import ConflictError, FumehoodError, NotDecidedError
from fumehood.locking import lockfile
from fumehood.locking.damaged import damaged_file
from fumehood.locking.given_hashes import held_to_given
from fumehood.locking.mentioned import mentioned
from fumehood.locking.unobtainable import REPLACE, unobtainable_because
from fumehood.model.experiment import CORE_TESTS
from fumehood.model.lock import by_name
from fumehood.outside.files import disk_errors
from fumehood.outside.git import Git
from fumehood.outside.uv_program import REINSTALL
from fumehood.reading.text_file import shown

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from packaging.utils import NormalizedName

    from fumehood.locking.question import Question
    from fumehood.model.lock import Pin
    from fumehood.model.requirement import Requirement
    from fumehood.outside.uv import Uv, UvResult

_NO_SOLUTION = 1
"""uv's exit status for a failed resolution; errors of another kind have others."""

_ANEW = f"run it again; if that does not help, {REINSTALL}"

_SEE_ABOVE = "see uv's message above; the network, the registry or a package's own build may have failed"

_ASK_REGISTRY = "see whether something before the registry has answered in its place; then `uv cache clean` the package"

_LET_KEEP = "let uv keep it with `cache-control` in [[tool.uv.index]], so that a conflict can be proven"

_OTHER_WORDS_FROM_BUILDS = {"PYTHONHASHSEED": "no number"}
"""Under it no Python starts that heeds its environment: not one that builds a package, unlike those that uv asks."""

_WHOLE_COMMIT = re.compile(r"[0-9a-f]{40}")

_NOWHERE = 'python_version < "3"'
"""A marker under which nothing is required: what is resolved here is for Python 3."""

_ANY_PYTHON = "3.99"
"""A Python so new that no package is left out for its lower bound."""


class UndecidedError(NotDecidedError):
    """The cache alone did not suffice to resolve; with the network it may."""


def resolve(uv: Uv, question: Question, *, scratch: Path, offline: bool = False) -> tuple[Pin, ...]:
    """Resolve for every platform, with hashes.

    Args:
        uv: The door to uv.
        question: What to resolve.
        scratch: An existing folder that this call may write files of its own to.
        offline: Use only what uv's cache holds.

    Raises:
        ConflictError: The lines cannot hold together.
        HashMismatchError: The registry has none of the files whose hashes a line gives.
        UndecidedError: It failed offline, which proves nothing.
        WorldError: Network, registry or a source failed.
    """
    if question.settled:
        return question.settled
    if not question.inputs.lines:
        return ()
    with disk_errors(f"resolving {question.subject}"):
        attempt = _Attempt(uv, question, _source_file(question, scratch), scratch)
        pins = attempt.pins(offline=offline)
        nearer = _with_former(question, pins)
        if nearer is None:
            return pins
        return replace(attempt, question=nearer).pins(offline=offline)


class _Attempt(Struct, frozen=True):
    uv: Uv
    question: Question
    source: Path
    scratch: Path

    def pins(self, *, offline: bool) -> tuple[Pin, ...]:
        if not offline and not self.uv.is_offline:
            self._look_for_git()
        result = self.ask(offline=offline)
        if result.status == 0:
            return held_to_given(lockfile.parse_pins(result.answer), self.question.inputs.requirements)
        if offline or self.uv.is_offline:
            raise UndecidedError(
                self.question.subject,
                "uv's cache alone does not tell",
                details=result.stderr,
                remedy="run it again with the network",
            )
        raise self.diagnosis(result)

    def ask(self, *, offline: bool) -> UvResult:
        # uv takes over the hashes of what it keeps; where lines give some, those of the registry are wanted.
        given = {line.name for line in self.question.inputs.requirements if line.hashes}
        kept = [pin.line if pin.name in given else lockfile.render_pin(pin) for pin in self.question.preferred]
        output = self._file("lock")
        output.write_text("".join(f"{pin}\n" for pin in kept), encoding="utf-8")
        options, python = self.question.inputs.options, self.question.python
        return self.uv.compile(self.source, output=output, python=python, options=options, offline=offline)

    def _look_for_git(self) -> None:
        """Fail at once where git cannot reach a repository that uv would try again and again.

        A commit that is named in full may be in uv's cache, which needs nobody.
        """
        for line in self.question.inputs.requirements:
            address = _git_address(line)
            if address:
                complaint = Git(cwd=self.uv.cwd, environ=self.uv.environ).complaint(
                    address, timeout=self.uv.time_left()
                )
                if complaint:
                    raise self._without(line, complaint)

    def _without(self, suspect: Requirement, said: str) -> NotDecidedError:
        """What to say where the package of a line cannot be had."""
        what, remedy = unobtainable_because(suspect, self.uv.cwd, said)
        return NotDecidedError(self.question.subject, what, place=suspect.place, details=said, remedy=remedy)

    def diagnosis(self, result: UvResult) -> FumehoodError:
        """What a failed resolution was, found by asking for its suspects one at a time."""
        if not result.stderr.strip():
            return self._undecided("uv could not finish", result, _ANEW)
        if result.status == _NO_SOLUTION:
            suspect = self._unobtainable()
            if suspect and not self._is_uv_sound():
                return self._undecided("uv could not finish", result, _ANEW)
            if suspect:
                return self._without(suspect, result.stderr)
            if self._is_reproducible(result):
                return self._proven(result)
            if not self._is_kept():
                return self._undecided("a registry forbids to keep what it says", result, _LET_KEEP)
        return self._undecided("uv could not finish", result, _SEE_ABOVE)

    def _proven(self, result: UvResult) -> FumehoodError:
        """What a failure comes to that follows from what registries said, and from files on this machine."""
        damaged = damaged_file(self.uv, self.question, scratch=self.scratch, text=result.stderr)
        if damaged:
            return self._undecided(f"{shown(damaged, self.uv.cwd)} is damaged", result, REPLACE)
        if self._lacks_what_packages_require(result.stderr):
            return self._undecided("a registry has no version of what a package requires", result, _ASK_REGISTRY)
        what = f"{self.question.subject}: the requirements cannot hold together"
        return ConflictError(what, details=result.stderr, remedy=_blame(self.question))

    def _undecided(self, why: str, result: UvResult, remedy: str) -> NotDecidedError:
        return NotDecidedError(self.question.subject, why, details=result.said, remedy=remedy)

    def _is_uv_sound(self) -> bool:
        """Whether uv answers what needs neither a package nor a registry; one that cannot has only itself to blame."""
        return self._is_obtainable("", offline=True)

    def _is_reproducible(self, result: UvResult) -> bool:
        """Whether uv's cache alone leads to the very same words.

        A conflict follows from what the registry said, all of which is in the cache now. What was refused, missing or
        damaged on the way is not there, nor does a failed build leave anything: then the words differ.
        """
        uv = replace(self.uv, environ={**self.uv.environ, **_OTHER_WORDS_FROM_BUILDS})
        again = replace(self, uv=uv).ask(offline=True)
        return (again.status, again.stderr) == (result.status, result.stderr)

    def _lacks_what_packages_require(self, text: str) -> bool:
        """Whether only a package that no line names and that cannot be had at all keeps the lines from holding.

        So it looks where something else than the registry has answered with a page that uv may keep. What a line
        brings that does not name it, such as ``-e .``, is in no registry either, so nothing is said where there is one.
        """
        names = {line.name for line in self.question.inputs.requirements if not line.constraint}
        others = sorted(mentioned(text) - names)
        if None in names or not others or self._is_obtainable("\n".join(others)):
            return False
        lacking = [name for name in others if not self._is_obtainable(name)]
        overrides = self._file("overrides")
        overrides.write_text("".join(f"{name} ; {_NOWHERE}\n" for name in lacking), encoding="utf-8")
        return replace(self, uv=replace(self.uv, overrides=overrides)).ask(offline=False).status == 0

    def _is_kept(self) -> bool:
        """Whether uv's cache holds what was found to be obtainable a moment ago."""
        return next(self._lacking(offline=True), None) is None

    def _unobtainable(self) -> Requirement | None:
        """The first line whose package cannot be had at all, in any version and for any Python."""
        for line in self._addressed():
            if not self._is_obtainable(line.text):
                return line
        return next(self._lacking(), None)

    def _lacking(self, *, offline: bool = False) -> Iterator[Requirement]:
        """The lines whose package no registry has, and none of the addresses that other lines name."""
        named = self._named()
        if not named or self._is_obtainable("\n".join(named), offline=offline):
            return
        addresses = [line.text for line in self._addressed()]
        for name, line in named.items():
            beside = "\n".join((*addresses, name))
            if not any(self._is_obtainable(lines, offline=offline) for lines in dict.fromkeys((name, beside))):
                yield line

    def _addressed(self) -> list[Requirement]:
        """The lines that say where their package is."""
        return [line for line in self.question.inputs.requirements if line.url and not line.constraint]

    def _named(self) -> dict[str, Requirement]:
        """The packages that lines want from a registry."""
        lines = self.question.inputs.requirements
        return {line.name: line for line in lines if line.name and not line.url and not line.constraint}

    def _is_obtainable(self, lines: str, *, offline: bool = False) -> bool:
        probe, options = self._file("probe.in"), self.question.inputs.options
        probe.write_text(f"{lines}\n", encoding="utf-8")
        for python in (self.question.python, _ANY_PYTHON):
            output = self._file("probe.lock")
            output.unlink(missing_ok=True)
            done = self.uv.compile(
                probe, output=output, python=python, options=options, dependencies=False, offline=offline
            )
            if done.status == 0:
                return True
        return False

    def _file(self, kind: str) -> Path:
        return _scratch_file(self.question, self.scratch, kind)


def _scratch_file(question: Question, scratch: Path, kind: str) -> Path:
    return scratch / f"{re.sub(r'[^A-Za-z0-9._-]', '-', question.subject)}.{kind}"


def _source_file(question: Question, scratch: Path) -> Path:
    lines = list(question.inputs.lines)
    if question.inputs.constraint_lines:
        constraints = _scratch_file(question, scratch, "constraints.in")
        constraints.write_text("".join(f"{line}\n" for line in question.inputs.constraint_lines), encoding="utf-8")
        lines.append(f"-c {constraints.name}")
    file = _scratch_file(question, scratch, "in")
    file.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return file


def _with_former(question: Question, pins: tuple[Pin, ...]) -> Question | None:
    """The question again, with former pins for packages that left the preferred ones; None where nothing moved."""
    preferred, former, found = (_versions(part) for part in (question.preferred, question.former, pins))
    moved = {
        name
        for name, versions in former.items()
        if name in found and found[name] not in (versions, preferred.get(name, frozenset()))
    }
    if not moved:
        return None
    kept = [pin for pin in question.preferred if pin.name not in moved]
    return replace(question, preferred=(*kept, *(pin for pin in question.former if pin.name in moved)), former=())


def _versions(pins: tuple[Pin, ...]) -> Mapping[NormalizedName, frozenset[str]]:
    return {name: frozenset(pin.what for pin in group) for name, group in by_name(pins).items()}


def _git_address(line: Requirement) -> str:
    """The repository that a line names a moving commit of, as git takes it; empty for any other line."""
    if not line.url or not line.url.startswith("git+") or line.constraint:
        return ""
    scheme, host, path, *_ = urlsplit(line.url.removeprefix("git+"))
    path, _, commit = path.partition("@")
    return "" if _WHOLE_COMMIT.fullmatch(commit) else f"{scheme}://{host}{path}"


def _blame(question: Question) -> str:
    files = sorted({requirement.place.file for requirement in question.inputs.requirements})
    blame = f"relax one of the lines that uv names; they stand in {', '.join(files)}"
    return blame if question.subject == CORE_TESTS else f"{blame}; see `fumehood explain {question.subject}`"
