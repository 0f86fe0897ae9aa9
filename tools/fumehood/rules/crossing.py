"""What imports lead out of the part of the repository that they stand in: into another part, or out of the repository.

A repository has core, experiments, and what stands in an experiments folder without being part of an experiment, such
as the ``__init__.py`` around them: core may use that as little as an experiment, and experiments may.
"""

from __future__ import annotations

import hashlib
import sys
from collections import defaultdict
from collections.abc import Callable
from typing import TYPE_CHECKING, Literal, NamedTuple

from msgspec import Struct

from fumehood.copies.search import find_copies
from fumehood.model.import_flags import DYNAMIC, LAZY, OPTIONAL, TYPING
from fumehood.outside.remembered import following_each
from fumehood.repository import fixed_part

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator, Mapping, Sequence

    from fumehood.copies.search import FileCopies
    from fumehood.imports.graph import ImportGraph
    from fumehood.imports.scan import RawImport
    from fumehood.imports.survey import Outline, Survey
    from fumehood.imports.territory import Territories
    from fumehood.outside.remembered import Remembered
    from fumehood.repository import Repository

Kind = Literal["core", "experiment", "around"]

_NOT_HERE = frozenset(
    {
        *("aifc", "annotationlib", "asynchat", "asyncore", "audioop", "cgi", "cgitb", "chunk", "compression", "crypt"),
        *("distutils", "imghdr", "imp", "lib2to3", "mailcap", "msilib", "nis", "nntplib", "ossaudiodev", "pipes"),
        *("smtpd", "sndhdr", "spwd", "sunau", "telnetlib", "uu", "xdrlib"),
    }
)
"""Modules of the standard library that older or newer Pythons have than the one that runs (PEP 594, 632, 749, 784)."""

RawUse = tuple[int, str, int, str]
"""Line, module, flags and target of a `Use`, whose file is known."""

STANDARD = sys.stdlib_module_names | _NOT_HERE
"""The first names of modules that no requirement has to bring."""


class Use(NamedTuple):
    """One line that imports something.

    Attributes:
        path: The file that it stands in.
        line: Counted from 1.
        module: What is imported, as it is written, with the name that is taken from it.
        flags: How, a sum of the constants of `fumehood.model.import_flags`.
        target: The file that it leads to; empty for what is outside of the repository.
    """

    path: str
    line: int
    module: str
    flags: int
    target: str = ""

    @property
    def how(self) -> str:
        """What is special about it, for a message."""
        said = (
            (TYPING, "for type checkers only"),
            (DYNAMIC, "by name"),
            (OPTIONAL, "optionally"),
            (LAZY, "in a function"),
        )
        return next((f", {text}" for flag, text in said if self.flags & flag), "")


class Crossings(Struct, frozen=True):
    """Every import that leads out of its part of the repository.

    Attributes:
        into: By the name of the experiment that has them (empty for core), its imports of other parts.
        outside: By the name of the experiment that has them, its imports from outside, by their first name.
    """

    into: Mapping[str, Sequence[Use]]
    outside: Mapping[str, Mapping[str, Sequence[Use]]]


class Parts(Struct, frozen=True):
    """Which part of the repository a file is in.

    Attributes:
        territories: Core and the experiments.
        roots: Folders that hold experiments and nothing of core's, with a ``/`` at their end.
        tests: Core's tests: files, and folders with a ``/`` at their end.
    """

    territories: Territories
    roots: tuple[str, ...]
    tests: tuple[str, ...]

    def experiment(self, path: str) -> str:
        """The name of the experiment that a file is in; empty for all others."""
        return self.territories.of(path).name

    def kind(self, path: str) -> Kind:
        """What a file is part of."""
        if self.territories.of(path).name:
            return "experiment"
        return "around" if path.startswith(self.roots) else "core"

    def is_among_experiments(self, path: str) -> bool:
        """Whether a file or folder is an experiment's, or around experiments."""
        return f"{path}/".startswith(self.roots) or bool(self.territories.of(f"{path}/").name)

    def is_core_test(self, path: str) -> bool:
        """Whether a file is one of core's tests, or stands among them."""
        return path.startswith(self.tests) and self.kind(path) == "core"


