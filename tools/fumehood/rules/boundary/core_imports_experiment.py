"""``boundary/core-imports-experiment``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fumehood.errors import Place
from fumehood.reading import entry_points
from fumehood.rules.crossing import by_line, reached
from fumehood.rules.rule import Rule
from fumehood.settings import PYPROJECT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fumehood.model.finding import Finding
    from fumehood.rules.seen import Seen

_REMEDY = "move what both need into core, or what needs the experiment out of core"
_REGISTER = "let experiments announce themselves, by an entry point or in a list that core is given when it starts"


def check(seen: Seen) -> Iterator[Finding]:
    """Imports of experiments by core and its tests, whichever way they are written."""
    if not seen.is_whole:
        return
    yield from _statements(seen)
    yield from _put_together(seen)
    yield from _path_edits(seen)
    yield from _entry_points(seen)


def _statements(seen: Seen) -> Iterator[Finding]:
    for use in by_line(seen.core_crossings):
        whose = _whose(seen, use.target)
        yield RULE.finding(
            "",
            Place(use.path, use.line),
            f"{_subject(seen, use.path)} {use.module}, which is {whose}{use.how}",
            remedy=_REMEDY if seen.parts.experiment(use.target) else _REGISTER,
            subject=use.module,
        )


def _subject(seen: Seen, path: str) -> str:
    return "core's tests import" if seen.parts.is_core_test(path) else "core imports"


def _whose(seen: Seen, target: str) -> str:
    name = seen.parts.experiment(target)
    return f"a part of the experiment {name}" if name else "among the experiments and no part of core"


def _put_together(seen: Seen) -> Iterator[Finding]:
    """Names that are formatted and then imported, where the beginning that is literal leads to experiments."""
    for path in seen.core_survey.sources.naming:
        if seen.parts.kind(path) == "core":
            for text, line, _ in seen.core_survey.sources.scans[path].prefixes:
                package = text.rpartition(".")[0]
                folders = seen.core_survey.graph.package_folders(path, text)
                is_offered = bool(package and seen.needs.home("", package.partition(".")[0]))
                if is_offered or any(seen.parts.is_among_experiments(folder) for folder in folders):
                    yield RULE.finding(
                        "",
                        Place(path, line),
                        f"{_subject(seen, path)} what begins with {text!r}, which leads to experiments",
                        remedy=_REGISTER,
                        subject=text,
                    )


def _path_edits(seen: Seen) -> Iterator[Finding]:
    for path, edits in seen.core_survey.sources.path_edits.items():
        if seen.parts.kind(path) == "core":
            for pieces, line in edits:
                for folder in seen.core_survey.graph.folders(path, pieces):
                    if seen.parts.is_among_experiments(folder):
                        yield RULE.finding(
                            "",
                            Place(path, line),
                            f"core puts {folder} on the import path, where experiments are",
                            remedy=_REMEDY,
                            subject=folder,
                        )
                        break


def _entry_points(seen: Seen) -> Iterator[Finding]:
    """What core's metadata promises to installers and plugins."""
    for point in entry_points.read(seen.root):
        files = reached(seen.core_survey.graph, PYPROJECT, (point.module, 0, "", 0, 0), "", seen.needs.home)
        if files and seen.parts.is_among_experiments(files[-1]):
            yield RULE.finding(
                "",
                point.place,
                f"core's entry point {point.name!r} is {point.value}, which is {_whose(seen, files[-1])}",
                remedy="declare it in a pyproject.toml of the experiment's own",
                subject=f"{point.group} {point.name}",
            )


RULE = Rule(
    id="boundary/core-imports-experiment",
    severity="error",
    summary="Core, or a test of core's, imports an experiment.",
    why="""\
Experiments come and go, and anyone may delete one on the day that it has served its purpose. Core that imports one is
broken on that day, and until then it needs that experiment's requirements and is as stable as that experiment. So
imports lead one way, from experiments to core. It counts whichever way it is written: as a statement, in a function, in
a `try`, for type checkers only, with `import_module` or `__import__` of a name that is literal or begins so, as an
entry point (in `[project]`, of Poetry or flit, in `setup.cfg`, or written out in `setup.py`), or by putting an
experiment's folder on `sys.path`. The name of a package in an experiment's `src` means that one, unless a requirement
line brings another of this name.""",
    remedy="""\
Move what core needs into core, or the code that needs the experiment out of core. A test of core's that uses an
experiment is that experiment's test. Where core keeps a list of experiments, turn it around: experiments announce
themselves through an entry point, or core is told on its command line which module to load.""",
    check=check,
    reads="imports of core",
)
