"""What is installed: one core, ten experiments, every version locked before anything is measured."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from bench import measure
from bench.place import base_python, program
from fumehood.locking.store import LockStore
from fumehood.model.lock import LayeredLock
from fumehood.model.markers import from_variables
from fumehood.outside import interpreter

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from bench.place import Place
    from fumehood.model.lock import Pin

CORE = (
    "click>=8.1",
    "fastapi",
    "httpx>=0.27",
    "ipykernel",
    "jinja2",
    "matplotlib",
    "nbformat",
    "networkx",
    "openpyxl",
    "pandas",
    "pydantic>=2",
    "pytest>=8",
    "pyyaml",
    "requests",
    "rich>=13",
    "scikit-learn",
    "scipy",
    "seaborn",
    "sqlalchemy>=2",
    "statsmodels",
    "sympy",
    "tqdm",
    "typer",
    "uvicorn",
)
EXPERIMENTS: Mapping[str, tuple[str, ...]] = {
    "boosting": ("lightgbm",),
    "dates": ("pendulum",),
    "imaging": ("imageio", "tifffile"),
    "old-pydantic": ("pydantic<2.12",),
    "old-sql": ("sqlalchemy<2.0.40",),
    "optimise": ("optuna",),
    "parsing": ("lxml", "beautifulsoup4"),
    "storage": ("duckdb",),
    "text": ("nltk", "rapidfuzz"),
    "units": ("pint", "uncertainties"),
}
"""Two of them change a pin of core's: `old-pydantic` and `old-sql`."""
HEAVY = ("pandas", "sklearn.ensemble", "matplotlib.pyplot")
"""What a first import is measured with, by module name."""
LEAST = 60
"""Distributions that core has at least."""


class Workload(Struct, frozen=True, kw_only=True):
    """The pins that every contender installs, as ``name==version`` and sorted.

    Attributes:
        core: Core's.
        whole: By experiment, everything its environment gets.
        added: By experiment, what differs from core's.
    """

    core: tuple[str, ...]
    whole: Mapping[str, tuple[str, ...]]
    added: Mapping[str, tuple[str, ...]]


def fumehood_repository(place: Place) -> Path:
    """The repository that fumehood works in, and whose locks decide for all."""
    return place.folder / "fumehood"


def prepare(place: Place) -> Workload:
    """Write the repository, lock it, and fill uv's cache; with locks and a full cache already there, offline.

    Raises:
        FailedError: Locking or downloading failed.
    """
    root = fumehood_repository(place)
    write(root, "pyproject.toml", "[tool.fumehood]\n")
    write_requirements(root)
    write(root, "noxfile.py", "import fumehood.nox\n\nfumehood.nox.register()\n")
    check = (program("fumehood"), "lock")
    try:
        measure.run([(*check, "--check")], root, place.environ)
    except measure.FailedError:
        measure.run([check], root, place.environ)
    workload = _read(place, root)
    if len(workload.core) < LEAST:
        raise measure.FailedError(f"core has only {len(workload.core)} distributions, fewer than {LEAST}")
    _fill(place, workload)
    return workload


def write_requirements(root: Path) -> None:
    """Write the requirement lines of core and of the experiments."""
    write(root, "requirements.txt", "".join(f"{line}\n" for line in CORE))
    for name, lines in EXPERIMENTS.items():
        write(root, f"experiments/{name}/requirements.txt", "".join(f"{line}\n" for line in lines))


def write(root: Path, path: str, text: str) -> None:
    """Write a file unless it says that already: a new time alone would make tools look twice."""
    target = root / path
    if not target.exists() or target.read_text(encoding="utf-8") != text:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")


def _read(place: Place, root: Path) -> Workload:
    store = LockStore(root=root, cache=place.fumehood_cache)
    here = from_variables(interpreter.inspect(interpreter.find(None), cache=place.fumehood_cache).variables)
    core = store.committed("requirements.lock")
    deltas = {name: store.committed(f"experiments/{name}/requirements.lock") for name in EXPERIMENTS}

    def lines(pins: Iterable[Pin]) -> tuple[str, ...]:
        return tuple(pin.requirement for pin in pins if here.admits(pin.marker))

    if core is None or None in deltas.values():
        raise measure.FailedError(f"`fumehood lock` left out a lock in {root}")
    locks = {name: LayeredLock(core=core, delta=delta) for name, delta in deltas.items() if delta}
    return Workload(
        core=lines(core.pins),
        whole={name: lines(lock.pins) for name, lock in locks.items()},
        added={name: tuple(sorted(set(lines(lock.pins)) - set(lines(core.pins)))) for name, lock in locks.items()},
    )


def _fill(place: Place, workload: Workload) -> None:
    """Have everything in uv's cache, by installing it once in an environment that nobody measures."""
    folder = place.folder / "filling"
    uv = program("uv")
    commands: list[measure.Command] = [(uv, "venv", "--quiet", "--clear", "--python", base_python(), "venv")]
    for name, lines in {"core": workload.core, **workload.whole}.items():
        write(folder, f"{name}.txt", "".join(f"{line}\n" for line in lines))
        commands.append((uv, "pip", "sync", "--python", "venv", f"{name}.txt"))
    measure.run(commands, folder, place.environ)