def parts(repository: Repository, everybody: Territories) -> Parts:
    """Where the parts of a repository are."""
    core = repository.core
    tests = tuple(path if (repository.root / path).is_file() else f"{path.strip('/')}/" for path in core.tests)
    return Parts(everybody, tuple(f"{folder}/" for folder in folders_of_experiments(repository)), tests)


def folders_of_experiments(repository: Repository) -> tuple[str, ...]:
    """The folders that the settings' globs begin with and that hold nothing of core's, such as ``experiments``."""
    core = repository.core
    places = (*core.sources, *core.tests, *(source.path for source in core.requirements))
    bases = {base for pattern in repository.settings.experiments if (base := fixed_part(pattern))}
    return tuple(
        sorted(base for base in bases if not any(place == base or place.startswith(f"{base}/") for place in places))
    )


Home = Callable[[str, str], str]
"""The folder of the experiment that offers a module, given the part that names it and the first part of its name."""


def nobody_s(_own: str, _first: str) -> str:
    """A `Home` that no module has."""
    return ""


def reached(graph: ImportGraph, path: str, raw: RawImport, own: str, home: Home) -> tuple[str, ...]:
    """The files that run when a file imports something; the last is the module that is imported.

    Args:
        graph: Where files lead.
        path: The file.
        raw: What it imports.
        own: The experiment that it is in; empty for core.
        home: Where to look for what is not on the file's path, but would be if an experiment were installed.
    """
    if files := graph.runs(path, raw):
        return files
    place = "" if raw[1] else home(own, raw[0].partition(".")[0])
    return graph.runs(f"{place}/-.py", raw) if place else ()


def crossings(survey: Survey, where: Parts, environ: Mapping[str, str], home: Home = nobody_s) -> Crossings:
    """Every import that leads out of its part of the repository, in the order of files and lines.

    Args:
        survey: All Python files.
        where: Whose they are.
        environ: Says where it is remembered of each file until that changes, or the layout of the repository.
        home: Where to look for what would be there if an experiment were installed.
    """
    edits = repr((sorted(survey.sources.path_edits.items()), where.roots)).encode("utf-8", "surrogatepass")
    key = hashlib.blake2b(survey.outline.layout + edits).digest()

    def find(path: str) -> tuple[bool, tuple[RawUse, ...]]:
        found = tuple(_crossing(path, survey, where))
        # What a package exports stands in another file.
        return not any(raw[2] == "*" for raw in survey.sources.scans[path].imports), found

    found = following_each("crossings", survey.root, key, survey.sources.digests, find, environ)
    return _by_part(found, where, survey.graph, home)


def crossings_of_core(survey: Survey, where: Parts, home: Home) -> Sequence[Use]:
    """Every import that leads out of core into another part of the repository."""
    paths = (path for path in survey.sources.scans if not where.experiment(path))
    found = {path: _crossing(path, survey, where) for path in paths}
    return _by_part(found, where, survey.graph, home).into.get("", ())


def _by_part(found: Mapping[str, Iterable[RawUse]], where: Parts, graph: ImportGraph, home: Home) -> Crossings:
    into: defaultdict[str, list[Use]] = defaultdict(list)
    outside: defaultdict[str, defaultdict[str, list[Use]]] = defaultdict(lambda: defaultdict(list))
    for path in sorted(found):
        own = where.experiment(path)
        for line, module, flags, target in found[path]:
            first = module.partition(".")[0]
            # Whether it may be an experiment's depends on requirements, so it is not among what is remembered.
            place = "" if target else home(own, first)
            files = graph.runs(f"{place}/-.py", (module, 0, "", line, flags)) if place else ()
            use = Use(path, line, module, flags, files[-1] if files else target)
            if use.target:
                into[own].append(use)
            else:
                outside[own][first].append(use)
    return Crossings(into, outside)


