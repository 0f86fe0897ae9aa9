"""What is known of the health of experiments: from git's history, from their results, and from what they say."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from msgspec import Struct

from fumehood.errors import UsageError, WorldError
from fumehood.model.health import Facts, Health, health
from fumehood.outside.git_walk import Walk, walk
from fumehood.repository import fixed_part
from fumehood.testing.results import default_folder, read_results
from fumehood.testing.standing import Standing, standings, when

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from fumehood.model.experiment import Experiment
    from fumehood.outside.git import Git
    from fumehood.repository import Repository
    from fumehood.testing.results import Result


class Known(Struct, frozen=True, kw_only=True):
    """What is known of a repository's experiments.

    Attributes:
        standings: By name, of those that have results.
        walk: Git's history; empty where there is no git, or nothing committed.
    """

    repository: Repository
    standings: Mapping[str, Standing]
    walk: Walk

    def health(self, experiment: Experiment) -> Health:
        """How an experiment is doing."""
        standing = self.standings.get(experiment.name)
        commit = self.walk.last.get(experiment.path)
        facts = Facts(
            state=experiment.state,
            committed=commit.time if commit else None,
            green=_when(standing.green) if standing else None,
            failing=_when(standing.failing) if standing else None,
            tried=_when(standing.tried) if standing else None,
        )
        return health(facts, self.repository.settings.lifecycle)


def known(
    repository: Repository, git: Git, *, results: Sequence[Result] | None = None, back_to: datetime | None = None
) -> Known:
    """Look at everything that says how experiments are doing.

    Args:
        repository: Where they are.
        git: In the repository.
        results: All that are known, oldest first; read where they are kept, if not given.
        back_to: Look at history at least until then, and not only to the last commit of each experiment.
    """
    if results is None:
        results = read_results(default_folder(repository.root, os.environ))
    return Known(
        repository=repository,
        standings=standings(results),
        walk=_walk(repository, git, (experiment.path for experiment in repository.experiments), back_to),
    )


def _walk(repository: Repository, git: Git, folders: Iterable[str], back_to: datetime | None) -> Walk:
    roots = [fixed_part(pattern) for pattern in repository.settings.experiments]
    return walk(git, folders, ignored=roots, back_to=back_to) if has_history(git) else Walk(last={}, commits=())


def has_history(git: Git) -> bool:
    """Whether there is a repository here with a commit in it; without git there is nothing to know, nor to complain."""
    try:
        git.prefix()
        git.commit("HEAD")
    except (UsageError, WorldError):
        return False
    return True


def _when(result: Result | None) -> datetime | None:
    return when(result) if result else None
