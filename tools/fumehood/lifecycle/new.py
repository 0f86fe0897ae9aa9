"""Beginning an experiment: what its folder will hold is decided first, then it appears whole or not at all."""

from __future__ import annotations

import keyword
import os
import re
import sys
from typing import TYPE_CHECKING

from msgspec import Struct
from packaging.utils import canonicalize_name

from fumehood.errors import UsageError
from fumehood.lifecycle import places, template
from fumehood.locking.book import LockBook
from fumehood.model.experiment import session_name
from fumehood.outside.files import disk_errors
from fumehood.outside.private_folder import private_folder, sweep
from fumehood.repository import discover, without_clashes

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from fumehood.model.experiment import Experiment
    from fumehood.repository import Repository

_PART = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_RESERVED = frozenset({"core"})
"""Names that mean something else on the command line."""


class Beginning(Struct, frozen=True, kw_only=True):
    """A new experiment as it will be.

    Attributes:
        path: Its folder, at which there is nothing yet.
        files: What will be in it, by path in the folder.
    """

    path: str
    files: Mapping[str, str]


class Wanted(Struct, frozen=True, kw_only=True):
    """What a user asks for."""

    name: str
    theme: str
    summary: str = ""
    owners: tuple[str, ...] = ()
    python: tuple[str, ...] = ()


def place_of(repository: Repository, name: str) -> str:
    """The folder of an experiment that is to be, given its name or its path.

    Raises:
        UsageError: It cannot have that name, or there is something there already.
    """
    wanted = name.removesuffix("/")
    wrong = [part for part in wanted.split("/") if not _PART.fullmatch(part)]
    if wrong or wanted in _RESERVED:
        raise UsageError(
            f"an experiment cannot be called {name!r}",
            remedy=f"{wanted} means core's own tests; choose another name"
            if not wrong
            else "write letters, digits, '.', '_' and '-', and '/' between folders",
        )
    roots = places.roots(repository)
    if not roots:
        raise UsageError(
            "the settings name each experiment's folder, so a new one would not be found",
            remedy='write a glob such as "experiments/*" for `experiments` in [tool.fumehood]',
        )
    path = wanted if any(wanted.startswith(f"{root}/") for root in roots if root) else f"{roots[0]}/{wanted}"
    path = path.removeprefix("/")
    if os.path.lexists(repository.root / path):
        raise UsageError(f"{path} is there already", remedy="choose another name; nothing was changed")
    return path


def plan(repository: Repository, path: str, wanted: Wanted) -> Beginning:
    """Decide what a new experiment will consist of.

    Args:
        repository: Where it will be.
        path: What `place_of` says.
        wanted: What the user asks for.

    Raises:
        UsageError: It could not be imported, or a text cannot be written into its files.
    """
    for what, text in (("summary", wanted.summary), ("theme", wanted.theme)):
        if not text.isprintable():
            raise UsageError(f"the {what} is not one line of text", remedy="leave out control characters")
    name = path.removeprefix(f"{places.root_of(repository, path)}/")
    dotted = _importable(repository, path)
    own = _package(repository, path.rpartition("/")[2])
    draft = template.Draft(
        title=name,
        session=session_name(name),
        theme=wanted.theme,
        summary=wanted.summary.strip(),
        owners=wanted.owners,
        python=wanted.python,
        module=dotted or own,
        package="" if dotted else f"src/{own}",
    )
    return Beginning(path=path, files=template.files(draft))


def create(repository: Repository, beginning: Beginning, *, complete: Callable[[Path, Experiment], None]) -> Experiment:
    """Make the folder: in private first, looked at as any other experiment is, then put in its place by one rename.

    Args:
        repository: Where it will be.
        beginning: What it will consist of.
        complete: Called with the folder while it is private, and the experiment in it, to add what belongs there.

    Raises:
        FumehoodError: It would not be found there, or it would clash with another; nothing is left behind.
        WorldError: The disk refused.
    """
    target = repository.root / beginning.path
    above = _nearest_folder(target.parent)
    sweep(above)
    with private_folder(above) as private, disk_errors(f"making {beginning.path}"):
        folder = private / beginning.path
        for path, text in beginning.files.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(text, encoding="utf-8", newline="\n")
        experiment = _looked_at(repository, private, beginning.path)
        complete(folder, experiment)
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            folder.rename(target)  # Only an empty folder could be in the way and be replaced.
        except OSError as error:
            if not os.path.lexists(target):
                raise
            raise UsageError(f"{beginning.path} has come to be meanwhile", remedy="choose another name") from error
    return experiment


def _importable(repository: Repository, path: str) -> str:
    """How the folder will be imported where the folder above it is a package; empty where it is none.

    Raises:
        UsageError: Python would not take its name for a module's.
    """
    module = places.dotted(repository.root, path)
    wrong = [part for part in module.split(".") if not part.isidentifier() or keyword.iskeyword(part)]
    if module and (wrong or module.count(".") > path.count("/")):
        name = path.rpartition("/")[2]
        raise UsageError(
            f"{name!r} cannot be imported, and {path.rpartition('/')[0]} is a package",
            remedy=f"choose a name such as {re.sub(r'[.-]', '_', name)!r} that Python takes for one",
        )
    return module


def _package(repository: Repository, name: str) -> str:
    """A package name of its own: none that core, the standard library or a package in core's environment goes by."""
    package = re.sub(r"[.-]", "_", name)
    taken = {*sys.stdlib_module_names, *repository.core.packages, *keyword.kwlist}
    is_needed = canonicalize_name(name) in _needed_by_core(repository)
    return package if package.isidentifier() and package not in taken and not is_needed else f"exp_{package}"


def _needed_by_core(repository: Repository) -> set[str]:
    """What core's lines name, and what its committed lock has because of them."""
    book = LockBook.of(repository, os.environ)
    pinned = {str(pin.name) for pin in book.committed_core.pins} if book.committed_core else set()
    return pinned | {line.name for line in book.core_inputs.requirements if line.name}


def _looked_at(repository: Repository, private: Path, path: str) -> Experiment:
    """The experiment as discovery sees it, from a private folder with the same paths."""
    found, broken = discover(private, repository.settings)
    for one in broken:
        raise one.error
    if [experiment.path for experiment in found] != [path]:
        raise UsageError(
            f"{path} would not be taken for an experiment",
            remedy="`experiments` and `exclude` in [tool.fumehood] say which folders are; give a path that fits them",
        )
    _, clashing = without_clashes([*repository.experiments, *found])
    for one in clashing:
        if one.path == path:
            raise one.error
    return found[0]


def _nearest_folder(path: Path) -> Path:
    while not path.is_dir():
        path = path.parent
    return path
