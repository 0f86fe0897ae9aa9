"""How long `fumehood affected` takes on a large repository, beside grimp alone and a plain walk of syntax trees.

``python -m bench.affected`` prints a table; see docs/affected.md for what one run gave.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from bench import measure, tree
from bench.place import RESULTS, Place
from bench.results import MEGABYTE, Results

if TYPE_CHECKING:
    from collections.abc import Callable

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


def affected(place: Place, results: Results, repetitions: int) -> None:
    """Contenders take turns; each time is that of one process, from its start to its answer."""
    folder = place.folder / "twenty-thousand"
    tree.make(folder, tree.Shape())
    ours = (sys.executable, "-m", "fumehood", "affected", "--json", "--base", "HEAD")
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


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m bench.affected", description=__doc__)
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--work", type=Path, default=RESULTS / "work", help="the folder to work in, kept for next time")
    options = parser.parse_args()
    results = Results()
    place = Place(folder=options.work.absolute())
    place.folder.mkdir(parents=True, exist_ok=True)
    affected(place, results, options.repetitions)
    for name in results.samples["affected_s"]:
        seconds, processor = results.median("affected_s", name), results.median("affected_cpu_s", name)
        memory = (results.median("affected_bytes", name) or 0) / MEGABYTE
        print(f"{name:28} {seconds:8.2f} s {processor:8.2f} s of processor {memory:8.0f} MB")


if __name__ == "__main__":
    main()
