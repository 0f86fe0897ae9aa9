"""``fumehood reuse``: what an experiment uses of core, and what it has copied."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from fumehood.commands import reports, terminal
from fumehood.commands.progress import Bar
from fumehood.copies.search import FINGERPRINTS, code_of
from fumehood.copies.since import History, Since
from fumehood.errors import ExitCode
from fumehood.imports.cache import IMPORTS, sources_of
from fumehood.imports.survey import connected, outline
from fumehood.outside.git import Git
from fumehood.outside.remembered import Asked, ahead
from fumehood.outside.work_tree import WorkTree
from fumehood.rules.crossing import copied, crossings, files_with_copies, parts

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from fumehood.copies.matching import Copy, Lines
    from fumehood.copies.search import FileCopies
    from fumehood.imports.survey import Outline, Survey
    from fumehood.outside.git import Change
    from fumehood.repository import Repository
    from fumehood.rules.crossing import Parts, Use


class KnownCopy(Struct, frozen=True, kw_only=True):
    """A copy, the file that it stands in, and what became of its original."""

    path: str
    copy: Copy
    since: Since


class Reuse(Struct, frozen=True, kw_only=True):
    """How an experiment stands to core.

    Attributes:
        points: Each of core's extension points that it uses, with how many lines import it.
        modules: Likewise, each module of core's.
        tokens: Of all its code.
    """

    name: str
    path: str
    points: tuple[tuple[str, int], ...] = ()
    modules: tuple[tuple[str, int], ...] = ()
    tokens: int = 0
    copies: tuple[KnownCopy, ...] = ()

    @property
    def copied(self) -> int:
        """How many of its tokens are copies of core's."""
        return sum(known.copy.tokens for known in self.copies)

    @property
    def share(self) -> float:
        """How much of its code is a copy of core's, from 0 to 1."""
        return self.copied / self.tokens if self.tokens else 0.0


def run(
    repository: Repository, names: tuple[str, ...], *, environ: Mapping[str, str], as_json: bool, width: int
) -> int:
    """Measure the named experiments, or all."""
    experiments = repository.select(names)
    with Bar() as bar:
        bar.begin("reading sources", None)
        files = outline(repository, WorkTree(cwd=repository.root).listed())
        where = parts(repository, files.territories)
        found, copies = _read(files, where, {experiment.name for experiment in experiments}, environ)
        uses = crossings(found, where, environ).into
        history = History(Git(cwd=repository.root), lambda path: where.kind(path) == "core")
        bar.begin("asking git", sum(len(file.copies) for files in copies.values() for file in files))
        measured = [
            Reuse(
                name=experiment.name,
                path=experiment.path,
                points=_points(repository, uses.get(experiment.name, ())),
                modules=_modules(found, where, uses.get(experiment.name, ())),
                tokens=sum(file.tokens for file in copies.get(experiment.name, ())),
                copies=tuple(_known(repository, history, copies.get(experiment.name, ()), bar)),
            )
            for experiment in experiments
        ]
    terminal.answer(as_answer(measured) if as_json else "\n\n".join(as_text(one, width=width) for one in measured))
    return ExitCode.OK


def _read(
    files: Outline, where: Parts, names: set[str], environ: Mapping[str, str]
) -> tuple[Survey, Mapping[str, Sequence[FileCopies]]]:
    own, core = files_with_copies(files, where, names)
    asked = (
        Asked(reading=IMPORTS, paths=files.python),
        Asked(reading=FINGERPRINTS, paths=[*own, *core], are_all=False),
    )
    with ahead(asked, files.root, environ) as reader:
        found = connected(files, sources_of(reader.found(IMPORTS)), environ)
        return found, copied(files, where, names, reader.found(FINGERPRINTS), environ)


