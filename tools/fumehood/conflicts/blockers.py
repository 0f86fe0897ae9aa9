"""What holds a package back: the newest version that core and each experiment would allow, and by which line."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from fumehood.conflicts import relax
from fumehood.conflicts.explain import plain
from fumehood.conflicts.smallest import smallest
from fumehood.errors import ConflictError, FumehoodError, Place, UsageError
from fumehood.locking.question import Question
from fumehood.reading.requirement_line import parse_line
from fumehood.reading.sources import of_lines, without_credentials

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from fumehood.conflicts.probe import Prober
    from fumehood.locking.book import LockBook
    from fumehood.locking.many import Resolutions
    from fumehood.model.experiment import Target
    from fumehood.model.lock import Pin
    from fumehood.model.requirement import Requirement

    Found = tuple[Pin, ...] | FumehoodError

WANTED = Place("the command line")
_CORE = "core"
_FREE = "core, left free"
_AIM = "what is aimed at"


class Holdback(Struct, frozen=True, kw_only=True):
    """How far one package could go with one set of lines.

    Attributes:
        subject: ``core`` or the experiment's path.
        allows: The newest version; empty when that could not be found out.
        lines: The lines that hold it back, if something newer is there.
        reason: Why nothing could be found out.
        is_conflict: Whether that is because the lines do not hold together, whatever the package's version.
    """

    subject: str
    allows: str = ""
    lines: tuple[Requirement, ...] = ()
    reason: str = ""
    is_conflict: bool = False


class Headroom(Struct, frozen=True, kw_only=True):
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

    @property
    def everybody(self) -> tuple[Holdback, ...]:
        """Core and the experiments."""
        return self.core, *self.experiments


class Blockers(Struct):
    """Finds out how far packages could go.

    Attributes:
        resolutions: Resolves many questions; used again and again.
        prober: Answers whether lines of an experiment hold together, to find those that do not.
        jobs: How many to ask at a time.
    """

    book: LockBook
    resolutions: Callable[[], Resolutions]
    prober: Callable[[str, Target | None], Prober]
    jobs: int

    def of(self, name: str, targets: Sequence[Target], *, to: str | None) -> Headroom:
        """How far one package could go, with the lines that hold it back.

        Args:
            name: The normalised name.
            targets: The experiments.
            to: The version aimed at; None for the newest that core could have.

        Raises:
            UsageError: The version aimed at is none, or nobody could have it.
            FumehoodError: No version of the package can be had, even if core's lines left it free.
        """
        if to and not relax.is_version(to):
            raise UsageError(f"{to!r} is no version", remedy="write one, as in `fumehood blockers torch --to 2.16`")
        bare = parse_line(name, place=WANTED)
        free = [bare, *_freed(self._core(), name)]  # What comes first, a resolver takes the newest of.
        lines = {_CORE: [bare, *self._core()], _FREE: free, _AIM: [_wanted(name, to) if to else bare]}
        found, owns = self._asked(lines, targets, free, [name])
        newest, could = found[_FREE], _version_of(name, found[_FREE], least=True)
        if isinstance(found[_AIM], ConflictError):
            what = f"no version of {name}{f' from {to} on' if to else ''} can be had"
            remedy = f"core could have {could}, if no line of its own held it back" if could else None
            raise UsageError(f"{what} for all Pythons from {self.book.python()} on", remedy=remedy)
        if isinstance(newest, FumehoodError) and not isinstance(newest, ConflictError) and not to:
            raise newest
        return self._headroom(name, found, owns, targets, to=to, names_lines=True)

    def table(self, targets: Sequence[Target]) -> tuple[Headroom, ...]:
        """How far each of core's direct requirements could go, those that are held back most first.

        One resolution for each experiment tells of all packages who may hold them back. Where that is not the newest
        version, the newest is asked for: a resolver may have left it for the sake of another package. Which lines hold
        one back is for `of` to find.
        """
        core = self._core()
        names = sorted({str(line.name) for line in core if line.name and not line.url and not line.constraint})
        free = core
        for name in names:
            free = _freed(free, name)
        found, owns = self._asked({_CORE: core, _FREE: free}, targets, free, names)
        rows = [self._headroom(name, found, owns, targets, to=None, names_lines=False) for name in names]
        return tuple(sorted(rows, key=lambda row: (-len(row.blockers), not row.blocks(row.core), row.name)))

    def _headroom(
        self,
        name: str,
        found: Mapping[str, Found],
        owns: Mapping[str, list[Requirement]],
        targets: Sequence[Target],
        *,
        to: str | None,
        names_lines: bool,
    ) -> Headroom:
        """How far a package could go, given what everybody's lines resolve to."""
        aim = to or _version_of(name, found[_FREE])
        floor = to or _version_of(name, found[_FREE], least=True)

        def one(subject: str, target: Target | None) -> Holdback:
            held = _held(subject, name, found[subject], floor)
            if not _older(held.allows, aim):
                return held
            wanted = _wanted(name, floor if _older(held.allows, floor) else aim)
            return self._holding(held, [*owns[subject], wanted], target, names_lines=names_lines)

        with ThreadPoolExecutor(max_workers=self.jobs) as pool:
            core = pool.submit(one, _CORE, None)
            experiments = list(pool.map(lambda target: one(target.subject, target), targets))
        return Headroom(name=name, aim=aim, core=core.result(), experiments=_worst_first(experiments))

    def _asked(
        self,
        lines: Mapping[str, list[Requirement]],
        targets: Sequence[Target],
        free: list[Requirement],
        names: Sequence[str],
    ) -> tuple[dict[str, Found], dict[str, list[Requirement]]]:
        """What core's lines and each experiment's resolve to, and those lines.

        Args:
            lines: Core's lines, by what to call them.
            targets: The experiments.
            free: What counts as core's lines for them.
            names: The packages that core's lines are not to bound there.
        """
        options, python = self.book.core_inputs.options, self.book.python()
        questions = [
            Question(subject=subject, inputs=of_lines(some, options), python=python) for subject, some in lines.items()
        ]
        wrong: dict[str, Found] = {}
        owns = dict(lines)
        for target in targets:
            try:
                own = self._own(target, names)
                owns[target.subject] = [*free, *(line for line in own if line not in free)]
                inputs = of_lines(owns[target.subject], self.book.all_inputs(target).options)
                questions.append(Question(subject=target.subject, inputs=inputs, python=self.book.python(target)))
            except FumehoodError as error:
                wrong[target.subject] = error
        resolutions = self.resolutions()
        return {**resolutions.answers(questions), **resolutions.failures, **wrong}, owns

    def _core(self) -> list[Requirement]:
        return list(self.book.core_inputs.requirements)

    def _own(self, target: Target, names: Iterable[str]) -> list[Requirement]:
        """An experiment's lines; those that it includes from core's files are core's, and bound as little."""
        core = {(line.place, line.text) for line in self._core()}
        lines = self.book.inputs(target).requirements
        included = [line for line in lines if (line.place, line.text) in core]
        for name in names:
            included = _freed(included, name)
        return [*included, *(line for line in lines if (line.place, line.text) not in core)]

    def _holding(
        self, held: Holdback, lines: list[Requirement], target: Target | None, *, names_lines: bool
    ) -> Holdback:
        """With the lines of which none can be left out for the last one, which asks for the version, to fail.

        Where that one can be had after all, which a resolver does not take unasked, nothing holds it back.
        """
        try:
            prober = self.prober(self.book.python(target), target)
            lines = [line for line in lines if line.name or line.url]
            tried = prober.ask(lines)
            if tried.status == "holds":
                name = str(lines[-1].name)
                return replace(held, allows=_version_of(name, tried.pins))
            if tried.status == "undecided" or not names_lines:
                return held
            found = smallest(prober, lines, text=tried.text)
        except FumehoodError:
            return held
        return replace(held, lines=tuple(line for line in found.lines if line.place != WANTED))


