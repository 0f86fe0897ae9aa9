"""``fumehood matrix``, behind its options."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from fumehood.ci import answers, gather, gitlab, overrides
from fumehood.ci.jobs import jobs_of, measured
from fumehood.ci.matrix import Matrix, pack
from fumehood.commands import terminal
from fumehood.errors import ExitCode, Place
from fumehood.selection.affected import select
from fumehood.testing.results import default_folder, read_results

if TYPE_CHECKING:
    from collections.abc import Callable

    from fumehood.repository import Repository
    from fumehood.selection.asking import Asked

_FORMATS: dict[str, Callable[[Matrix, Repository], str]] = {
    "github": lambda matrix, _: answers.github(matrix),
    "gitlab": lambda matrix, repository: gitlab.child(matrix, gitlab.facts(repository)),
    "json": lambda matrix, _: answers.plain(matrix),
}


def run(
    repository: Repository,
    asked: Asked | None,
    *,
    lowest: bool,
    labels: tuple[str, ...],
    format_: str,
    say: Callable[[str], None],
) -> int:
    """Say which jobs the change asks for that git was asked for; all of them without one.

    Raises:
        UsageError: There is no such base, or git does not take the folder for a repository.
        ConfigurationError: A manifest's GPUs cannot be read, or there are more kinds of jobs than rows.
        WorldError: Git could not answer.
    """
    chosen = gather.choose_all(repository) if asked is None else _of_change(repository, asked, labels, say)
    jobs, nowhere = jobs_of(gather.wanted(repository, chosen), repository.settings.runners, lowest=lowest)
    results = read_results(default_folder(repository.root, os.environ))
    rows = pack(measured(jobs, results), repository.settings.ci.jobs)
    matrix = Matrix(rows=rows, left_out=tuple(sorted({*chosen.left_out, *nowhere})))
    for one in matrix.left_out:
        say(f"left out: {one.name}: {one.reason}")
    for wish in chosen.unknown:
        say(f"there is no experiment {wish.name!r}, which {wish.where} asks for")
    terminal.answer(_FORMATS[format_](matrix, repository))
    return ExitCode.OK


def _of_change(
    repository: Repository, asked: Asked, labels: tuple[str, ...], say: Callable[[str], None]
) -> gather.Chosen:
    selection = select(repository, asked, os.environ)
    for warned in selection.warnings:
        say(f"{Place(warned.file, warned.line)}: {warned.message}")
    messages = asked.git.said("log", "--format=%B", f"{selection.base}..HEAD").decode("utf-8", "replace")
    wishes = overrides.wishes([*labels, *overrides.labels_of(os.environ)], messages)
    chosen = gather.choose(repository, selection, wishes)
    looked = selection.looked_at
    files = "1 changed file" if looked.changed == 1 else f"{looked.changed} changed files"
    say(
        f"compared with {asked.base()}: {files}, "
        f"{len(selection.experiments)} of {looked.experiments} experiments affected"
        f"{', and core' if selection.core else ''}"
    )
    return chosen