def _known(repository: Repository, history: History, files: Iterable[FileCopies], bar: Bar) -> Iterator[KnownCopy]:
    for file in files:
        for copy in file.copies:
            original = code_of(repository.root, copy.original)
            yield KnownCopy(path=file.path, copy=copy, since=history.since(file.path, copy, original))
            bar.advance("asking git")


def _points(repository: Repository, uses: Iterable[Use]) -> tuple[tuple[str, int], ...]:
    imported = [f"{use.module}." for use in uses]
    counts = {
        name: sum(module.startswith(f"{point.replace(':', '.')}.") for module in imported)
        for name, point in repository.settings.extension_points
    }
    return tuple(sorted((name, count) for name, count in counts.items() if count))


def _modules(found: Survey, where: Parts, uses: Iterable[Use]) -> tuple[tuple[str, int], ...]:
    """Most used first; lines count once for each module, and core's tests are named by their files."""
    places = {(use.path, use.line, use.target) for use in uses if where.kind(use.target) == "core"}
    counts = Counter(target if where.is_core_test(target) else found.graph.name(target) for _, _, target in places)
    return tuple(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def as_text(reuse: Reuse, *, width: int) -> str:
    """The answer for people."""
    share = f"{reuse.share:.1%} of its code is a copy of core's ({reuse.copied} of {reuse.tokens} tokens)"
    blocks = [f"{reuse.name}: {share if reuse.tokens else 'it has no Python code'}"]
    uses = [(name, "extension point", str(count)) for name, count in reuse.points]
    uses += [(name, "module", str(count)) for name, count in reuse.modules]
    blocks.append(
        reports.table(("of core", "what", "imports"), uses, width=width) if uses else "it imports nothing of core's"
    )
    if reuse.copies:
        rows = [
            (
                f"{known.path.removeprefix(f'{reuse.path}/')}:{known.copy.lines}",
                f"{known.copy.original}:{known.copy.original_lines}",
                _fate(known),
            )
            for known in reuse.copies
        ]
        blocks.append(reports.table((f"in {reuse.path}", "is a copy of", "and core's"), rows, width=width))
    return "\n\n".join(blocks)


def _fate(known: KnownCopy) -> str:
    """What became of the original, in a few words."""
    since = known.since
    made = f" since {since.made}" if since.made else ""
    was = f", then in {since.was}" if since.was else ""
    match since.fate:
        case "same":
            said = f"is the same{made}"
        case "changed":
            newest = f", last by {since.changes[0]}" if since.changes else ""
            said = f"has changed{made}{newest}"
        case "younger":
            said = f"is younger: this is from {since.made}"
        case "uncommitted":
            said = "is the same: the copy is not committed"
        case "unknown":
            said = "has no history here"
    return f"{'renamed; ' if known.copy.renamed else ''}{said}{was}"


def as_answer(measured: Sequence[Reuse]) -> str:
    """The answer for programs."""
    return reports.as_json(
        experiments=[
            {
                "name": one.name,
                "path": one.path,
                "tokens": one.tokens,
                "copied": one.copied,
                "share": round(one.share, 4),
                "extension_points": [{"name": name, "imports": count} for name, count in one.points],
                "modules": [{"name": name, "imports": count} for name, count in one.modules],
                "copies": [_copy(known) for known in one.copies],
            }
            for one in measured
        ]
    )


def _copy(known: KnownCopy) -> dict[str, Any]:
    copy, since = known.copy, known.since
    return {
        "file": known.path,
        "lines": _ends(copy.lines),
        "original": copy.original,
        "original_lines": _ends(copy.original_lines),
        "tokens": copy.tokens,
        "renamed": copy.renamed,
        "since": {
            "fate": since.fate,
            "made": _change(since.made) if since.made else None,
            "was": since.was or copy.original,
            "changes": [_change(change) for change in since.changes],
        },
    }


def _ends(lines: Lines) -> list[int]:
    return [lines.first, lines.last]


def _change(change: Change) -> dict[str, str]:
    return {"commit": change.commit, "date": change.date, "title": change.title}
