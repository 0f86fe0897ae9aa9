"""``fumehood matrix``, behind its options."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

from fumehood.ci import answers, gather, gitlab, overrides
from fumehood.ci.jobs import jobs_of, measured
from fumehood.ci.matrix import Matrix, pack
from fumehood.errors import ExitCode, Place
from fumehood.outside.work_tree import WorkTree
from fumehood.selection.affected import select
from fumehood.selection.base import find_base
from fumehood.testing.results import default_folder, read_results

if TYPE_CHECKING:
    from collections.abc import Callable

    from fumehood.repository import Repository

_FORMATS: dict[str, Callable[[Matrix, Repository], str]] = {
    "github": lambda matrix, _: answers.github(matrix),
    "gitlab": lambda matrix, repository: gitlab.child(matrix, gitlab.facts(repository)),
    "json": lambda matrix, _: answers.plain(matrix),
}


def run(  # noqa: PLR0913 - one keyword for each option of the command
    repository: Repository,
    *,
    base: str | None,
    all_: bool,
    lowest: bool,
    labels: tuple[str, ...],
    format_: str,
    say: Callable[[str], None],
) -> int:
    """Say which jobs a change asks for, or all of them.

    Raises:
        UsageError: There is no such base, or git does not take the folder for a repository.
        ConfigurationError: A manifest's GPUs cannot be read, or there are more kinds of jobs than rows.
        WorldError: Git could not answer.
    """
    chosen = gather.choose_all(repository) if all_ else _of_change(repository, base, labels, say)
    jobs, nowhere = jobs_of(gather.wanted(repository, chosen), repository.settings.runners, lowest=lowest)
    results = read_results(default_folder(repository.root, os.environ))
    rows = pack(measured(jobs, results), repository.settings.ci.jobs)
    matrix = Matrix(rows=rows, left_out=tuple(sorted({*chosen.left_out, *nowhere})))
    for one in matrix.left_out:
        say(f"left out: {one.name}: {one.reason}")
    for wish in chosen.unknown:
        say(f"there is no experiment {wish.name!r}, which {wish.where} asks for")
    click.echo(_FORMATS[format_](matrix, repository))
    return ExitCode.OK


def _of_change(
    repository: Repository, base: str | None, labels: tuple[str, ...], say: Callable[[str], None]
) -> gather.Chosen:
    git = WorkTree(cwd=repository.root)
    found = find_base(git, base, os.environ)
    selection = select(repository, git, found, os.environ)
    for warned in selection.warnings:
        say(f"{Place(warned.file, warned.line)}: {warned.message}")
    messages = git.said("log", "--format=%B", f"{found.commit}..HEAD").decode("utf-8", "replace")
    wishes = overrides.wishes([*labels, *overrides.labels_of(os.environ)], messages)
    chosen = gather.choose(repository, selection, wishes)
    looked = selection.looked_at
    files = "1 changed file" if looked.changed == 1 else f"{looked.changed} changed files"
    say(
        f"compared with {found}: {files}, "
        f"{len(selection.experiments)} of {looked.experiments} experiments affected"
        f"{', and core' if selection.core else ''}"
    )
    return chosen
