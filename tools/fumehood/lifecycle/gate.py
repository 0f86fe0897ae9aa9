"""After a release of core: which experiments are not green on it, since when, and whose they are."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from msgspec import Struct

from fumehood.errors import UsageError
from fumehood.model.experiment import RUNNING_STATES
from fumehood.outside.git_walk import times
from fumehood.testing.standing import Standing, standings

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from fumehood.model.experiment import Experiment
    from fumehood.outside.git import Git
    from fumehood.testing.results import Result

NOT_RUN = "not run on it"


class Release(Struct, frozen=True, kw_only=True):
    """A release of core: what a user calls it, the tag or commit that it is, and when that commit was made."""

    version: str
    ref: str
    commit: str
    time: datetime


class NotGreen(Struct, frozen=True, kw_only=True):
    """An experiment that a release's core is not known to work with.

    Attributes:
        how: ``not run on it``, or how its tests end.
        since: The day of its first failure on that core; that of the release where it was not run.
        green: The day and the commit of its last green result on an earlier core; None where there is none.
    """

    experiment: Experiment
    how: str
    since: str
    green: tuple[str, str] | None


class Gate(Struct, frozen=True, kw_only=True):
    """What stands between a release and everything being green on it.

    Attributes:
        open: How many experiments are green on it.
        left_out: Those that do not run.
    """

    release: Release
    open: int
    closed: tuple[NotGreen, ...]
    left_out: tuple[Experiment, ...]


def release(git: Git, version: str) -> Release:
    """The release of that version: its tag, with or without a ``v`` or the project's name before it; or a commit.

    Raises:
        UsageError: There is none here, or there are several.
    """
    tags = git.said("for-each-ref", "--format=%(refname:short)", "refs/tags").decode().splitlines()
    plain = version.removeprefix("v")
    exact = [tag for tag in (version, f"v{plain}", plain) if tag in tags]
    named = [tag for tag in tags if re.fullmatch(rf".*[-/_@]v?{re.escape(plain)}", tag)]
    if not exact and len(named) > 1:
        raise UsageError(
            f"{' and '.join(named)} are all releases {version}", remedy="name the tag that is meant in full"
        )
    ref = next(iter([*exact, *named]), "")
    commit = git.commit(f"refs/tags/{ref}" if ref else version)
    return Release(version=version, ref=ref or commit[:12], commit=commit, time=times(git, [commit])[commit][1])


def gate(git: Git, found: Release, experiments: Iterable[Experiment], results: Iterable[Result]) -> Gate:
    """Hold results against a release: those count that were run on its core, or on core as it became afterwards.

    Runs with changes that are in no commit count for nothing here: nobody could repeat them.

    Args:
        git: In the repository.
        found: The release.
        experiments: All there are.
        results: Oldest first.
    """
    known = [result for result in results if not (result.origin.dirty or result.origin.core_dirty)]
    after = git.said("rev-list", "--ancestry-path", "HEAD", "--all", f"^{found.commit}").decode().split()
    commits = {found.commit, *after}
    on_it = standings(result for result in known if result.origin.commit in commits)
    before = standings(result for result in known if result.origin.commit not in commits)
    running = [experiment for experiment in experiments if experiment.state in RUNNING_STATES]
    closed = [row for experiment in running if (row := _not_green(experiment, found, on_it, before))]
    return Gate(
        release=found,
        open=len(running) - len(closed),
        closed=tuple(closed),
        left_out=tuple(experiment for experiment in experiments if experiment.state not in RUNNING_STATES),
    )


def _not_green(
    experiment: Experiment, found: Release, on_it: Mapping[str, Standing], before: Mapping[str, Standing]
) -> NotGreen | None:
    standing = on_it.get(experiment.name)
    if standing and standing.green and not standing.failing:
        return None
    last = before[experiment.name].green if experiment.name in before else None
    green = (last.started[:10], last.origin.commit or "") if last else None
    if standing is None:
        return NotGreen(experiment=experiment, how=NOT_RUN, since=found.time.date().isoformat(), green=green)
    shown = standing.last
    how = f"{shown.status}: {shown.reason}" if shown.reason else shown.status
    since = (standing.failing or standing.tried).started[:10]
    return NotGreen(experiment=experiment, how=how, since=since, green=green)
