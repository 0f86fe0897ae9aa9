"""Discovery: a folder becomes values.

One experiment that is wrong never stops the others: its mistake is kept beside them, and is raised when that
experiment is asked for.
"""

from __future__ import annotations

import difflib
import fnmatch
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fumehood import settings as settings_module
from fumehood.errors import ConfigurationError, FumehoodError, Place, UsageError
from fumehood.model.experiment import Core, Experiment, session_name
from fumehood.reading import codeowners, core
from fumehood.reading.experiment import is_experiment, read_experiment

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from fumehood.settings import Settings

_WILDCARDS = frozenset("*?[")
_SAFE = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-")


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokenExperiment:
    """A folder that would be an experiment but for a mistake in it."""

    path: str
    name: str
    error: FumehoodError


@dataclass(frozen=True, slots=True, kw_only=True)
class Repository:
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
        names = [experiment.name for experiment in self.experiments]
        near = difflib.get_close_matches(wanted, names, n=3, cutoff=0.5)
        hint = f"did you mean {' or '.join(near)}?" if near else "`fumehood list` shows the experiments"
        raise UsageError(f"there is no experiment {name!r}", remedy=hint)

    def select(self, names: Iterable[str]) -> tuple[Experiment, ...]:
        """The named experiments without repetition, or all of them when none is named."""
        chosen = {experiment.name: experiment for experiment in map(self.experiment, names)}
        return tuple(chosen.values()) or self.experiments


def find_root(start: Path) -> Path:
    """The repository around a folder.

    The nearest folder upwards whose pyproject.toml has ``[tool.fumehood]``; else the nearest with ``.git``; else the
    nearest with ``experiments``.

    Raises:
        UsageError: None of these is found.
    """
    folders = [start.absolute(), *start.absolute().parents]
    for folder in folders:
        if b"[tool.fumehood" in _bytes_of(folder / settings_module.PYPROJECT):
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
        ConfigurationError: Its pyproject.toml is wrong.
    """
    root = root.absolute()
    settings, pyproject = settings_module.read(root)
    owners = codeowners.read(root)
    found: list[Experiment] = []
    broken: list[BrokenExperiment] = []
    for path, name in sorted(_folders(root, settings).items()):
        try:
            _check_folder(root, path)
            found.append(read_experiment(root, path, name, settings=settings, owners=owners))
        except FumehoodError as error:
            broken.append(BrokenExperiment(path=path, name=name, error=error))
    found, clashing = _without_clashes(found)
    return Repository(
        root=root,
        settings=settings,
        core=core.read(root, settings, pyproject),
        experiments=tuple(sorted(found, key=lambda experiment: experiment.name)),
        broken=tuple(sorted([*broken, *clashing], key=lambda item: item.path)),
    )


def _bytes_of(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


def _folders(root: Path, settings: Settings) -> dict[str, str]:
    """Path and name of every folder that is an experiment; the first glob that reaches a folder names it."""
    found: dict[str, str] = {}
    for pattern in settings.experiments:
        base = _fixed_part(pattern)
        for match in sorted(root.glob(pattern)):
            for path in _experiments_below(root, match.relative_to(root).as_posix()):
                if not any(fnmatch.fnmatchcase(path, excluded) for excluded in settings.exclude):
                    found.setdefault(path, path.removeprefix(f"{base}/"))
    return found


def _fixed_part(pattern: str) -> str:
    parts = pattern.strip("/").split("/")
    fixed = []
    for part in parts[:-1]:
        if _WILDCARDS & set(part):
            break
        fixed.append(part)
    return "/".join(fixed)


def _experiments_below(root: Path, path: str) -> Iterator[str]:
    """The folder itself where it is an experiment (with those that declare themselves inside it), else those below."""
    folder = f"{root}/{path}"
    if not os.path.isdir(folder) or path.rpartition("/")[2].startswith((".", "__")):
        return
    if os.path.islink(folder) or is_experiment(folder):
        yield path
        yield from _declared_inside(folder, path)
        return
    below = [inner for child in _subfolders(folder) for inner in _experiments_below(root, f"{path}/{child}")]
    yield from below
    if not below and os.path.exists(f"{folder}/__init__.py"):
        yield path


def _declared_inside(folder: str, path: str) -> Iterator[str]:
    for child in _subfolders(folder):
        if os.path.exists(f"{folder}/{child}/experiment.toml"):
            yield f"{path}/{child}"
        yield from _declared_inside(f"{folder}/{child}", f"{path}/{child}")


def _subfolders(folder: str) -> list[str]:
    try:
        with os.scandir(folder) as entries:
            return sorted(
                entry.name
                for entry in entries
                if entry.is_dir(follow_symlinks=False) and not entry.name.startswith((".", "__"))
            )
    except OSError:
        return []


def _check_folder(root: Path, path: str) -> None:
    place = Place(_printable(path))
    real_root = os.path.realpath(root)
    real = os.path.realpath(root / path)
    if real != real_root and not real.startswith(real_root + os.sep):
        raise ConfigurationError(
            f"a symbolic link that leaves the repository, to {_printable(real)}",
            place=place,
            remedy="move the folder into the repository, or leave it out with `exclude` in [tool.fumehood]",
        )
    for part in path.split("/"):
        if not set(part) <= _SAFE:
            raise ConfigurationError(
                f"the folder name {part!r} cannot be part of a session's name",
                place=place,
                remedy="rename it with letters, digits, '.', '_' and '-', or leave it out with `exclude`",
            )


def _printable(text: str) -> str:
    return text if text.isprintable() else ascii(text)[1:-1]


def _without_clashes(found: list[Experiment]) -> tuple[list[Experiment], list[BrokenExperiment]]:
    """Set apart the experiments whose sessions would share a name or an environment folder.

    nox makes an environment's folder from the session's name in lower case with ``.`` as ``-``.
    """
    by_folder: dict[str, list[Experiment]] = {}
    for experiment in found:
        by_folder.setdefault(experiment.session.lower().replace(".", "-"), []).append(experiment)
    clear = [group[0] for group in by_folder.values() if len(group) == 1]
    clashing = [
        BrokenExperiment(path=experiment.path, name=experiment.name, error=_clash(group, experiment))
        for group in by_folder.values()
        if len(group) > 1
        for experiment in group
    ]
    return clear, clashing


def _clash(group: list[Experiment], experiment: Experiment) -> ConfigurationError:
    folders = " and ".join(sorted(member.path for member in group))
    return ConfigurationError(
        f"{folders} would share the session {experiment.session.lower().replace('.', '-')}",
        place=Place(experiment.path),
        remedy="rename one of them",
    )
