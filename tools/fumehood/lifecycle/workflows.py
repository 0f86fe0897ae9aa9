"""Workflows of GitHub that are about one experiment and nothing else, so that they go with it.

That is told from what starts them: changes of the experiment. Such a workflow never runs again once the folder is gone.
Where the clock or people start it too, it is also told from what it runs: the experiment's session or its tests, and
what installs something for them. Whatever is written in a way that is not known here, such as ``on: [push]`` or a
script, may be about something else, and is left to people.
Source: GitHub's documentation, "Workflow syntax for GitHub Actions", ``on.<push|pull_request>.<paths>``.
"""

from __future__ import annotations

import itertools
import os
import re
from typing import TYPE_CHECKING

from msgspec import Struct

from fumehood.outside import git_folder

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence
    from pathlib import Path

    from fumehood.lifecycle.traces import Names
    from fumehood.outside.git import Git

_FOLDER = ".github/workflows"
_BY_CHANGES = frozenset({"push", "pull_request", "pull_request_target"})
_BY_OTHERS = frozenset({"schedule", "workflow_dispatch"})
_KEY = re.compile(r"""(?P<indent>\ *)(?P<quote>["']?)(?P<key>[\w-]+)(?P=quote):(?P<value>\s.*)?""", re.VERBOSE)
_RUN = re.compile(r"\s*(?:-\s+)?(?P<key>)run:\s*(?P<command>.*)")
_INSTALLERS = frozenset({"install", "sync", "venv"})
_BEFORE = frozenset({"-m", "apt-get", "pip", "pipx", "python", "python3", "run", "sudo", "uv", "uvx"})
_ITEM = re.compile(r"\s*-\s+(?P<value>[^#]*?)\s*(?:#.*)?")


class Workflow(Struct, frozen=True, kw_only=True):
    """A workflow that goes with an experiment.

    Attributes:
        commit: The last that changed it, in full.
    """

    file: str
    text: str
    commit: str


def is_only_about(file: str, text: str, names: Names, others: Iterable[Names]) -> bool:
    """Whether nothing but an experiment starts a workflow, and nothing but that is in it.

    Args:
        file: Its path, which it may name itself.
        text: Its content.
        names: The experiment.
        others: All other experiments.
    """
    lines = [line.rstrip() for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    top = dict(_blocks(lines))
    jobs = list(_blocks(top.get("jobs", ())))
    triggers = dict(_blocks(top.get("on", ())))
    by_changes = [block for name, block in triggers.items() if name in _BY_CHANGES]
    return (
        bool(by_changes)
        and triggers.keys() <= _BY_CHANGES | _BY_OTHERS
        and all(_is_only_for(file, dict(_blocks(block)), names) for block in by_changes)
        and bool(jobs)
        and all(any(map(names.are_in, job)) for _, job in jobs)
        and (triggers.keys() <= _BY_CHANGES or all(_runs_only(job, names) for _, job in jobs))
        and not any(other.are_in(line) for other in others for line in lines)
    )


def _runs_only(job: Sequence[str], names: Names) -> bool:
    """Whether all that a job runs is an experiment's; of a workflow that it calls nobody knows."""
    return "steps" in dict(_blocks(job)) and all(_is_own(command, names) for command in _commands(job))


def _commands(job: Sequence[str]) -> Iterator[str]:
    """The lines of all commands that the steps of a job run."""
    depth: int | None = None
    for line in job:
        if depth is not None and len(line) - len(line.lstrip()) > depth:
            yield line.strip()
            continue
        match = _RUN.fullmatch(line)
        depth = match.start("key") if match and match["command"].startswith(("|", ">")) else None
        if match and depth is None:
            yield match["command"]


def _is_own(command: str, names: Names) -> bool:
    """Whether a command installs something, or gives nothing but an experiment to nox or pytest."""
    words = command.partition(" #")[0].split()
    if any(character in command for character in "&;|`$<>\\"):
        return False
    before = list(itertools.takewhile(_BEFORE.__contains__, words))
    what, *given = words[len(before) :] or [""]
    if what in _INSTALLERS:
        return True
    named = [word for word in given if not word.startswith("-")]
    is_test = what in {"nox", "pytest"}
    return is_test and bool(named) and all(names.are_all_of(word.partition("::")[0]) for word in named)


def _is_only_for(file: str, filters: dict[str, Sequence[str]], names: Names) -> bool:
    """Whether the paths of a trigger are an experiment's, and the workflow's own; tags are not filtered by paths."""
    matches = [_ITEM.fullmatch(line) for line in filters.get("paths", ())]
    values = [match["value"].strip("\"'") if match else "" for match in matches]
    own = [value for value in values if names.are_all_of(value)]
    is_known = all(value in {*own, file} or value.startswith("!") for value in values)
    return "tags" not in filters and any(not value.startswith("!") for value in own) and is_known


def _blocks(lines: Collection[str]) -> Iterator[tuple[str, Sequence[str]]]:
    """The keys that are least far in, each with the lines below it; a key with a value on its line has none."""
    found: list[tuple[str, list[str]]] = []
    depth = min((len(line) - len(line.lstrip()) for line in lines), default=0)
    for line in lines:
        match = _KEY.fullmatch(line)
        if match and len(match["indent"]) == depth:
            found.append((match["key"], []))
        elif found:
            found[-1][1].append(line)
    yield from found


def find(root: Path, git: Git, names: Names, others: Sequence[Names]) -> Iterator[Workflow]:
    """The workflows that go with an experiment, as the last commit has them.

    One that is not in the folder as it is there holds something of somebody's, and stays. One that is gone already was
    removed by a run that was interrupted.
    """
    if git.prefix():
        return  # GitHub looks at the top of a repository only.
    files = [
        file for file in git.paths_at("HEAD") if file.startswith(f"{_FOLDER}/") and file.endswith((".yml", ".yaml"))
    ]
    for file, content in sorted(git.files("HEAD", files).items()):
        text, place = content.decode("utf-8", "replace"), root / file
        is_as_it_was = not os.path.lexists(place) or (not place.is_symlink() and place.read_bytes() == content)
        if is_as_it_was and is_only_about(file, text, names, others):
            yield Workflow(file=file, text=text, commit=git_folder.history(git, file)[0][0])
