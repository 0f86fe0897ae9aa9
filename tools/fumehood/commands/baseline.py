"""``fumehood check --baseline``: the findings that a repository begins with, written down, and then only ever fewer."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from fumehood.commands import terminal
from fumehood.errors import ExitCode, UsageError, WorldError
from fumehood.model.baseline import entries_of, parse, render, together, without
from fumehood.outside.files import write_inside

if TYPE_CHECKING:
    from fumehood.model.baseline import Entry
    from fumehood.repository import Repository


def read(repository: Repository) -> tuple[Entry, ...]:
    """The baseline of a repository; empty where there is none.

    Raises:
        ConfigurationError: It is no baseline.
        WorldError: It cannot be read.
    """
    path = repository.settings.baseline
    try:
        text = (repository.root / path).read_text(encoding="utf-8", errors="surrogateescape")
    except FileNotFoundError:
        return ()
    except OSError as error:
        raise WorldError(f"{path} cannot be read: {error.strerror}", remedy="make the file readable") from None
    return parse(text, path=path)


def run(repository: Repository, names: tuple[str, ...], *, extend: bool, rules: tuple[str, ...], offline: bool) -> int:
    """Write the baseline: all that is found if there is none yet, else what is left of it.

    Args:
        repository: Whose.
        names: Of experiments; there may be none, since a baseline is the whole repository's.
        extend: Add what is new, too.
        rules: As `names`.
        offline: Neither uv nor the network.

    Raises:
        UsageError: Only a part of the repository or of the rules was asked for.
    """
    from fumehood.commands import check  # noqa: PLC0415 - it reads the baseline itself

    if names or rules:
        raise UsageError("a baseline is of all experiments and all rules", remedy="name no experiments and no rules")
    path = repository.settings.baseline
    is_new = not (repository.root / path).exists()
    known = read(repository)
    answer = check.ask(repository, check.Options(offline=offline), environ=os.environ)
    added = entries_of(answer.findings) if is_new or extend else ()
    kept = without(known, answer.gone)
    write_inside(repository.root, path, render(together(*kept, *added)))
    gone, more = (sum(entry.count for entry in entries) for entries in (answer.gone, added))
    left = sum(entry.count for entry in kept) + more
    terminal.answer(f"{path}: {left} known, {gone} gone, {more} added")
    if answer.undecided:
        terminal.say(f"{len(answer.undecided)} not decided: what is known of those is kept")
    return ExitCode.OK
