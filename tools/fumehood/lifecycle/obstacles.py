"""What stands in the way of removing an experiment: others that import it, and what nobody could get back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fumehood.errors import FumehoodError, Place, UsageError
from fumehood.lifecycle import places
from fumehood.outside import git_folder

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fumehood.model.experiment import Experiment
    from fumehood.outside.git import Git
    from fumehood.rules.seen import Seen

_PRODUCTS = frozenset(
    {"__pycache__", ".pytest_cache", ".mypy_cache", ".ruff_cache", ".hypothesis", ".ipynb_checkpoints", ".DS_Store"}
)
"""What tools make again, and nobody misses."""
_SHOWN = 10
"""So many files at most are named in a message."""


def obstacles(seen: Seen, git: Git, experiment: Experiment) -> Iterator[FumehoodError]:
    """Every reason not to remove an experiment's folder."""
    yield from _importers(seen, experiment)
    yield from _unsaved(git, experiment)


def _importers(seen: Seen, experiment: Experiment) -> Iterator[FumehoodError]:
    """What would be broken without it."""
    own, remedy = f"{experiment.path}/", "move what is still needed, or take the import out"
    for importer, uses in seen.crossings.into.items():
        for use in uses:
            if use.target.startswith(own) and not use.path.startswith(own):
                what = f"{importer or 'core'} imports {use.module}, a part of {experiment.path}"
                yield UsageError(what, place=Place(use.path, use.line), remedy=remedy)
    module = places.dotted(seen.root, experiment.path)
    for path in seen.survey.sources.naming:
        importer = seen.parts.experiment(path)
        for text, line, _ in seen.survey.sources.scans[path].prefixes:
            folders = seen.survey.graph.package_folders(path, text)
            is_part = bool(module) and f"{text}.".startswith(f"{module}.")
            is_part |= any(f"{folder}/".startswith(own) for folder in folders)
            is_offered = seen.needs.home(importer, text.partition(".")[0]) == experiment.path
            if (is_part or is_offered) and not path.startswith(own):
                what = f"{importer or 'core'} imports what begins with {text!r}"
                yield UsageError(what, place=Place(path, line), remedy=remedy)


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
    unsaved = [file for file in git_folder.unsaved(git, path) if not is_product(file)]
    if unsaved:
        more = len(unsaved) - _SHOWN
        yield UsageError(
            f"{len(unsaved)} of its files would be lost, since no commit holds them as they are",
            place=Place(path),
            details="\n".join([*unsaved[:_SHOWN], *([f"and {more} more"] if more > 0 else [])]),
            remedy="commit them, move them away or delete them; those that git ignores count too",
        )


def is_product(file: str) -> bool:
    """Whether a file is one of those that tools make again."""
    parts = file.rstrip("/").split("/")
    return any(part in _PRODUCTS or part.endswith((".egg-info", ".pyc")) for part in parts)