def _crossing(path: str, survey: Survey, where: Parts) -> Iterator[RawUse]:
    """The imports of one file that lead out of its part."""
    own, graph = where.experiment(path), survey.graph
    if is_hidden(path) or (not own and where.kind(path) == "around"):
        return
    for raw in survey.sources.scans[path].imports:
        first = "" if raw[1] else raw[0].partition(".")[0]
        # Most imports are of other distributions, which need no more than this look.
        target = _target(path, raw, graph, where) if raw[1] or graph.modules.may_have(first) else ""
        if not target:
            if first and first not in STANDARD:
                yield _use(raw, "")
        elif where.experiment(target) != own or (not own and target.startswith(where.roots)):
            yield _use(raw, target)


def _target(path: str, raw: RawImport, graph: ImportGraph, where: Parts) -> str:
    """The file that an import leads to, or the folder that stands for one; empty outside of the repository."""
    files = graph.runs(path, raw)
    return files[-1] if files else _namespace(path, raw, graph, where)


def _namespace(path: str, raw: RawImport, graph: ImportGraph, where: Parts) -> str:
    """The folder, with a ``/`` at its end, around or of experiments that is imported as a package without a file.

    Not where the first part of the name is an experiment's: a distribution of that name would come first.
    """
    first = raw[0].partition(".")[0]
    folder = graph.namespace(path, raw)
    around = graph.package_folders(path, f"{first}.")[:1] if first and not raw[1] else ()
    is_meant = folder and where.is_among_experiments(folder) and not any(where.experiment(f"{one}/") for one in around)
    return f"{folder}/" if is_meant else ""


def is_hidden(path: str) -> bool:
    """Whether a file is hidden, or in a hidden folder: those are for other programs."""
    return path.startswith(".") or "/." in path


def _use(raw: RawImport, target: str) -> RawUse:
    module, level, name, line, flags = raw
    taken = f"{'.' if module else ''}{name}" if name and name != "*" else ""
    return line, f"{'.' * level}{module}{taken}", flags, target


def files_with_copies(found: Outline, where: Parts, names: Container[str]) -> tuple[list[str], list[str]]:
    """The Python files of some experiments, which may have copies, and core's, which they may have them from."""
    python = [path for path in found.python if not is_hidden(path)]
    own = [path for path in python if where.experiment(path) in names and where.experiment(path)]
    return own, [path for path in python if where.kind(path) == "core"]


def copied(
    found: Outline, where: Parts, names: Container[str], prints: Remembered, environ: Mapping[str, str]
) -> dict[str, list[FileCopies]]:
    """What the files of some experiments have from core's, by the name of the experiment.

    Args:
        found: The files.
        where: Whose they are.
        names: Of the experiments.
        prints: What `FINGERPRINTS` finds in `files_with_copies`.
        environ: Says where the cache is.
    """
    copies: dict[str, list[FileCopies]] = {}
    for file in find_copies(found.root, prints, *files_with_copies(found, where, names), environ):
        copies.setdefault(where.experiment(file.path), []).append(file)
    return copies


def by_line(uses: Iterable[Use]) -> list[Use]:
    """The first import of each line."""
    found: dict[tuple[str, int], Use] = {}
    for use in uses:
        found.setdefault((use.path, use.line), use)
    return [found[place] for place in sorted(found)]


def by_module(uses: Iterable[Use]) -> list[tuple[Use, tuple[str, ...]]]:
    """The first import of each module in each file, with the places of the others."""
    found: dict[tuple[str, str], list[Use]] = {}
    for use in uses:
        found.setdefault((use.path, use.module), []).append(use)
    return [(first, tuple(f"{use.path}:{use.line}" for use in others)) for first, *others in found.values()]
