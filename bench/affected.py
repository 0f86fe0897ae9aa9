"""How long `fumehood affected` takes on a large repository, beside grimp alone and a plain walk of syntax trees.

docs/affected.md has what one run gave.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

from bench import measure, tree
from bench.place import program

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from bench.place import Place
    from bench.results import Results

GRIMP = """
import sys, grimp
sys.path[:0] = ["src", "."]
graph = grimp.build_graph("core", "experiments", cache_dir={cache!r})
print(len(graph.modules), graph.count_imports(), len(graph.find_downstream_modules("core.p010.m03")))
"""
"""The same question for grimp: which modules import one of core's, through others. It builds one graph of all."""

AST = """
import ast, subprocess
found = 0
for path in subprocess.run(["git", "ls-files", "*.py"], capture_output=True, text=True, check=True).stdout.split():
    with open(path, "rb") as file:
        for node in ast.walk(ast.parse(file.read())):
            found += isinstance(node, (ast.Import, ast.ImportFrom))
print(found)
"""
"""What everybody writes first: every file parsed, every node looked at, nothing resolved and nothing kept."""

CHANGED = "src/core/p010/m03.py"
_MANY = 10_000
_SHORT = 3
"""How often what takes a second has its turn, each time that it is somebody's."""


def affected(place: Place, results: Results, repetitions: int) -> None:
    """Contenders take turns; each time is that of one process, from its start to its answer."""
    folder = place.folder / "twenty-thousand"
    tree.make(folder, tree.Shape())
    ours = (program("fumehood"), "affected", "--json", "--base", "HEAD")
    theirs = place.folder / "grimp-cache"
    rows: dict[str, tuple[Callable[[], None], tuple[str, ...]]] = {
        "fumehood, cold": (lambda: _forget(place.fumehood_cache), ours),
        "fumehood, warm": (lambda: _edit(folder), ours),
        "grimp, cold": (lambda: _forget(theirs), (sys.executable, "-c", GRIMP.format(cache=str(theirs)))),
        "grimp, warm": (lambda: _edit(folder), (sys.executable, "-c", GRIMP.format(cache=str(theirs)))),
        "ast.walk": (lambda: None, (sys.executable, "-c", AST)),
    }
    for _ in range(repetitions):
        for name, (prepare, command) in rows.items():
            for _ in range(_SHORT if name.endswith("warm") else 1):
                prepare()
                results.add_spent("affected", name, measure.run((command,), folder, place.environ))
    for name, (prepare, command) in rows.items():
        prepare()
        results.add("affected_bytes", name, measure.peak((command,), folder, place.environ).tree)
    _edit_many(folder)
    results.add_spent("affected", f"fumehood, {_MANY:,} comments", measure.run((ours,), folder, place.environ))
    subprocess.run(["git", "checkout", "--quiet", "."], cwd=folder, check=True)  # noqa: S607 - as in tree


def _forget(cache: Path) -> None:
    shutil.rmtree(cache, ignore_errors=True)


def _edit(folder: Path) -> None:
    """Change the program of one file that many others lead to."""
    with (folder / CHANGED).open("a", encoding="utf-8") as file:
        file.write("changed = True\n")


def _edit_many(folder: Path) -> None:
    """Change a comment in ten thousand files, which affects nothing: each of them has to be compared."""
    for path in sorted(folder.glob("experiments/*/*.py"))[:_MANY]:
        with path.open("a", encoding="utf-8") as file:
            file.write("# Reviewed.\n")
