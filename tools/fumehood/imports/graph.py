"""Which file leads to which: what runs, or is looked up, when a file is imported or its tests are collected."""

from __future__ import annotations

import posixpath
from collections import deque
from collections.abc import Callable
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Literal

from msgspec import Struct, field

from fumehood.model.import_flags import TYPING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from fumehood.imports.cache import Sources
    from fumehood.imports.modules import Modules
    from fumehood.imports.scan import RawImport, Scan
    from fumehood.imports.territory import Territories

How = Literal["imports", "names", "may import", "loads the plugin", "is in the package", "runs with", "is a link to"]


Step = tuple[How, int]
"""Why one file leads to another: how, and on what line (0 where no line says so)."""

Steps = dict[str, dict[str, Step]]

Find = Callable[[str], tuple[bool, dict[str, Step]]]
"""Finds where a file leads, and says whether that follows from this file and the layout of the repository alone."""

_MOST_DEEP = 12
"""So many dots a name has at most in which all below a package is looked for: links of folders may go round."""

Recall = Callable[[Find], Steps]
"""Gives for each file what was found before from the same, else what the function finds that it is given."""


class ImportGraph(Struct):
    """The files of a repository and where each leads.

    Attributes:
        modules: The names behind it.
        territories: Core and the experiments.
    """

    modules: Modules
    territories: Territories
    _builder: _Builder
    _recall: Recall
    _steps: Steps = field(default_factory=dict)
    _users: dict[str, list[str]] = field(default_factory=dict)

    @property
    def steps(self) -> Mapping[str, Mapping[str, Step]]:
        """For each file those that it leads to, with why; found when first asked for, since rules ask for less."""
        if not self._steps:
            self._steps = self._recall(self._builder.found)
            for link, target in self.modules.file_links.items():
                self._steps[link] = {**self._steps.get(link, {}), target: ("is a link to", 0)}
        return self._steps

    @property
    def users(self) -> Mapping[str, Sequence[str]]:
        """For each file those that lead to it directly."""
        if not self._users:
            for path, targets in self.steps.items():
                for target in targets:
                    self._users.setdefault(target, []).append(path)
        return self._users

    def ways_to(self, targets: Iterable[str]) -> dict[str, str]:
        """For each file that leads to one of the targets, through however many others: the next one on a shortest way.

        The targets themselves are not among them.
        """
        start = sorted(set(targets))
        towards: dict[str, str] = dict.fromkeys(start, "")
        pending = deque(start)
        users = self.users
        while pending:
            target = pending.popleft()
            for user in users.get(target, ()):
                if user not in towards:
                    towards[user] = target
                    pending.append(user)
        return {path: following for path, following in towards.items() if following}

    def runs(self, path: str, raw: RawImport) -> tuple[str, ...]:
        """The files that run when a file does one of its imports; the last is the module that is imported."""
        return self._builder._run_by(path, raw, self._builder.roots(path))  # noqa: SLF001 - of this module

    def module(self, path: str, name: str, level: int) -> str:
        """The file of a module by its name as a file writes it; empty where the name is of something in a module."""
        package = name.rpartition(".")[0]
        files = self.runs(path, (name, level, "", 0, 0))
        around = self.runs(path, (package, level, "", 0, 0)) if package else ()
        return files[-1] if len(files) > len(around) else ""

    def package_folders(self, path: str, beginning: str) -> tuple[str, ...]:
        """The folders of the repository in which a file finds the modules whose names begin so, ``core.models.ll``."""
        if "." not in beginning:
            return ()
        roots, package, _ = self._builder.split(path, beginning)
        places = ("/".join(filter(None, (root, package.replace(".", "/")))) for root in roots)
        return tuple(place for place in places if self.modules.is_folder(place))

    def namespace(self, path: str, raw: RawImport) -> str:
        """The folder without a file of its own that a file imports as a package; empty where it imports none."""
        module, level, name, _, _ = raw
        package = f"{'.' * level}{module}{'.' if module else ''}"
        for beginning in ([f"{package}{name}."] if name and name != "*" else []) + [package]:
            if folders := self.package_folders(path, beginning):
                return folders[0]
        return ""

    def folders(self, path: str, pieces: Iterable[str]) -> tuple[str, ...]:
        """The folders of the repository that the pieces of an edit of ``sys.path`` may mean."""
        return tuple(self._builder._named_folders(path, pieces))  # noqa: SLF001 - of this module

    def name(self, path: str) -> str:
        """How a file is called in messages: by its name on the import path, else by its path."""
        names = self.modules.names(path, self.territories.of(path).roots)
        return names[0] if names else path


