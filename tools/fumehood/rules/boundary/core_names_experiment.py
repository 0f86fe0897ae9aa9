"""``boundary/core-names-experiment``."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from fumehood.errors import Place
from fumehood.imports.graph import is_named
from fumehood.model.import_flags import DYNAMIC
from fumehood.rules.crossing import is_hidden, reached
from fumehood.rules.rule import Rule
from fumehood.settings import PYPROJECT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fumehood.model.finding import Finding
    from fumehood.rules.seen import Seen

_REGISTRIES = (".cfg", ".ini", ".json", ".toml", ".yaml", ".yml")
_OF_TOOLS = frozenset({PYPROJECT, "mypy.ini", "pytest.ini", "setup.cfg", "tox.ini"})
"""Files at the top that tools read, which check and build, and not core."""
_MOST_BYTES = 1024 * 1024


def check(seen: Seen) -> Iterator[Finding]:
    """Names of experiments' modules in strings of core's code and in files that a program reads."""
    if not seen.is_whole:
        return
    graph = seen.core_survey.graph
    for path in seen.core_survey.sources.naming:
        if seen.parts.kind(path) == "core":
            scan = seen.core_survey.sources.scans[path]
            imported = {raw[0] for raw in scan.imports if raw[4] & DYNAMIC}  # The rule about imports says those.
            for raw in {raw[0]: raw for raw in reversed(scan.strings) if raw[0] not in imported}.values():
                files = reached(graph, path, raw, "", seen.needs.home)
                if files and seen.parts.is_among_experiments(files[-1]) and is_named(raw[0], files[-1]):
                    yield _finding(path, raw[3], raw[0])
    yield from _in_registries(seen)


def _in_registries(seen: Seen) -> Iterator[Finding]:
    """Names in configuration files of core's; not in hidden files, which are for tools too."""
    names = sorted({*seen.needs.homes, *(name for root in seen.parts.roots for name in _dotted(seen, root))})
    if not names:
        return
    pattern = re.compile(rf"(?<![\w./-])(?:{'|'.join(map(re.escape, names))})(?:\.[A-Za-z_]\w*)+")
    for path in seen.core_survey.files:
        if path.endswith(_REGISTRIES) and _is_read_by_core(path, seen) and seen.parts.kind(path) == "core":
            text = seen.text(path) or ""
            for number, line in enumerate(text.splitlines() if len(text) < _MOST_BYTES else (), start=1):
                for match in pattern.finditer(line):
                    files = reached(seen.core_survey.graph, "", (match[0], 0, "", 0, 0), "", seen.needs.home)
                    if files and seen.parts.is_among_experiments(files[-1]) and is_named(match[0], files[-1]):
                        yield _finding(path, number, match[0])


def _dotted(seen: Seen, root: str) -> Iterator[str]:
    """The names under which the folder around the experiments is imported."""
    yield from seen.core_survey.graph.modules.names(f"{root}__init__.py", seen.core_survey.territories.core.roots)


def _is_read_by_core(path: str, seen: Seen) -> bool:
    return path not in _OF_TOOLS and path != seen.settings.baseline and not is_hidden(path)


def _finding(path: str, line: int, name: str) -> Finding:
    return RULE.finding(
        "",
        Place(path, line),
        f"core names {name}, which is no part of core",
        remedy="let experiments announce themselves, by an entry point or in a list that core is given when it starts",
        subject=name,
    )


RULE = Rule(
    id="boundary/core-names-experiment",
    severity="warning",
    summary="Core names an experiment's module in a string or in a file that it reads.",
    why="""\
A registry that maps names to modules imports them in the end, at a moment that no import statement shows. When the
experiment is deleted, the entry is left, and fails for whoever chooses it.""",
    remedy="""\
Turn the registry around: experiments announce themselves through an entry point, or core is told on its command line
which module to load.""",
    waive="A name that core compares with and never imports.",
    check=check,
    reads="imports of core",
)
