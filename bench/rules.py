"""How long all rules but resolution take on a large repository, and some of them beside import-linter and deptry.

docs/benchmarks.md has what one run gave. Beside each of the others stands fumehood with the rules that keep the same
contract: one boundary or both with import-linter, and undeclared imports with deptry, which is told the requirement
files together and the names of the experiments' own modules. Who takes longer than a minute is stopped, and the report
says so.
"""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import subprocess
import time
from typing import TYPE_CHECKING

from msgspec import Struct

from bench import measure, tree
from bench.place import program
from bench.workload import write

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from bench.place import Place
    from bench.results import Results

_LIMIT = 60
"""Seconds after which a contender is stopped."""

_ALL = "fumehood, all rules"
_CHECK = ("check", "--offline", "--format", "json")
_NOT_VERSIONS = (
    "baseline",
    "boundary",
    "core",
    "evidence",
    "health",
    "independence",
    "owner",
    "reuse",
    "theme",
    "waiver",
)
_CONTRACTS = """
[importlinter]
root_packages =
    core
    experiments
[importlinter:contract:one-way]
name = core imports no experiment
type = forbidden
source_modules = core
forbidden_modules = experiments
allow_indirect_imports = True
"""
_INDEPENDENCE = """[importlinter:contract:independence]
name = no experiment imports another
type = independence
modules = experiments.*
"""
_ONE_WAY = ("boundary/core-imports-experiment",)
_BOTH = (*_ONE_WAY, "boundary/experiment-imports-experiment")
_BROKEN = re.compile(r"^-?\s*(\S+) -> (\S+) \(l\.(\d+)\)", re.MULTILINE)
_PLANTED = {
    "src/core/p001/m00.py": "import experiments.e0001.e0001_m00\n",
    "src/core/p002/m00.py": "def later():\n    from experiments.e0002 import e0002_m00\n    return e0002_m00\n",
    "src/core/p003/m00.py": "import zeta\n",
    "experiments/e0003/e0003_m00.py": "import experiments.e0004.e0004_m00\n",
    "experiments/e0005/e0005_m00.py": "import zeta.inner\n",
    "experiments/e0006/e0006_m00.py": "def later():\n    import zeta\n    return zeta\n",
    "experiments/e0007/e0007_m00.py": "try:\n    import zeta\nexcept ImportError:\n    zeta = None\n",
}
"""Violations that are added to files of the repository."""


class _Contender(Struct, frozen=True, kw_only=True):
    """Somebody who checks something.

    Attributes:
        prepare: Brings about what the name says of the caches and of what has changed.
    """

    name: str
    command: tuple[str, ...]
    prepare: Callable[[], None]

    @property
    def answer(self) -> str:
        """The file with what it said."""
        return f"rules-{self.name.replace(' ', '-').replace(',', '')}.txt"


def prepared(folder: Path) -> None:
    """The repository with its violations, and the settings of the others; committed, so that all see the same."""
    if (folder / "deptry.toml").exists():
        return
    tree.make(folder, tree.Shape())
    for path, text in _PLANTED.items():
        with (folder / path).open("a", encoding="utf-8") as file:
            file.write(text)
    write(folder, "one-way.ini", _CONTRACTS)
    write(folder, "both.ini", _CONTRACTS + _INDEPENDENCE)
    own = sorted(path.stem for path in folder.glob("experiments/*/*.py"))
    write(folder, "deptry.toml", f"[tool.deptry]\nknown_first_party = {json.dumps(['core', 'experiments', *own])}\n")
    subprocess.run(["git", "add", "."], cwd=folder, check=True)  # noqa: S607 - as in tree
    identity = ["-c", "user.name=bench", "-c", "user.email=bench@example.invalid"]
    subprocess.run(["git", *identity, "commit", "-qm", "Violate"], cwd=folder, check=True)  # noqa: S607 - as in tree


def rules(place: Place, results: Results, repetitions: int) -> None:
    """Contenders take turns; each time is that of one process, from its start to its answer.

    Args:
        place: Where everything is.
        results: Where it is kept.
        repetitions: How often each has its turn.
    """
    folder = place.folder / "rules"
    prepared(folder)
    environ = {**place.environ, "PYTHONPATH": f"{folder / 'src'}:{folder}"}
    contenders = [*_all_rules(place, folder, environ), *_the_same(place, folder)]
    for number in range(repetitions):
        for contender in contenders:
            if contender.name in results.stopped:
                continue
            contender.prepare()
            spent, said = _timed(contender, folder, environ)
            results.add_spent("rules", contender.name, spent)
            if said is None:
                results.stopped[contender.name] = f"after {_LIMIT} s"
            elif number == 0:
                write(place.folder, contender.answer, said)
    for contender in contenders:
        if contender.name not in results.stopped:
            contender.prepare()
            found = ("sh", "-c", '"$@"; test $? -le 1', "sh", *contender.command)
            results.add("rules_bytes", contender.name, measure.peak((found,), folder, environ).tree)
    results.facts["found_by_others"] = only_theirs(place, folder)


