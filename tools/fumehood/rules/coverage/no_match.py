"""``coverage/no-match``."""

from __future__ import annotations

import glob
from typing import TYPE_CHECKING

from fumehood.errors import FumehoodError, Place
from fumehood.model.globs import matches
from fumehood.outside import toml_file
from fumehood.rules.change import Change
from fumehood.rules.owner.lines import MARKERS, rewritten
from fumehood.rules.rule import Rule
from fumehood.settings import PYPROJECT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from fumehood.model.finding import Finding
    from fumehood.rules.seen import Seen


def check(seen: Seen) -> Iterator[Finding]:
    """Patterns of the settings and of CODEOWNERS that match nothing that is there."""
    yield from _of_settings(seen)
    if seen.codeowners:
        written = _written(seen, seen.codeowners.path)
        for rule in seen.codeowners.rules:
            if not any(map(rule.regex.match, seen.files)):
                place = Place(seen.codeowners.path, rule.line)
                remedy = _REWRITE if rule.line in written else _REMEDY
                yield RULE.finding("", place, f"{rule.pattern} matches no file", remedy=remedy)


def _written(seen: Seen, path: str) -> range:
    """The lines of CODEOWNERS that `owner/disagree` writes; none where their markers are damaged."""
    try:
        block = MARKERS.find((seen.root / path).read_bytes(), name=path)
    except (OSError, FumehoodError):
        return range(0)
    return range(block.line, block.line + block.body.count("\n") + 1) if block else range(0)


def fix(seen: Seen) -> Iterator[Change]:
    """Write the block of CODEOWNERS anew where there is one."""
    if seen.codeowners and _written(seen, path := seen.codeowners.path):
        yield Change.of(seen.root, path, lambda content: rewritten(content, path, seen.repository.experiments))


def _of_settings(seen: Seen) -> Iterator[Finding]:
    settings = seen.settings
    folders = {file.rpartition("/")[0] for file in seen.files}

    def is_there(pattern: str) -> bool:
        return bool(glob.glob(pattern, root_dir=seen.root, recursive=True))

    def is_folder(pattern: str) -> bool:
        return any(matches(folder, pattern) for folder in folders)

    def has_files(pattern: str) -> bool:
        return any(matches(file, pattern) for file in seen.files)

    found: tuple[tuple[tuple[str, ...], tuple[str, ...], Callable[[str], bool]], ...] = (
        (("experiments",), settings.experiments, is_there),
        (("exclude",), settings.exclude, is_folder),
        (("affected", "all"), settings.affected.all, has_files),
        (("affected", "ignore"), settings.affected.ignore, has_files),
    )
    for keys, patterns, exists in found:
        for pattern in patterns:
            if (place := _place(seen, keys)) and not exists(pattern):
                message = f"{pattern!r} in {'.'.join(keys)} matches nothing"
                yield RULE.finding("", place, message, remedy=_REMEDY)


def _place(seen: Seen, keys: tuple[str, ...]) -> Place | None:
    """Where the settings say it; None for what is only a default."""
    try:
        file = toml_file.load(seen.root / PYPROJECT, name=PYPROJECT)
    except FumehoodError:
        return None
    table = file.data.get("tool", {}).get("fumehood", {})
    for key in keys:
        if key not in table:
            return None
        table = table[key]
    return file.place("tool", "fumehood", *keys)


_REMEDY = "correct it, or take it out"
_REWRITE = "`fumehood check --fix` takes it out of what it has written"

RULE = Rule(
    id="coverage/no-match",
    severity="warning",
    summary="A pattern in the settings or in CODEOWNERS that matches nothing.",
    why="""\
A folder was renamed, and the pattern was not: experiments are no longer found, files count again that should not, or
nobody is asked to review. None of it shows, since a pattern that matches nothing is no error to whoever reads it.""",
    remedy="""\
Correct the pattern, or take it out; `fumehood check --fix` takes out lines of CODEOWNERS that it has written.""",
    check=check,
    fix=fix,
    waive="When the files come with the next release.",
)
