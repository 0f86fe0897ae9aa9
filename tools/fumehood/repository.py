"""Discovery: a folder becomes values.

One experiment that is wrong never stops the others: its mistake is kept beside them, and is raised when that
experiment is asked for.
"""

from __future__ import annotations

import glob
import os
from typing import TYPE_CHECKING

from msgspec import Struct, field
from msgspec.structs import replace

from fumehood import settings as settings_module
from fumehood.errors import ConfigurationError, FumehoodError, Place, UsageError
from fumehood.model.experiment import Core, Experiment, session_name
from fumehood.model.folder import folder_name
from fumehood.model.globs import matches
from fumehood.outside.files import without_waiting
from fumehood.reading import core, owners
from fumehood.reading.experiment import Shape, look, looks_like_experiment, read_experiment, settled

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping
    from pathlib import Path

    from fumehood.reading.codeowners import CodeOwners
    from fumehood.reading.noted import NotedExperiments
    from fumehood.settings import Settings

_WORTH_NOTES = 100
"""So many folders at least take longer to read than notes on them."""
_WILDCARDS = frozenset("*?[")
_SAFE = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-")


class BrokenExperiment(Struct, frozen=True, kw_only=True):
    """A folder that would be an experiment but for a mistake in it."""

    path: str
    name: str
    error: FumehoodError


class Repository(Struct, frozen=True, kw_only=True):
    """A git checkout (or plain folder) that fumehood manages.

    Attributes:
        root: Its top folder, absolute.
        experiments: Those that are as they should be, sorted by name.
        broken: Those that are not, sorted by path.
    """

    root: Path
    settings: Settings
    core: Core
    experiments: tuple[Experiment, ...]
    broken: tuple[BrokenExperiment, ...] = ()

    @property
    def unnamed_places(self) -> tuple[str, ...]:
        """Where experiments may be that the settings do not name."""
        from fumehood.reading.unnamed_places import unnamed_places  # noqa: PLC0415 - only who has none asks

        return unnamed_places(self.root)

    def experiment(self, name: str) -> Experiment:
        """The experiment of that name; its session's name or its path will do.

        Raises:
            UsageError: There is none.
            FumehoodError: There is one, with a mistake in it.
        """
        wanted = name.removesuffix("/")
        for experiment in self.experiments:
            if wanted in {experiment.name, experiment.session, experiment.path}:
                return experiment
        for broken in self.broken:
            if wanted in {broken.name, session_name(broken.name), broken.path}:
                raise broken.error
        import difflib  # noqa: PLC0415 - only a mistake pays for it

        names = [experiment.name for experiment in self.experiments]
        near = [name for name in names if name.endswith(f"/{wanted}")][:3]
        near = near or difflib.get_close_matches(wanted, names, n=3, cutoff=0.5)
        hint = f"did you mean {' or '.join(near)}?" if near else "`fumehood list` shows the experiments"
        raise UsageError(f"there is no experiment {name!r}", remedy=hint)

    def select(self, names: Iterable[str]) -> tuple[Experiment, ...]:
        """The named experiments without repetition, or all of them when none is named."""
        chosen = {experiment.name: experiment for experiment in map(self.experiment, names)}
        return tuple(chosen.values()) or self.experiments


def find_root(start: Path) -> Path:
    """The repository around a folder.

    The nearest folder upwards whose pyproject.toml has ``[tool.fumehood]`` or whose noxfile names fumehood; else the
    nearest with ``.git``; else the nearest with ``experiments``.

    Raises:
        UsageError: None of these is found.
    """
    folders = [start.absolute(), *start.absolute().parents]
    for folder in folders:
        has_settings = b"[tool.fumehood" in _bytes_of(folder / settings_module.PYPROJECT)
        if has_settings or b"fumehood" in _bytes_of(folder / "noxfile.py"):
            return folder
    for landmark in (".git", "experiments"):
        for folder in folders:
            if (folder / landmark).exists():
                return folder
    raise UsageError(
        f"{start} is in no repository: no .git, no experiments folder and no [tool.fumehood] here or above",
        remedy="run it inside the repository, or name it with --root",
    )


