"""The table of experiments in the README of the folder that they are in: one that people wrote, or fumehood's."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from msgspec import Struct

from fumehood.model.block import Markers
from fumehood.reading import markdown

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from fumehood.model.experiment import Experiment
    from fumehood.reading.markdown import Row, Table
    from fumehood.rules.seen import Seen

MARKERS = Markers(begin="<!-- fumehood: experiments -->", end="<!-- fumehood: end of experiments -->")
_README = re.compile(r"readme\.(?:md|markdown)", re.IGNORECASE)
_HEAD = "\n| experiment | theme | state | owners | about |\n| --- | --- | --- | --- | --- |\n"
_OF_OWNERS = re.compile(r"(?:code ?)?(?:owner|maintainer)(?:s|\(s\))?")
"""What a column of owners is called."""
_HANDLE = re.compile(r"@[A-Za-z0-9_][A-Za-z0-9_./-]*|[^@\s,;<>]+@[^@\s,;<>]+\.[^@\s,;<>]+")


class Overview(Struct, frozen=True, kw_only=True):
    """A README that tells of the experiments in a folder.

    Attributes:
        path: Of the README.
        folder: Which the experiments are in; empty for the top of the repository.
        experiments: Those in it, sorted by name.
    """

    path: str
    folder: str
    experiments: tuple[Experiment, ...]

    def body(self) -> str:
        """What belongs between the markers."""
        return "".join([_HEAD, *(f"{self._row(experiment)}\n" for experiment in self.experiments), "\n"])

    def _row(self, experiment: Experiment) -> str:
        link = f"[`{experiment.name}`]({experiment.path.removeprefix(f'{self.folder}/').replace(' ', '%20')}/)"
        cells = (link, experiment.theme, experiment.state, " ".join(experiment.owners), experiment.summary)
        return f"| {' | '.join(_cell(cell) for cell in cells)} |"

    def named(self, row: Row) -> Experiment | None:
        """The experiment that a row is about."""
        name = row.cells[0].strip("` /") if row.cells else ""
        return next((one for one in self.experiments if name in {one.name, one.path, one.session}), None)


def overviews(seen: Seen) -> Iterator[Overview]:
    """The READMEs of the folders that experiments are in."""
    for folder, experiments in _folders(seen):
        for name in filter(_README.fullmatch, _names(seen, folder)):
            yield _overview(folder, name, experiments)


def untold(seen: Seen) -> Iterator[Overview]:
    """Of each folder whose READMEs tell of no owners the first of them, or the one that it should have.

    The README at the top of a repository is about more, and one that is not Markdown is left to people; so are folders
    of which nobody has declared anything to be an experiment.
    """
    for folder, experiments in _folders(seen):
        names = [name for name in _names(seen, folder) if name.lower().startswith("readme")]
        pages = list(filter(_README.fullmatch, names))
        is_for_people = bool(names) and not pages
        if not folder or is_for_people or not any(experiment.manifest for experiment in experiments):
            continue
        found = [_overview(folder, name, experiments) for name in pages or ["README.md"]]
        if not any(_tells_owners(content(seen, one.path)) for one in found):
            yield found[0]


def _folders(seen: Seen) -> Iterable[tuple[str, list[Experiment]]]:
    """The folders that experiments are in, each with those."""
    found: dict[str, list[Experiment]] = {}
    for experiment in seen.repository.experiments:
        found.setdefault(experiment.path.removesuffix(experiment.name).rstrip("/"), []).append(experiment)
    return sorted(found.items())


def _names(seen: Seen, folder: str) -> list[str]:
    try:
        return sorted(os.listdir(seen.root / folder))
    except OSError:
        return []


def _overview(folder: str, name: str, experiments: Iterable[Experiment]) -> Overview:
    return Overview(path=f"{folder}/{name}" if folder else name, folder=folder, experiments=tuple(experiments))


def content(seen: Seen, path: str) -> bytes:
    """What is in a README; nothing where it cannot be read."""
    try:
        return (seen.root / path).read_bytes()
    except OSError:
        return b""


def _tells_owners(text: bytes) -> bool:
    is_marked = any(mark.encode() in text for mark in (MARKERS.begin, MARKERS.end))
    return is_marked or any(tables(text.decode("utf-8-sig", "replace")))


def tables(text: str) -> Iterator[tuple[Table, int]]:
    """The tables that tell owners, each with the column that does."""
    for section in markdown.parse(text).sections:
        for table in section.tables:
            head = [cell.strip().lower() for cell in table.rows[0].cells]
            column = next((index for index, cell in enumerate(head) if _OF_OWNERS.fullmatch(cell)), None)
            if column:  # The first column tells what is owned.
                yield table, column


def owners_in(row: Row, column: int) -> tuple[str, ...]:
    """The owners that a row tells."""
    return tuple(_HANDLE.findall(row.cells[column])) if len(row.cells) > column else ()


def unlisted(overview: Overview, table: Table) -> Iterable[Experiment]:
    """The experiments that a table leaves out."""
    listed = [overview.named(row) for row in table.rows[1:]]
    return (experiment for experiment in overview.experiments if experiment not in listed)


def _cell(text: str) -> str:
    return " ".join(text.replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;").split()) or "-"
