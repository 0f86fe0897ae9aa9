"""``fumehood status``, behind its options."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from fumehood.commands import status_reports, terminal
from fumehood.commands.asking import desk
from fumehood.commands.check import without_collection
from fumehood.commands.memo import today
from fumehood.commands.progress import Bar
from fumehood.conflicts.check import Check
from fumehood.errors import UsageError
from fumehood.lifecycle.status import Sources, overview
from fumehood.model.experiment import experiment_target
from fumehood.outside.files import write_whole
from fumehood.outside.git import Git
from fumehood.rules.evidence import readme
from fumehood.rules.seen import Seen
from fumehood.testing.results import default_folder, read_results

if TYPE_CHECKING:
    from pathlib import Path

    from fumehood.repository import Repository


def run(repository: Repository, *, html: Path | None, as_json: bool, width: int | None) -> None:
    """Say how every experiment is doing."""
    if html and as_json:
        raise UsageError("--html and --json are two answers", remedy="ask for one at a time")
    found = overview(repository, Git(cwd=repository.root), _sources(repository), today(os.environ))
    if html:
        from fumehood.lifecycle import page  # noqa: PLC0415 - only the page needs it

        rows = [page.Row(cells=status_reports.cells(status, found.today), status=status) for status in found.statuses]
        text = page.render(
            name=repository.root.name,
            today=found.today,
            summary=status_reports.summary(found),
            headings=status_reports.HEADINGS,
            rows=rows,
        )
        write_whole(html, text.encode(errors="backslashreplace"))  # as standard output shows names that are not UTF-8
        terminal.answer(str(html))
    elif as_json:
        terminal.answer(status_reports.status_json(found))
    else:
        terminal.answer(status_reports.status_text(found, width=width))


def _sources(repository: Repository) -> Sources:
    """What results, READMEs, locks and lines say, without uv and the network."""
    targets = [(experiment, experiment_target(experiment)) for experiment in repository.experiments]
    with without_collection(), desk(repository, offline=True) as asking, Bar() as bar:
        versions = Check(asking.book, asking.uv, asking.scratch, bar, offline=True).run(targets)
        seen = Seen.without_versions(repository, asking.book, today(os.environ))
        measured = {name: readme.measured(found) for name, found in seen.readmes.items()}
    results = read_results(default_folder(repository.root, os.environ))
    return Sources(results=results, versions=versions, measured=measured)