def _all_rules(place: Place, folder: Path, environ: dict[str, str]) -> Iterator[_Contender]:
    ours = _fumehood(*_NOT_VERSIONS)

    def settled() -> None:
        """Check once more when nothing has just changed: what changed within two seconds is not relied upon."""
        time.sleep(2.5)
        subprocess.run(ours, cwd=folder, env=environ, capture_output=True, check=False)

    core, own = folder / "src/core/p004/m00.py", folder / "experiments/e0008/e0008_m00.py"
    yield _Contender(name=_ALL, command=ours, prepare=lambda: _empty(place.fumehood_cache))
    yield _Contender(name="fumehood, a file of core changed", command=ours, prepare=lambda: _change(core))
    yield _Contender(name="fumehood, an experiment's file changed", command=ours, prepare=lambda: _change(own))
    yield _Contender(name="fumehood, nothing changed", command=ours, prepare=settled)


def _the_same(place: Place, folder: Path) -> Iterator[_Contender]:
    """The same contract kept by fumehood and by another, in turns, with nothing remembered by either."""
    theirs = place.folder / "import-linter-cache"
    for what, kept, contracts in (("one boundary", _ONE_WAY, "one-way.ini"), ("both boundaries", _BOTH, "both.ini")):
        yield _Contender(
            name=f"fumehood, {what}", command=_fumehood(*kept), prepare=lambda: _empty(place.fumehood_cache)
        )
        linter = (program("lint-imports"), "--cache-dir", str(theirs), contracts)
        yield _Contender(name=f"import-linter, {what}", command=linter, prepare=lambda: _empty(theirs))
    undeclared = _fumehood("independence/undeclared")
    yield _Contender(
        name="fumehood, undeclared imports", command=undeclared, prepare=lambda: _empty(place.fumehood_cache)
    )
    requirements = ",".join(["requirements.txt", *sorted(map(str, _requirements(folder)))])
    asked = ("--config", "deptry.toml", "--requirements-files", requirements, "--ignore", "DEP002,DEP004,DEP005")
    deptry = (program("deptry"), ".", *asked, "-o", "deptry.json")
    yield _Contender(name="deptry, undeclared imports", command=deptry, prepare=lambda: None)


def _fumehood(*rules: str) -> tuple[str, ...]:
    return (program("fumehood"), *_CHECK, *(part for rule in rules for part in ("--rule", rule)))


def _empty(cache: Path) -> None:
    shutil.rmtree(cache, ignore_errors=True)


def _change(file: Path) -> None:
    """Add a comment and an import, so that both its text and what it says of imports are others."""
    with file.open("a", encoding="utf-8") as text:
        text.write("# Changed.\nimport math\n")


def _timed(contender: _Contender, folder: Path, environ: dict[str, str]) -> tuple[measure.Spent, str | None]:
    """What it took, and what it said; nothing if it was stopped."""
    said = None
    with measure.spending() as spent, contextlib.suppress(subprocess.TimeoutExpired):
        done = subprocess.run(
            contender.command, cwd=folder, env=environ, capture_output=True, check=False, timeout=_LIMIT
        )
        said = done.stdout.decode()
        if done.returncode > 1:  # 1 are findings, and 0 are warnings at most.
            raise measure.FailedError(f"{contender.name} ended with {done.returncode}\n{done.stderr.decode()}")
    return spent(), said


def _requirements(folder: Path) -> list[Path]:
    return [path.relative_to(folder) for path in folder.glob("experiments/*/requirements.txt")]


def only_theirs(place: Place, folder: Path) -> dict[str, list[str]]:
    """What each of the others found and fumehood with all its rules did not: places, sorted."""
    answer = json.loads((place.folder / "rules-fumehood-all-rules.txt").read_text(encoding="utf-8"))
    ours = {
        place
        for found in answer["findings"]
        for place in (f"{found['file']}:{found['line']}", *found.get("details", ()))
    }
    said = "".join(path.read_text(encoding="utf-8") for path in place.folder.glob("rules-import-linter-*.txt"))
    linter = {
        f"{_file(folder, importer)}:{line}"
        for importer, imported, line in _BROKEN.findall(said)
        if _is_broken(importer, imported)
    }
    deptry = {
        f"{found['location']['file'].removeprefix('./')}:{found['location']['line']}"
        for found in json.loads((folder / "deptry.json").read_text(encoding="utf-8"))
        if found["error"]["code"] in {"DEP001", "DEP003"}
    }
    return {"import-linter": sorted(linter - ours), "deptry": sorted(deptry - ours)}


def _is_broken(importer: str, imported: str) -> bool:
    """Whether an import that import-linter names breaks a boundary, and is not only a part of a chain that does."""
    return imported.startswith("experiments.") and importer.split(".")[:2] != imported.split(".")[:2]


def _file(folder: Path, module: str) -> str:
    path = module.replace(".", "/") + ".py"
    return f"src/{path}" if (folder / "src" / path).exists() else path