def open_repository(root: Path) -> Repository:
    """Discover core and the experiments of a repository.

    Raises:
        ConfigurationError: Its pyproject.toml is wrong, or a folder that holds experiments cannot be read.
    """
    root = root.resolve() if ".." in root.parts else root.absolute()
    if not root.is_dir():
        raise UsageError(f"{root} is no folder", remedy="name the folder of a repository")
    settings, pyproject = settings_module.read(root)
    found, broken = discover(root, settings, os.environ)
    clear, clashing = without_clashes(found)
    return Repository(
        root=root,
        settings=settings,
        core=_without_packages(
            core.read(root, settings, pyproject), {*(one.path for one in found), *(one.path for one in broken)}
        ),
        experiments=tuple(sorted(clear, key=lambda experiment: experiment.name)),
        broken=tuple(sorted([*broken, *clashing], key=lambda item: item.path)),
    )


def _without_packages(found: Core, experiments: Collection[str]) -> Core:
    """Core without the packages that are experiments, where these stand beside its own."""
    folders = [f"{source}/" if source != "." else "" for source in found.sources]
    packages = [name for name in found.packages if not any(f"{folder}{name}" in experiments for folder in folders)]
    return replace(found, packages=tuple(packages))


def discover(
    root: Path, settings: Settings, environ: Mapping[str, str] | None = None
) -> tuple[list[Experiment], list[BrokenExperiment]]:
    """What the globs of the settings lead to below a folder: experiments, and folders that would be but for a mistake.

    Args:
        root: The repository, or a folder with the same paths below it.
        settings: Those of the repository.
        environ: Says where the cache is; None to read everything, whatever is noted.

    Raises:
        ConfigurationError: A folder that holds experiments cannot be read.
    """
    places = [(_readable(root, fixed_part(pattern)), _matches(root, pattern)) for pattern in settings.experiments]
    notes = None
    if environ is not None and sum(len(found) for _, found in places) >= _WORTH_NOTES:
        from fumehood.reading.noted import NotedExperiments  # noqa: PLC0415 - only many folders pay for it

        notes = NotedExperiments.of(root, environ)
    discovery = _Discovery(str(root), settings, owners.read(root), notes)
    for base, found in places:
        for path in found:
            discovery.take_below(path, base)
    if notes:
        notes.notes.keep()
    return list(discovery.found.values()), list(discovery.broken.values())


def _readable(root: Path, base: str) -> str:
    """The folder that a glob begins with; one that cannot be listed would look as if it held no experiments."""
    folder = root / base
    if folder.is_dir() and not os.access(folder, os.R_OK | os.X_OK):
        raise ConfigurationError("cannot be read", place=Place(base or "."), remedy="make the folder readable")
    return base


def _matches(root: Path, pattern: str) -> list[str]:
    found = sorted(glob.glob(pattern, root_dir=root, recursive=True))
    return [match.replace(os.sep, "/").rstrip("/") for match in found]


def _bytes_of(path: Path) -> bytes:
    try:
        with open(path, "rb", opener=without_waiting) as file:
            return file.read()
    except OSError:
        return b""


