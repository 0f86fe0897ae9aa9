"""``fumehood release-gate``, behind its options."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from fumehood.commands import terminal
from fumehood.commands.reports import as_json, table
from fumehood.errors import ExitCode
from fumehood.lifecycle.gate import Gate, NotGreen, gate, release
from fumehood.outside.git import Git
from fumehood.testing.results import default_folder, read_results

if TYPE_CHECKING:
    from fumehood.repository import Repository

HEADINGS = ("experiment", "owners", "how it stands", "since", "last green")


def run(repository: Repository, version: str, *, format_: str, width: int) -> ExitCode:
    """Say what is not green on a release's core; 1 if anything is not."""
    git = Git(cwd=repository.root)
    git.prefix()
    results = read_results(default_folder(repository.root, os.environ))
    found = gate(git, release(git, version), repository.experiments, results)
    match format_:
        case "json":
            terminal.answer(gate_json(found))
        case "markdown":
            terminal.answer(gate_markdown(found))
        case _:
            terminal.answer(gate_text(found, width=width))
    return ExitCode.FINDINGS if found.closed else ExitCode.OK


def gate_text(found: Gate, *, width: int) -> str:
    """The answer for people."""
    parts = [_headline(found)]
    if found.closed:
        parts.append(table(HEADINGS, map(_cells, found.closed), width=width))
    return "\n\n".join([*parts, *_left_out(found)])


def gate_markdown(found: Gate) -> str:
    """The answer to be pasted into an issue or a message."""
    parts = [_escaped(_headline(found))]
    if found.closed:
        rows = [HEADINGS, ("---",) * len(HEADINGS), *(map(_escaped, _cells(row)) for row in found.closed)]
        parts.append("\n".join(f"| {' | '.join(row)} |" for row in rows))
    return "\n\n".join([*parts, *map(_escaped, _left_out(found))])


def gate_json(found: Gate) -> str:
    """The answer for programs."""
    return as_json(
        release={"version": found.release.version, "ref": found.release.ref, "commit": found.release.commit},
        green=found.open,
        not_green=[
            {
                "name": row.experiment.name,
                "owners": sorted(row.experiment.owners),
                "status": row.how,
                "since": row.since,
                "last_green": {"day": row.green[0], "commit": row.green[1]} if row.green else None,
            }
            for row in found.closed
        ],
        left_out=[{"name": one.name, "state": one.state} for one in found.left_out],
    )


def _headline(found: Gate) -> str:
    of, closed = found.open + len(found.closed), len(found.closed)
    which = f"{found.release.version} ({found.release.ref}, {found.release.commit[:9]} of {found.release.time.date()})"
    if not closed:
        return f"{which}: {'the only experiment is' if of == 1 else f'all {of} experiments are'} green on it"
    return f"{which}: {closed} of {of} experiments {'is' if closed == 1 else 'are'} not green on it"


def _cells(row: NotGreen) -> tuple[str, ...]:
    owners = " ".join(row.experiment.owners) or "nobody"
    green = f"{row.green[0]}, {row.green[1][:9]}" if row.green else "never"
    return row.experiment.name, owners, row.how, row.since, green


def _left_out(found: Gate) -> list[str]:
    said = ", ".join(f"{one.name} ({one.state})" for one in found.left_out)
    return [f"left out: {said}"] if said else []


def _escaped(text: str) -> str:
    """Text that Markdown shows as it is; a handle is left to call its owner."""
    return "".join(f"\\{character}" if character in "\\`*_[]<>|#" else character for character in text)
