"""Ending an experiment: a plan of everything that goes and everything that stays, and one function that carries it out.

The order makes a kill at any instant harmless: the record is written first and the folder goes last, by one rename.
Until then the same command finds the experiment and does all of it again; afterwards it finds the record.
"""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fumehood.environments import housekeeping
from fumehood.environments.lease import Lease
from fumehood.environments.registry import Registry
from fumehood.environments.store import LayerStore
from fumehood.errors import FumehoodError, Place, UsageError, WorldError, raise_all
from fumehood.imports.survey import survey
from fumehood.lifecycle import places, traces
from fumehood.lifecycle import record as records
from fumehood.lifecycle.record import Record
from fumehood.lifecycle.traces import Edit, Mention, Names
from fumehood.model.experiment import Experiment, session_name
from fumehood.outside import git_folder
from fumehood.outside.files import disk_errors, remove_tree, write_whole
from fumehood.outside.private_folder import private_folder, sweep
from fumehood.outside.work_tree import WorkTree
from fumehood.rules.crossing import crossings, parts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from pathlib import Path

    from fumehood.outside.git import Git
    from fumehood.repository import Repository

_PRODUCTS = frozenset(
    {"__pycache__", ".pytest_cache", ".mypy_cache", ".ruff_cache", ".hypothesis", ".ipynb_checkpoints", ".DS_Store"}
)
"""What tools make again, and nobody misses."""
_SHOWN = 10
"""So many files at most are named in a message."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Retirement:
    """Everything that retiring an experiment comes to.

    Attributes:
        folder: What is removed; empty where that has been done.
        files: What is in it: files that a commit holds.
        record: What will be written, and its file; None where that has been done.
        edits: Lines that go from other files.
        left: Lines that name the experiment and that people have to look at.
        environments: Folders.
        layers: Digests of layers and views that no other environment uses.
    """

    name: str
    folder: str
    files: tuple[str, ...]
    record: Record | None
    record_file: str
    edits: tuple[Edit, ...]
    left: tuple[Mention, ...]
    environments: tuple[Path, ...]
    layers: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Why:
    """What a user says about a retirement, and the day of it in ISO form."""

    reason: str
    upstreamed: str
    today: str


def plan(
    repository: Repository, git: Git, name: str, why: Why, *, cache: Path, environ: Mapping[str, str]
) -> Retirement:
    """Decide what retiring an experiment comes to.

    Args:
        repository: Where it is.
        git: In the repository.
        name: Of the experiment, or of one whose retirement was interrupted.
        why: What is recorded.
        cache: fumehood's cache folder.
        environ: Variables of the process.

    Raises:
        FumehoodError: There is no such experiment, others import it, or something of the user's would be lost: every
            reason at once.
    """
    git.prefix()
    experiment, begun = _find(repository, name)
    path = experiment.path
    record: Record | None = None
    files: tuple[str, ...] = ()
    if not begun:
        raise_all([*_importers(repository, experiment, environ), *_unsaved(git, experiment)])
        record = _record(git, experiment, why)
        files = tuple(file.removeprefix(f"{path}/") for file, _ in git_folder.tracked(git, path))
    names = Names(path=path, session=experiment.session, module=places.dotted(repository.root, path))
    edits, left = _traces(repository, git, names)
    environments = _environments(repository, cache, experiment.session)
    return Retirement(
        name=experiment.name,
        folder="" if begun else path,
        files=files,
        record=record,
        record_file=_record_file(repository, path),
        edits=edits,
        left=left,
        environments=environments,
        layers=_layers(cache, environments),
    )


def carry_out(repository: Repository, retirement: Retirement, *, cache: Path, say: Callable[[str], None]) -> None:
    """Do what a plan says.

    Raises:
        UsageError: Something has changed since it was made; running it again makes another.
        WorldError: The disk refused, or an environment is in use; running it again does the rest.
    """
    root = repository.root
    above = root / os.path.dirname(retirement.folder or retirement.record_file)
    sweep(above)
    with contextlib.ExitStack() as stack:
        for environment in retirement.environments:
            stack.callback(_lease(environment, say).release)
        private = stack.enter_context(private_folder(above))
        _write(root, retirement, private)
        for environment in retirement.environments:
            remove_tree(environment)
        store = LayerStore(cache=cache, say=say)
        for digest in retirement.layers:
            housekeeping.remove_unused(store, digest)
        if retirement.folder:
            _remove_folder(root / retirement.folder, frozenset(retirement.files), private)


def _write(root: Path, retirement: Retirement, scratch: Path) -> None:
    if retirement.record:
        before = _text(root, retirement.record_file) or ""
        write_whole(root / retirement.record_file, records.add(before, retirement.record), scratch=scratch)
    for change in retirement.edits:
        if _text(root, change.file) != change.before:
            raise UsageError(f"{change.file} has changed meanwhile", remedy="run it again")
        write_whole(root / change.file, change.after, scratch=scratch)


def _find(repository: Repository, name: str) -> tuple[Experiment, bool]:
    """The experiment, and whether its folder has gone already, in a run that was interrupted.

    One that has a mistake in it can be retired like any other.
    """
    wanted = name.removesuffix("/")
    for broken in repository.broken:
        if wanted in {broken.name, session_name(broken.name), broken.path}:
            return Experiment(name=broken.name, path=broken.path), False
    try:
        return repository.experiment(name), False
    except UsageError:
        for file in sorted({f"{root}/{records.FILE}".removeprefix("/") for root in places.roots(repository)}):
            found = records.find(_text(repository.root, file) or "", wanted)
            if found and not os.path.lexists(repository.root / found[1]):
                return Experiment(name=found[0], path=found[1]), True
        raise


def _importers(repository: Repository, experiment: Experiment, environ: Mapping[str, str]) -> Iterator[FumehoodError]:
    """What would be broken without it."""
    own = f"{experiment.path}/"
    found = survey(repository, WorkTree(cwd=repository.root), environ)
    for importer, uses in crossings(found, parts(repository, found)).into.items():
        for use in uses:
            if use.target.startswith(own) and not use.path.startswith(own):
                yield UsageError(
                    f"{importer or 'core'} imports {use.module}, a part of {experiment.path}",
                    place=Place(use.path, use.line),
                    remedy="move what is still needed, or take the import out",
                )


def _unsaved(git: Git, experiment: Experiment) -> Iterator[FumehoodError]:
    """What somebody made and what no commit holds: nothing may be lost."""
    path = experiment.path
    for inner in experiment.inner:
        yield UsageError(
            f"{inner} is an experiment of its own inside it", place=Place(path), remedy="retire that one first"
        )
    for file, is_submodule in git_folder.tracked(git, path):
        if is_submodule:
            remedy = f"`git rm {file}` and commit that first"
            yield UsageError(f"{file} is a submodule", place=Place(path), remedy=remedy)
    try:
        git.commit("HEAD")
    except UsageError:
        yield UsageError(f"{path} is in no commit, so nobody could get it back", remedy="commit it first")
        return
    unsaved = [file for file in git_folder.unsaved(git, path) if not _is_product(file)]
    if unsaved:
        more = len(unsaved) - _SHOWN
        yield UsageError(
            f"{len(unsaved)} of its files would be lost, since no commit holds them as they are",
            place=Place(path),
            details="\n".join([*unsaved[:_SHOWN], *([f"and {more} more"] if more > 0 else [])]),
            remedy="commit them, move them away or delete them; those that git ignores count too",
        )


def _is_product(file: str) -> bool:
    parts = file.rstrip("/").split("/")
    return any(part in _PRODUCTS or part.endswith((".egg-info", ".pyc")) for part in parts)


def _record(git: Git, experiment: Experiment, why: Why) -> Record:
    commits = git_folder.history(git, experiment.path)
    if not commits:
        raise UsageError(f"{experiment.path} is in no commit, so nobody could get it back", remedy="commit it first")
    (commit, ended), (_, began) = commits[0], commits[-1]
    return Record(
        name=experiment.name,
        path=experiment.path,
        summary=experiment.summary,
        theme=experiment.theme,
        owners=experiment.owners,
        began=began,
        ended=ended,
        retired=why.today,
        commit=commit,
        reason=why.reason,
        upstreamed=why.upstreamed,
    )


def _record_file(repository: Repository, path: str) -> str:
    """Beside the experiments of the same root."""
    return f"{places.root_of(repository, path)}/{records.FILE}".removeprefix("/")


def _traces(repository: Repository, git: Git, names: Names) -> tuple[tuple[Edit, ...], tuple[Mention, ...]]:
    above = names.path.split("/")[:-1]
    pages = {"/".join([*above[:depth], "README.md"]) for depth in range(len(above) + 1)}
    found = [
        Mention(file=file, line=line, text=text)
        for file, line, text in git_folder.mentions(git, names.texts, outside=names.path)
        if file.rpartition("/")[2] != records.FILE
    ]
    edits = []
    for file in sorted({*(mention.file for mention in found), *pages}):
        text = _text(repository.root, file)
        if text is not None:
            change = traces.edit(file, text, names, table=file in pages)
            edits += [change] if change.removed else []
    left = traces.left_over(found, edits, is_about=names.are_in)
    return tuple(edits), tuple(left)


def _text(root: Path, file: str) -> str | None:
    """The content of a file, byte for byte; None where there is none, or it is no text."""
    try:
        return (root / file).read_bytes().decode("utf-8")
    except (OSError, UnicodeDecodeError):
        return None


def _environments(repository: Repository, cache: Path, session: str) -> tuple[Path, ...]:
    root = str(repository.root)
    known = Registry(cache).environments()
    return tuple(path for path, found in known if (found.root, found.session) == (root, session))


def _layers(cache: Path, environments: Iterable[Path]) -> tuple[str, ...]:
    """What only these environments use."""
    going = set(environments)
    known = Registry(cache).environments()
    others = {digest for path, found in known if path not in going for digest in found.layers}
    own = {digest for path, found in known if path in going for digest in found.layers}
    return tuple(sorted(own - others))


def _lease(environment: Path, say: Callable[[str], None]) -> Lease:
    """An environment, held alone: it is not taken away from under a run of tests."""
    lease = Lease(environment.parent / ".fumehood" / f"{environment.name}.lease", say)
    if not lease.try_exclusive():
        who = " and ".join(lease.holders()) or "another process"
        raise WorldError(f"{environment} is in use by {who}", remedy="wait for it to end, and run it again")
    return lease


def _remove_folder(folder: Path, known: frozenset[str], private: Path) -> None:
    """Take a folder away by one rename; it comes back if somebody has written to it since it was looked at."""
    with disk_errors(f"removing {folder}"):
        gone = private / folder.name
        folder.rename(gone)
        new = sorted(file for file in _files(gone) if file not in known and not _is_product(file))
        if new:
            gone.rename(folder)
            raise UsageError(
                f"{folder} was written to meanwhile", details="\n".join(new), remedy="look at it, and run it again"
            )


def _files(folder: Path) -> Iterable[str]:
    if folder.is_symlink():
        return
    for top, folders, names in os.walk(folder):
        links = [name for name in folders if os.path.islink(os.path.join(top, name))]
        for name in (*names, *links):
            yield os.path.relpath(os.path.join(top, name), folder)
