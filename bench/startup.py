"""How long nox takes to list a thousand experiments, an empty session to run, and where fumehood's start-up goes."""

from __future__ import annotations

import re
import subprocess
import sys
from typing import TYPE_CHECKING

from bench import measure
from bench.place import program
from bench.workload import write

if TYPE_CHECKING:
    from pathlib import Path

    from bench.place import Place
    from bench.results import Results

THOUSAND = 1000
_EMPTY = "import nox\n\n\n@nox.session(venv_backend='none')\ndef empty(session):\n    pass\n"
_LINE = re.compile(r"import time:\s+(\d+) \|\s+(\d+) \| (\s*)(\S+)")
_SHOWN = 12
_DEEP = 8
"""Blanks before a name in the report, two for each level: what lies deeper is counted in what imports it."""


def empty_noxfile(place: Place) -> Path:
    """A folder with a noxfile that does nothing."""
    folder = place.folder / "empty"
    write(folder, "noxfile.py", _EMPTY)
    return folder


def thousand_experiments(place: Place) -> Path:
    """A repository with a thousand experiments: each with requirements and tests, every tenth with a manifest."""
    folder = place.folder / "thousand"
    write(folder, "pyproject.toml", "[tool.fumehood]\n")
    write(folder, "requirements.txt", "requests\n")
    write(folder, "noxfile.py", "import fumehood.nox\n\nfumehood.nox.register()\n")
    for number in range(THOUSAND):
        experiment = f"experiments/e{number:04}"
        write(folder, f"{experiment}/requirements.txt", "six\n")
        write(folder, f"{experiment}/tests/test_it.py", "def test_it():\n    pass\n")
        if number % 10 == 0:
            write(folder, f"{experiment}/experiment.toml", 'summary = "One of many"\nowners = ["@example-owner"]\n')
    return folder


def listing(place: Place, results: Results, repetitions: int) -> None:
    """``nox -l``, with a thousand experiments and with none."""
    folders = {"empty noxfile": empty_noxfile(place), "1,000 experiments": thousand_experiments(place)}
    commands = ((program("nox"), "-l"),)
    for folder in folders.values():
        measure.run(commands, folder, place.environ)
    for _ in range(repetitions):
        for name, folder in folders.items():
            results.add_spent("list", name, measure.run(commands, folder, place.environ))


def empty_session(place: Place, results: Results) -> None:
    """A nox session that does nothing, without an environment: the floor for all that nox runs."""
    folder = empty_noxfile(place)
    commands = ((program("nox"), "-s", "empty", "--install-only"),)
    results.add_spent("repeat", "empty nox session", measure.run(commands, folder, place.environ))


def breakdown(place: Place, module: str) -> list[tuple[str, float]]:
    """What importing a module spends most on, in seconds: its own modules one by one, others with all they import.

    Source: Python's documentation of ``-X importtime``.
    """
    command = (sys.executable, "-X", "importtime", "-c", f"import {module}")
    for _ in range(2):  # The first may write bytecode.
        done = subprocess.run(command, env=place.environ, capture_output=True, text=True, check=True)
    found: dict[str, float] = {}
    outer = module.partition(".")[0]
    for own, whole, indent, name in _LINE.findall(done.stderr):
        if name.partition(".")[0] == outer:
            found[name] = int(own) / 1e6
        elif "." not in name and len(indent) <= _DEEP:
            found[name] = int(whole) / 1e6
    return sorted(found.items(), key=lambda item: -item[1])[:_SHOWN]