def build(
    sources: Sources,
    modules: Modules,
    territories: Territories,
    recall: Recall,
) -> ImportGraph:
    """What is needed to find out where each file leads.

    Args:
        sources: What the files say.
        modules: The names behind them.
        territories: Core and the experiments.
        recall: What was found before.
    """
    builder = _Builder(sources.scans, modules, territories)
    builder.follow(sources.path_edits)
    return ImportGraph(modules=modules, territories=territories, _builder=builder, _recall=recall)


class _Builder(Struct):
    scans: Mapping[str, Scan]
    modules: Modules
    territories: Territories
    _added: dict[str, dict[str, None]] = field(default_factory=dict)
    _roots: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def found(self, path: str) -> tuple[bool, dict[str, Step]]:
        """As `Find` says: what ``*`` stands for is said by another file."""
        scan = self.scans[path]
        return not any(raw[2] == "*" for raw in scan.imports), self.steps(path, scan)

    def steps(self, path: str, found: Scan) -> dict[str, Step]:
        """Where one file leads."""
        steps: dict[str, Step] = {}
        roots = self.roots(path)
        for raw in found.imports:
            # Most imports are of other distributions, which need no more than this look.
            if not raw[4] & TYPING and (raw[1] or self.modules.may_have(raw[0])):
                for target in self._run_by(path, raw, roots):
                    if target not in steps:
                        steps[target] = ("imports", raw[3])
        for target in self.modules.packages_of(path):
            steps.setdefault(target, ("is in the package", 0))
        for how, targets in self._others(path, found, roots):
            for target, line in targets:
                steps.setdefault(target, (how, line))
        steps.pop(path, None)
        return steps

    def _others(self, path: str, found: Scan, roots: Sequence[str]) -> Iterator[tuple[How, Iterator[tuple[str, int]]]]:
        """What is seldom: where a file leads without an import statement or call that says where."""
        is_collected = _is_collected(path)
        if found.prefixes:
            yield "may import", self._of_prefixes(path, found)
        if found.groups or is_collected:
            yield "loads the plugin", self._plugins(path, found, roots)
        if found.strings:
            yield "names", self._named(path, found, roots)
        if is_collected:
            yield "runs with", self._around(path)

    def follow(self, path_edits: Mapping[str, Iterable[tuple[tuple[str, ...], int]]]) -> None:
        """Add the folders of the repository that edits of ``sys.path`` name, for all files of the same territory."""
        for path, edits in path_edits.items():
            for pieces, _ in edits:
                owner = self.territories.of(path).path
                added = self._added.setdefault(owner, {})
                added.update(dict.fromkeys(self._named_folders(path, pieces)))

    def roots(self, path: str) -> tuple[str, ...]:
        """The folders of the import path that a file sees, first to last."""
        folder = path.rpartition("/")[0]
        if folder not in self._roots:
            territory = self.territories.of(path)
            every = [self.modules.package_root(path), *territory.roots, *self._added.get(territory.path, ())]
            self._roots[folder] = tuple(dict.fromkeys(every))
        return self._roots[folder]

    def _named_folders(self, path: str, pieces: Iterable[str]) -> Iterator[str]:
        """The folders that literal pieces of a path may mean, seen from any folder around a file."""
        joined = posixpath.join("", *pieces).lstrip("/")
        start = path
        while joined and start:
            start = posixpath.dirname(start)
            place = posixpath.normpath(posixpath.join(start, joined))
            if place != "." and self.modules.is_folder(place):
                yield place

    def _run_by(self, path: str, raw: RawImport, roots: Sequence[str]) -> tuple[str, ...]:
        module, level, name, _, _ = raw
        if level:
            files, _ = self.modules.below(_above(path, level), module, name)
        else:
            files = self.modules.run_by(module, name, roots)
        return (*files, *self._exported(files[-1])) if name == "*" and files else files

    def _exported(self, package: str) -> Iterator[str]:
        """The submodules that ``from package import *`` imports: those that its ``__all__`` names."""
        scan = self.scans.get(package)
        if scan and posixpath.basename(package) == "__init__.py":
            for name in scan.exports:
                yield from self.modules.below(posixpath.dirname(package), "", name)[0]

    def split(self, path: str, beginning: str) -> tuple[Sequence[str], str, str]:
        """The folders in which a name is looked for that begins so, and the package and the rest of that beginning."""
        relative = beginning.lstrip(".")
        package, _, rest = relative.rpartition(".")
        level = len(beginning) - len(relative)
        return (_above(path, level),) if level else self.roots(path), package, rest

    def _of_prefixes(self, path: str, found: Scan) -> Iterator[tuple[str, int]]:
        """Every module whose name could be put together from such a beginning."""
        for text, line, rest in found.prefixes:
            if "." in text:
                roots, package, beginning = self.split(path, text)
                targets = self._like(package, f"{beginning}{rest}".split("."), roots)
                yield from ((target, line) for target in targets)

    def _like(self, package: str, parts: Sequence[str], roots: Sequence[str]) -> Iterator[str]:
        """What runs when a module in a package is imported whose name is like these parts, one below the other."""
        first, *others = parts
        for name in self.modules.members(package, roots):
            if fnmatchcase(name, first):
                yield from self.modules.run_by(package or name, name if package else "", roots)
                inner = f"{package}.{name}" if package else name
                deeper = others or (parts if first == "**" and inner.count(".") < _MOST_DEEP else ())
                if deeper:
                    yield from self._like(inner, deeper, roots)

    def _plugins(self, path: str, found: Scan, roots: Sequence[str]) -> Iterator[tuple[str, int]]:
        """What is offered under the entry points that a file asks for, by core and by the file's own experiment."""
        offered = [self.territories.core.plugins, self.territories.of(path).plugins]
        groups = (*found.groups, "pytest11") if _is_collected(path) else found.groups
        for plugins in offered:
            for group in plugins:
                if group in groups or "" in groups:
                    for module in plugins[group]:
                        yield from ((target, 0) for target in self.modules.run_by(module, "", roots))

    def _named(self, path: str, found: Scan, roots: Sequence[str]) -> Iterator[tuple[str, int]]:
        """The modules that a file names in strings, at least two parts of the name; not another experiment's.

        A file that gives its attributes when they are asked for names those beside it with one part, and imports them.
        A registry that knows every experiment by name does not make each of them need the others.
        """
        near = self.territories.of(path), self.territories.core
        for raw in found.strings:
            files = self._run_by(path, raw, roots)
            if files and (raw[1] or is_named(raw[0], files[-1])) and self.territories.of(files[-1]) in near:
                yield from ((target, raw[3]) for target in files)

    def _around(self, path: str) -> Iterator[tuple[str, int]]:
        """The ``conftest.py`` of each folder around a file that pytest collects."""
        folder = path
        while folder:
            folder = folder.rpartition("/")[0]
            conftest = f"{folder}/conftest.py" if folder else "conftest.py"
            if conftest in self.modules.files:
                yield conftest, 0


def _above(path: str, level: int) -> str:
    """The folder that so many dots before a name mean in a file."""
    for _ in range(level):
        path = path.rpartition("/")[0]
    return path


def _is_collected(path: str) -> bool:
    name = path.rpartition("/")[2]
    return name == "conftest.py" or name.startswith("test_") or name.endswith("_test.py")


def is_named(text: str, path: str) -> bool:
    """Whether a text says at least the last two parts of a module's name."""
    stem = path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
    parts = text.split(".")
    return any(f".{stem}".endswith(f".{'.'.join(parts[:count])}") for count in range(2, len(parts) + 1))