class _Discovery(Struct):
    """What the globs of the settings lead to; the first of them that reaches a folder names it."""

    root: str
    settings: Settings
    owners: CodeOwners | None
    notes: NotedExperiments | None
    found: dict[str, Experiment] = field(default_factory=dict)
    broken: dict[str, BrokenExperiment] = field(default_factory=dict)
    _real: dict[str, str] = field(default_factory=dict)

    def take_below(self, path: str, base: str) -> bool:
        """Take a folder if it is an experiment, else those below it; whether there was one."""
        folder = f"{self.root}/{path}"
        if path.rpartition("/")[2].startswith((".", "__")) or self._is_excluded(path) or not os.path.isdir(folder):
            return False
        if path in self.found or path in self.broken:
            return True
        try:
            self._check_inside(path)
            known = self.notes.recall(path) if self.notes else None
            return self._keep(known, base) if known else self._look_at(look(self.root, path), base)
        except FumehoodError as error:
            return self._break(path, base, error)

    def _look_at(self, shape: Shape, base: str) -> bool:
        if looks_like_experiment(shape.names):
            return self._take(shape, base)
        # A list, so that all of them are taken and not only the first.
        below = [
            self.take_below(f"{shape.path}/{name}", base)
            for name in shape.names
            if not os.path.islink(f"{self.root}/{shape.path}/{name}")
        ]
        if not any(below) and "__init__.py" in shape.names:
            return self._take(shape, base)
        return any(below)

    def _take(self, shape: Shape, base: str) -> bool:
        try:
            _check_name(shape.path)
            experiment = read_experiment(self.root, shape)
        except FumehoodError as error:
            self._break(shape.path, base, error)
            return self._take_inner(shape.inner, base)
        if self.notes:
            self.notes.note(experiment, shape)
        return self._keep(experiment, base)

    def _keep(self, experiment: Experiment, base: str) -> bool:
        name = _name(experiment.path, base)
        self.found[experiment.path] = settled(experiment, name, self.settings, self.owners)
        return self._take_inner(experiment.inner, base)

    def _take_inner(self, paths: Iterable[str], base: str) -> bool:
        for path in paths:
            self.take_below(path, base)
        return True

    def _break(self, path: str, base: str, error: FumehoodError) -> bool:
        self.broken[path] = BrokenExperiment(path=path, name=_name(path, base), error=error)
        return True

    def _is_excluded(self, path: str) -> bool:
        """Whether the settings leave out a folder, or one that it is in."""
        return matches(path, *self.settings.exclude)

    def _check_inside(self, path: str) -> None:
        real = self._realpath(path)
        if not f"{real}/".startswith(f"{self._realpath('')}/"):
            raise ConfigurationError(
                f"a symbolic link that leaves the repository, to {_printable(real)}",
                place=Place(_printable(path)),
                remedy="move the folder into the repository, or leave it out with `exclude` in [tool.fumehood]",
            )

    def _realpath(self, path: str) -> str:
        """As `os.path.realpath`, for many folders of few parents."""
        if path not in self._real:
            folder = f"{self.root}/{path}" if path else self.root
            parent, _, name = path.rpartition("/")
            is_plain = path and not os.path.islink(folder)
            self._real[path] = f"{self._realpath(parent)}/{name}" if is_plain else os.path.realpath(folder)
        return self._real[path]


def fixed_part(pattern: str) -> str:
    """The folders of a glob before its first wildcard; all of them where it names the folder that holds the rest."""
    fixed = []
    for part in pattern.strip("/").split("/"):
        if _WILDCARDS & set(part):
            break
        fixed.append(part)
    return "/".join(fixed)


def _name(path: str, base: str) -> str:
    """The path below the fixed part of a glob; the folder's own name where the glob is the folder itself."""
    return path.rpartition("/")[2] if path == base else path.removeprefix(f"{base}/")


def _check_name(path: str) -> None:
    for part in path.split("/"):
        if not set(part) <= _SAFE:
            raise ConfigurationError(
                f"the folder name {part!r} cannot be part of a session's name",
                place=Place(_printable(path)),
                remedy="rename it with letters, digits, '.', '_' and '-', or leave it out with `exclude`",
            )


def _printable(text: str) -> str:
    return text if text.isprintable() else ascii(text)[1:-1]


def without_clashes(found: Iterable[Experiment]) -> tuple[list[Experiment], list[BrokenExperiment]]:
    """Set apart the experiments whose sessions would share a name or an environment folder."""
    experiments = list(found)
    by_folder: dict[str, list[Experiment]] = {}
    for experiment in experiments:
        for python in ("", *(experiment.pythons if len(experiment.pythons) > 1 else ())):
            session = f"{experiment.session}-{python}" if python else experiment.session
            by_folder.setdefault(folder_name(session), []).append(experiment)
    clashing = {
        experiment.path: BrokenExperiment(
            path=experiment.path, name=experiment.name, error=_clash(group, experiment, session)
        )
        for session, group in by_folder.items()
        if len(group) > 1
        for experiment in group
    }
    return [experiment for experiment in experiments if experiment.path not in clashing], list(clashing.values())


def _clash(group: list[Experiment], experiment: Experiment, session: str) -> ConfigurationError:
    folders = " and ".join(sorted(member.path for member in group))
    return ConfigurationError(
        f"{folders} would share the session {session}", place=Place(experiment.path), remedy="rename one of them"
    )
