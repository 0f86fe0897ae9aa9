"""What holds a package back: the newest version that core and each experiment would allow, and by which line."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from packaging.specifiers import SpecifierSet
from packaging.version import InvalidVersion, Version

from fumehood.conflicts.smallest import smallest
from fumehood.errors import FumehoodError, Place
from fumehood.reading.requirements_txt import parse_line

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from fumehood.conflicts.probe import Answer, Prober
    from fumehood.locking.book import LockBook
    from fumehood.model.experiment import Target
    from fumehood.model.requirement import Requirement

WANTED = Place("the version asked about")


@dataclass(frozen=True, slots=True, kw_only=True)
class Holdback:
    """How far one package could go with one set of lines.

    Attributes:
        subject: ``core`` or the experiment's path.
        allows: The newest version; empty when that could not be found out.
        lines: The lines that hold it back, if something newer is there.
        reason: Why nothing could be found out.
    """

    subject: str
    allows: str
    lines: tuple[Requirement, ...] = ()
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Headroom:
    """How far one package could go.

    Attributes:
        aim: The version asked about; else the newest that core could have if its line had no bounds; empty if unknown.
        core: What core's own lines allow.
        experiments: What each experiment allows, if core's line had no bounds; those that allow least come first.
    """

    name: str
    aim: str
    core: Holdback
    experiments: tuple[Holdback, ...]

    def blocks(self, held: Holdback) -> bool:
        """Whether these lines allow less than is aimed at."""
        return _older(held.allows, self.aim)

    @property
    def blockers(self) -> tuple[Holdback, ...]:
        """The experiments that allow less than is aimed at."""
        return tuple(held for held in self.experiments if self.blocks(held))


@dataclass(slots=True)
class Blockers:
    """Finds out how far packages could go."""

    book: LockBook
    prober: Callable[[str, Target | None], Prober]
    advance: Callable[[str], None]
    jobs: int

    def of(self, name: str, targets: Sequence[Target], *, to: str | None) -> Headroom:
        """How far one package could go, with the lines that hold it back.

        Args:
            name: The normalised name.
            targets: The experiments.
            to: The version aimed at; None for the newest that core could have.
        """
        core, python = self._core(), self.book.python()
        free = _freed(core, name)
        aim = to or self.prober(python, None).ask(free).versions.get(name, "")

        def one(target: Target) -> Holdback:
            lines = [*free, *self._own(target)]
            return self._held(target.subject, name, lines, self.prober(self.book.python(target), target), aim)

        return Headroom(
            name=name,
            aim=aim,
            core=self._held("core", name, core, self.prober(python, None), aim),
            experiments=_worst_first(self._each(targets, one)),
        )

    def table(self, targets: Sequence[Target]) -> tuple[Headroom, ...]:
        """How far each of core's direct requirements could go, those that are held back most first.

        One resolution for each experiment answers for all packages; which lines hold one back is for `of` to find.
        """
        core, python = self._core(), self.book.python()
        names = sorted({str(line.name) for line in core if line.name and not line.url and not line.constraint})
        free = core
        for name in names:
            free = _freed(free, name)
        newest = self.prober(python, None).ask(free).versions
        allowed = self.prober(python, None).ask(core).versions
        answers: dict[str, Answer] = {}

        def one(target: Target) -> Holdback:
            lines = [*free, *self._own(target)]
            answer = self.prober(self.book.python(target), target).ask(lines)
            answers[target.subject] = answer
            return Holdback(subject=target.subject, allows="", reason=answer.text)

        asked = self._each(targets, one)
        rows = [
            Headroom(
                name=name,
                aim=newest.get(name, ""),
                core=Holdback(subject="core", allows=allowed.get(name, "")),
                experiments=_worst_first(
                    replace(held, allows=answers[held.subject].versions.get(name, ""))
                    if held.subject in answers
                    else held
                    for held in asked
                ),
            )
            for name in names
        ]
        return tuple(sorted(rows, key=lambda row: (-len(row.blockers), not row.blocks(row.core), row.name)))

    def _each(self, targets: Sequence[Target], one: Callable[[Target], Holdback]) -> list[Holdback]:
        def guarded(target: Target) -> Holdback:
            try:
                return one(target)
            except FumehoodError as error:
                return Holdback(subject=target.subject, allows="", reason=str(error))
            finally:
                self.advance(target.subject)

        with ThreadPoolExecutor(max_workers=self.jobs) as pool:
            return list(pool.map(guarded, targets))

    def _core(self) -> list[Requirement]:
        return [line for line in self.book.core_inputs.requirements if line.name or line.url]

    def _own(self, target: Target) -> list[Requirement]:
        return [line for line in self.book.inputs(target).requirements if line.name or line.url]

    def _held(self, subject: str, name: str, lines: list[Requirement], prober: Prober, aim: str) -> Holdback:
        answer = prober.ask(lines)
        if answer.status != "holds":
            return Holdback(subject=subject, allows="", reason=answer.text)
        allows = answer.versions.get(name, "")
        if not _older(allows, aim):
            return Holdback(subject=subject, allows=allows)
        wanted = parse_line(f"{name}>={aim}", place=WANTED)
        tried = prober.ask([*lines, wanted])
        if tried.status != "fails":
            return Holdback(subject=subject, allows=allows)
        found = smallest(prober, [*lines, wanted], text=tried.text)
        return Holdback(subject=subject, allows=allows, lines=tuple(line for line in found.lines if line is not wanted))


def _worst_first(found: Iterable[Holdback]) -> tuple[Holdback, ...]:
    """Those that allow least first; what is not decided comes last."""
    return tuple(sorted(found, key=lambda held: (not held.allows, _as_version(held.allows), held.subject)))


def _freed(lines: Iterable[Requirement], name: str) -> list[Requirement]:
    """The lines with none that bounds a package; one that asks for it stays, without its bounds."""
    kept = []
    for line in lines:
        if str(line.name) != name or line.url:
            kept.append(line)
        elif not line.constraint:
            extras = f"[{','.join(line.extras)}]" if line.extras else ""
            marker = f" ; {line.marker}" if line.marker else ""
            kept.append(replace(line, specifier=SpecifierSet(), text=f"{line.name}{extras}{marker}"))
    return kept


def _older(version: str, than: str) -> bool:
    return bool(version and than) and _as_version(version) < _as_version(than)


def _as_version(text: str) -> Version:
    try:
        return Version(text)
    except InvalidVersion:
        return Version("0")
