"""Ending an experiment: what goes, what is recorded, and what is left for people to look at. Nothing is done here."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from msgspec import Struct

from fumehood.environments import registry
from fumehood.errors import UsageError, raise_all
from fumehood.lifecycle import places, traces, workflows
from fumehood.lifecycle import record as records
from fumehood.lifecycle.obstacles import obstacles
from fumehood.lifecycle.record import Record
from fumehood.lifecycle.traces import Edit, Mention, Names
from fumehood.model import baseline
from fumehood.model.experiment import Experiment, session_name
from fumehood.outside import git_folder
from fumehood.rules.health.known import known

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import date
    from pathlib import Path

    from fumehood.lifecycle.workflows import Workflow
    from fumehood.outside.git import Git
    from fumehood.repository import Repository
    from fumehood.rules.seen import Seen


_OF_CI = (".github/workflows", ".gitlab-ci.yml")
"""Where a list of experiments, such as a matrix, may name one by its name alone."""


class Retirement(Struct, frozen=True, kw_only=True):
    """Everything that retiring an experiment comes to.

    Attributes:
        folder: What is removed; empty where that has been done.
        files: What is in it: files that a commit holds.
        record: What will be written, and its file; None where that has been done.
        workflows: Files that are about nothing else, and go as a whole.
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
    workflows: tuple[Workflow, ...]
    edits: tuple[Edit, ...]
    left: tuple[Mention, ...]
    environments: tuple[Path, ...]
    layers: tuple[str, ...]


class Why(Struct, frozen=True, kw_only=True):
    """What a user says about a retirement, and the day of it."""

    reason: str
    upstreamed: str
    today: date


def plan(seen: Seen, git: Git, name: str, why: Why, *, cache: Path) -> Retirement:
    """Decide what retiring an experiment comes to.

    Args:
        seen: The repository that it is in.
        git: In the repository.
        name: Of the experiment, or of one whose retirement was interrupted.
        why: What is recorded.
        cache: fumehood's cache folder.

    Raises:
        FumehoodError: There is no such experiment, others import it, or something of the user's would be lost: every
            reason at once.
    """
    git.prefix()
    repository = seen.repository
    experiment, begun = _find(repository, name)
    path = experiment.path
    record: Record | None = None
    files: tuple[str, ...] = ()
    names = _names(repository, experiment)
    going: tuple[Workflow, ...] = ()
    if not begun:
        raise_all(list(obstacles(seen, git, experiment)))
        others = [_names(repository, other) for other in repository.experiments if other.path != path]
        going = tuple(workflows.find(repository.root, git, names, others))
        record = _record(repository, git, experiment, why, going)
        files = tuple(file.removeprefix(f"{path}/") for file, _ in git_folder.tracked(git, path))
    environments = _environments(repository, cache, experiment.session)
    holders = {os.path.relpath(environment.parent, repository.root) for environment in environments} | {".nox"}
    outside = [path, *sorted(holder for holder in holders if not holder.startswith(".."))]
    outside += [workflow.file for workflow in going]
    edits, left = _traces(repository, git, names, experiment.name, outside)
    return Retirement(
        name=experiment.name,
        folder="" if begun else path,
        files=files,
        record=record,
        record_file=_record_file(repository, path),
        workflows=going,
        edits=edits,
        left=tuple(sorted({*left, *_mentions_of(git, going, edits, outside)})),
        environments=environments,
        layers=_layers(cache, environments),
    )


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
            found = records.find(content(repository.root, file) or "", wanted)
            if found and not os.path.lexists(repository.root / found[1]):
                return Experiment(name=found[0], path=found[1]), True
        raise


def _names(repository: Repository, experiment: Experiment) -> Names:
    module = places.dotted(repository.root, experiment.path)
    return Names(path=experiment.path, session=experiment.session, module=module)


def _mentions_of(
    git: Git, going: Iterable[Workflow], edits: Iterable[Edit], outside: Iterable[str]
) -> Iterable[Mention]:
    """Lines that name a workflow that goes, such as its badge, and stay."""
    names = [workflow.file.rpartition("/")[2] for workflow in going]
    return traces.left_over(_found(git, names, outside) if names else (), edits, is_about=lambda _line: True)