def _held(subject: str, name: str, found: Found, floor: str) -> Holdback:
    """How far a package could go.

    Args:
        subject: Whose lines were resolved.
        name: The package.
        found: What they resolve to, which may be one version here and another there.
        floor: The lowest version that core could have somewhere: what stays below it anywhere is held back.
    """
    if isinstance(found, FumehoodError):
        is_conflict = isinstance(found, ConflictError)
        reason = plain(found.details or "") if is_conflict else found.reason
        return Holdback(subject=subject, reason=without_credentials(reason), is_conflict=is_conflict)
    least = _version_of(name, found, least=True)
    return Holdback(subject=subject, allows=least if _older(least, floor) else _version_of(name, found))


def _version_of(name: str, found: Found, *, least: bool = False) -> str:
    if isinstance(found, FumehoodError):
        return ""
    versions = [pin.what for pin in found if str(pin.name) == name]
    return (min if least else max)(versions, key=_as_version, default="")


def _wanted(name: str, version: str) -> Requirement:
    return parse_line(f"{name}>={version}", place=WANTED)


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
            text = f"{line.name}{extras}{marker}"
            kept.append(replace(line, specifier=SpecifierSet(), text=text, hashes=()))
    return kept


def _older(version: str, than: str) -> bool:
    return bool(version and than) and _as_version(version) < _as_version(than)


def _as_version(text: str) -> Version:
    return Version(text) if relax.is_version(text) else Version("0")
