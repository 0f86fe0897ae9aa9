"""``fumehood ci write``, ``check`` and ``verdict``, behind their options."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fumehood.ci import github, gitlab
from fumehood.ci.answers import read_rows
from fumehood.ci.verdict import judge, markdown, text
from fumehood.commands import terminal
from fumehood.commands.reports import as_json as report_json
from fumehood.errors import ExitCode, WorldError
from fumehood.outside.files import write_inside
from fumehood.testing.results import read_results

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from fumehood.ci.verdict import Verdict
    from fumehood.repository import Repository

PLATFORMS = ("github", "gitlab")


def _text(platform: str, repository: Repository) -> tuple[str, str]:
    """The path and the text of the file that a platform reads."""
    if platform == "github":
        return github.PATH, github.workflow(github.facts(repository))
    return gitlab.PATH, gitlab.parent(gitlab.facts(repository))


def _platforms(repository: Repository, platform: str | None) -> tuple[str, ...]:
    """The platform that was named; else those whose file is there; else GitLab where it is in use, or GitHub."""
    if platform:
        return (platform,)
    there = tuple(one for one in PLATFORMS if (repository.root / _text(one, repository)[0]).exists())
    return there or (("gitlab",) if (repository.root / ".gitlab-ci.yml").exists() else ("github",))


def write(repository: Repository, *, platform: str | None, say: Callable[[str], None]) -> int:
    """Write the workflow; a file that is as it should be is left alone.

    Raises:
        WorldError: The disk refused.
    """
    for one in _platforms(repository, platform):
        path, wanted = _text(one, repository)
        if _read(repository.root / path) == wanted:
            say(f"{path} is current")
            continue
        write_inside(repository.root, path, wanted)
        say(f"wrote {path}")
        if one == "gitlab":
            say(f"  .gitlab-ci.yml takes it in with: include: [{{local: {path}}}]")
        for missing in _missing(repository.root):
            say(f"  {missing}")
    return ExitCode.OK


def _missing(root: Path) -> Iterator[str]:
    """What a workflow needs beside itself, and does not have."""
    if not (root / "noxfile.py").is_file():
        yield "its jobs run nox: write a noxfile.py with `import fumehood.nox` and `fumehood.nox.register()`"
    clone = next((folder for folder in (root, *root.parents) if (folder / ".git").exists()), root)
    if clone != root:
        folder = root.relative_to(clone).as_posix()
        yield f"it is read at the top of a clone only, and runs there: this repository is {folder} in one"


def check(repository: Repository, *, platform: str | None, say: Callable[[str], None]) -> int:
    """Compare the committed workflow with the one that would be written."""
    code = ExitCode.OK
    for one in _platforms(repository, platform):
        path, wanted = _text(one, repository)
        there = _read(repository.root / path)
        if there != wanted:
            what = "there is no such workflow" if there is None else "it is not what fumehood writes"
            line = _first_difference(there, wanted) if there is not None else 0
            say(f"{path}{f':{line}' if line else ''}: {what}\n  → run `fumehood ci write {one}` and commit it")
            code = ExitCode.FINDINGS
        else:
            say(f"{path} is current")
    return code


def _first_difference(there: str, wanted: str) -> int:
    pairs = zip(there.splitlines(), wanted.splitlines(), strict=False)
    same = next((number for number, (one, other) in enumerate(pairs) if one != other), None)
    return same + 1 if same is not None else min(len(there.splitlines()), len(wanted.splitlines())) + 1


def _read(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None


def verdict(folder: Path, *, rows: Path, summary: Path | None, as_json: bool) -> int:
    """Judge the results of a matrix.

    Raises:
        ConfigurationError: The rows cannot be read.
        WorldError: The summary cannot be written.
    """
    found = judge(read_rows(rows), read_results(folder))
    terminal.answer(verdict_json(found) if as_json else text(found))
    if summary is not None:
        try:
            with summary.open("a", encoding="utf-8") as file:
                file.write(markdown(found))
        except OSError as error:
            raise WorldError(f"the summary was not written: {error.strerror}: {summary}") from error
    return ExitCode.FINDINGS if found.blocks else ExitCode.OK


def verdict_json(found: Verdict) -> str:
    """The verdict for programs."""
    return report_json(
        blocks=found.blocks,
        sessions=[
            {
                "session": one.session,
                "row": one.row,
                "status": one.status,
                "reason": one.reason,
                "failed": one.failed,
                "advisory": one.advisory,
                "owners": list(one.owners),
                "seconds": one.seconds,
                "because": one.because,
            }
            for one in found.sessions
        ],
    )