def _found(git: Git, texts: Iterable[str], outside: Iterable[str], within: Iterable[str] = (".",)) -> list[Mention]:
    """The lines that hold one of some texts, but for those of records."""
    return [
        Mention(file=file, line=line, text=text)
        for file, line, text in git_folder.mentions(git, texts, outside=outside, within=within)
        if file.rpartition("/")[2] != records.FILE
    ]


def _record(repository: Repository, git: Git, experiment: Experiment, why: Why, going: Iterable[Workflow]) -> Record:
    commits = git_folder.history(git, experiment.path)
    if not commits:
        raise UsageError(f"{experiment.path} is in no commit, so nobody could get it back", remedy="commit it first")
    (commit, ended), (_, began) = commits[0], commits[-1]
    health = known(repository, git).health(experiment)
    return Record(
        name=experiment.name,
        path=experiment.path,
        summary=experiment.summary,
        theme=experiment.theme,
        owners=experiment.owners,
        began=began,
        ended=ended,
        retired=why.today.isoformat(),
        commit=commit,
        reason=why.reason,
        stale=health.reason if health.due(why.today) else "",
        upstreamed=why.upstreamed,
        others=tuple((workflow.file, workflow.commit) for workflow in going),
    )


def _record_file(repository: Repository, path: str) -> str:
    """Beside the experiments of the same root."""
    return f"{places.root_of(repository, path)}/{records.FILE}".removeprefix("/")


def _known(file: str, text: str, name: str) -> Edit:
    """Take out of the baseline what is known of an experiment."""
    entries, lines = baseline.parse(text, path=file), text.split("\n")
    own = [entry for entry in entries if entry.experiment == name]
    return Edit(
        file=file,
        before=text,
        after=baseline.render(baseline.without(entries, own)),
        removed=tuple(Mention(file=file, line=entry.line, text=lines[entry.line - 1]) for entry in own),
    )


def _traces(
    repository: Repository, git: Git, names: Names, name: str, outside: Iterable[str]
) -> tuple[tuple[Edit, ...], tuple[Mention, ...]]:
    """What goes from other files, and what is left there; what is in environments is nobody's to look at."""
    above = names.path.split("/")[:-1]
    pages = {"/".join([*above[:depth], "README.md"]) for depth in range(len(above) + 1)}
    found = _found(git, names.texts, outside)
    edits = []
    known_file = repository.settings.baseline
    for file in sorted({*(mention.file for mention in found), *pages, known_file}):
        # What a link leads to is looked at where it is.
        text = None if os.path.islink(repository.root / file) else content(repository.root, file)
        if text is not None:
            is_table = file in pages
            change = _known(file, text, name) if file == known_file else traces.edit(file, text, names, table=is_table)
            edits += [change] if change.removed else []
    left = traces.left_over(found, edits, is_about=names.are_in)
    listed = _found(git, [name], outside, within=_OF_CI)
    left += traces.left_over(listed, edits, is_about=lambda line: traces.is_in_list(name, line))
    return tuple(edits), tuple(left)


def content(root: Path, file: str) -> str | None:
    """The content of a file, byte for byte; None where there is none, or it is no text."""
    try:
        return (root / file).read_bytes().decode("utf-8")
    except (OSError, UnicodeDecodeError):
        return None


def _environments(repository: Repository, cache: Path, session: str) -> tuple[Path, ...]:
    root = str(repository.root)
    known = registry.environments(cache)
    return tuple(path for path, found in known if (found.root, found.session) == (root, session))


def _layers(cache: Path, environments: Iterable[Path]) -> tuple[str, ...]:
    """What only these environments use."""
    going = set(environments)
    known = registry.environments(cache)
    others = {digest for path, found in known if path not in going for digest in found.layers}
    own = {digest for path, found in known if path in going for digest in found.layers}
    return tuple(sorted(own - others))
