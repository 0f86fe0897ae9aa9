"""How every experiment is doing: one value for each, from git, results, locks and manifests. No network."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Literal

from msgspec import Struct

from fumehood.outside.git_walk import since, times
from fumehood.rules.health.known import has_history, known
from fumehood.testing.standing import standings

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date

    from fumehood.model.experiment import Experiment
    from fumehood.model.finding import CheckAnswer
    from fumehood.model.health import Health
    from fumehood.outside.git import Git
    from fumehood.outside.git_walk import Commit
    from fumehood.repository import Repository
    from fumehood.rules.health.known import Known
    from fumehood.testing.results import Result

Versions = Literal["fits", "conflict", "stale lock", "not known"]


class Evidence(Struct, frozen=True, kw_only=True):
    """The commit that what an experiment shows was taken on, and how many commits have changed core since.

    Attributes:
        source: ``numbers`` for those of its README, the oldest of several; ``green`` for its last green result, if the
            README names no commit.
        moved: None where this clone does not have that commit in its history.
    """

    source: Literal["numbers", "green"]
    commit: str
    moved: int | None


class Status(Struct, frozen=True, kw_only=True):
    """How one experiment is doing.

    Attributes:
        result: Its last result; of several sessions that of one that fails, if one does.
        commit: The last one to its folder.
        at_least: Whether that commit may be older than it seems, since the clone ends there.
        versions: Whether it can live on this core, as far as locks and lines tell.
        reasons: Why it cannot, or why that is not known.
        evidence: None where there are neither numbers nor a green result, as far as is known.
    """

    experiment: Experiment
    result: Result | None
    commit: Commit | None
    at_least: bool
    versions: Versions
    reasons: tuple[str, ...]
    evidence: Evidence | None
    health: Health


class Overview(Struct, frozen=True, kw_only=True):
    """How all of them are doing on one day; `shallow` where git's history is cut off."""

    today: date
    shallow: bool
    statuses: tuple[Status, ...]


class Sources(Struct, frozen=True, kw_only=True):
    """What is known besides git's history.

    Attributes:
        results: All that are known, oldest first.
        versions: What a check without the network says about versions.
        measured: The commits that the numbers in READMEs were taken on, by experiment.
    """

    results: Sequence[Result]
    versions: CheckAnswer
    measured: Mapping[str, Sequence[str]]


def overview(repository: Repository, git: Git, sources: Sources, today: date) -> Overview:
    """Put together what is known.

    Args:
        repository: Whose experiments.
        git: In the repository.
        sources: What else is known.
        today: The day that steps are judged on.
    """
    green = {name: one.green.origin.commit for name, one in standings(sources.results).items() if one.green}
    named = {*filter(None, green.values()), *(commit for several in sources.measured.values() for commit in several)}
    here = times(git, sorted(named)) if has_history(git) else {}
    back_to = min((time for _, time in here.values()), default=None)
    seen = known(repository, git, results=sources.results, back_to=back_to)
    moved = functools.cache(lambda commit: since(seen.walk, here[commit][0]) if commit in here else None)
    judged = _judged(sources.versions)

    def evidence(name: str) -> Evidence | None:
        if several := sources.measured.get(name):
            oldest = max(several, key=lambda commit: (moved(commit) is not None, moved(commit) or 0))
            return Evidence(source="numbers", commit=oldest, moved=moved(oldest))
        commit = green.get(name)
        return Evidence(source="green", commit=commit, moved=moved(commit)) if commit else None

    return Overview(
        today=today,
        shallow=bool(seen.walk.bounds),
        statuses=tuple(
            _status(experiment, seen, judged, evidence(experiment.name)) for experiment in repository.experiments
        ),
    )


def _status(
    experiment: Experiment,
    seen: Known,
    judged: Mapping[str, tuple[Versions, tuple[str, ...]]],
    evidence: Evidence | None,
) -> Status:
    standing = seen.standings.get(experiment.name)
    commit = seen.walk.last.get(experiment.path)
    versions, reasons = judged.get(experiment.name, ("fits", ()))
    return Status(
        experiment=experiment,
        result=standing.last if standing else None,
        commit=commit,
        at_least=commit is not None and commit.name in seen.walk.bounds,
        versions=versions,
        reasons=reasons,
        evidence=evidence,
        health=seen.health(experiment),
    )


def _judged(answer: CheckAnswer) -> dict[str, tuple[Versions, tuple[str, ...]]]:
    """What is to be said of the versions of each experiment about which there is something to say."""
    found: dict[str, tuple[Versions, tuple[str, ...]]] = {
        item.experiment: ("not known", (item.reason,)) for item in answer.undecided
    }
    for finding in answer.findings:
        what: Versions = "conflict" if finding.is_conflict else "stale lock"
        before, reasons = found.get(finding.experiment, (what, ()))
        found[finding.experiment] = ("conflict" if "conflict" in {before, what} else what, (*reasons, finding.message))
    return found
