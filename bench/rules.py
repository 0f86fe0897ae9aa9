"""How long all rules but resolution take on a large repository, beside import-linter and deptry on the same one.

``python -m bench.rules`` prints a table, and what each of the others finds that fumehood does not; docs/benchmarks.md
has what one run gave. import-linter gets one boundary as its contract, and deptry all that it has to be told: the
requirement files together, and the names of the experiments' own modules. ``--independence`` gives import-linter the
other boundary too, which takes it minutes for a thousand experiments.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bench import measure, tree
from bench.place import RESULTS, Place, program
from bench.results import MEGABYTE, Results
from bench.workload import write

if TYPE_CHECKING:
    from collections.abc import Callable

_OURS = (sys.executable, "-m", "fumehood", "check", "--offline", "--format", "json")
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


@dataclass(frozen=True, slots=True)
class _Contender:
    name: str
    command: tuple[str, ...]
    prepare: Callable[[], None]


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


def rules(place: Place, results: Results, repetitions: int, contracts: str) -> Path:
    """Contenders take turns; each time is that of one process, from its start to its answer."""
    folder = place.folder / "rules"
    prepared(folder)
    ours = (*_OURS, *(part for rule in _NOT_VERSIONS for part in ("--rule", rule)))
    requirements = ",".join(["requirements.txt", *sorted(map(str, _requirements(folder)))])
    cache = place.folder / "import-linter-cache"
    environ = {**place.environ, "PYTHONPATH": f"{place.environ['PYTHONPATH']}:{folder / 'src'}:{folder}"}
    contenders = (
        _Contender("fumehood, cold", ours, lambda: shutil.rmtree(place.fumehood_cache, ignore_errors=True)),
        _Contender("fumehood, one file changed", ours, lambda: _touch(folder)),
        _Contender("fumehood, nothing changed", ours, lambda: _settle(ours, folder, environ)),
        _Contender("import-linter, cold", _linter(contracts, cache), lambda: shutil.rmtree(cache, ignore_errors=True)),
        _Contender("import-linter, warm", _linter(contracts, cache), lambda: None),
        _Contender(
            "deptry",
            (
                program("deptry"),
                ".",
                "--config",
                "deptry.toml",
                "--requirements-files",
                requirements,
                "-o",
                "deptry.json",
            ),
            lambda: None,
        ),
    )
    for number in range(repetitions):
        for contender in contenders:
            contender.prepare()
            with measure.spending() as spent:
                done = subprocess.run(contender.command, cwd=folder, env=environ, capture_output=True, check=False)
            if done.returncode != 1:  # Each of them finds something.
                raise measure.FailedError(f"{contender.name} ended with {done.returncode}\n{done.stderr.decode()}")
            results.add_spent("rules", contender.name, spent())
            if number == 0:
                write(place.folder, f"rules-{contender.name.partition(',')[0]}.txt", done.stdout.decode())
    for contender in contenders:
        contender.prepare()
        found = ("sh", "-c", '"$@"; test $? -eq 1', "sh", *contender.command)
        results.add("rules_bytes", contender.name, measure.peak((found,), folder, environ).tree)
    return folder


def _settle(command: tuple[str, ...], folder: Path, environ: dict[str, str]) -> None:
    """Check once more when nothing has just changed: what changed within two seconds is not relied upon."""
    time.sleep(2.5)
    subprocess.run(command, cwd=folder, env=environ, capture_output=True, check=False)


def _linter(contracts: str, cache: Path) -> tuple[str, ...]:
    return (program("lint-imports"), "--config", contracts, "--cache-dir", str(cache))


def _requirements(folder: Path) -> list[Path]:
    return [path.relative_to(folder) for path in folder.glob("experiments/*/requirements.txt")]


def _touch(folder: Path) -> None:
    with (folder / "src/core/p004/m00.py").open("a", encoding="utf-8") as file:
        file.write("# Changed.\n")


def only_theirs(place: Place, folder: Path) -> dict[str, list[str]]:
    """What each of the others found and fumehood did not: places, sorted."""
    answer = json.loads((place.folder / "rules-fumehood.txt").read_text(encoding="utf-8"))
    ours = {
        place
        for found in answer["findings"]
        for place in (f"{found['file']}:{found['line']}", *found.get("details", ()))
    }
    said = (place.folder / "rules-import-linter.txt").read_text(encoding="utf-8")
    linter = {f"{_file(folder, importer)}:{line}" for importer, _, line in _BROKEN.findall(said)}
    deptry = {
        f"{found['location']['file'].removeprefix('./')}:{found['location']['line']}"
        for found in json.loads((folder / "deptry.json").read_text(encoding="utf-8"))
        if found["error"]["code"] in {"DEP001", "DEP003"}
    }
    return {"import-linter": sorted(linter - ours), "deptry": sorted(deptry - ours)}


def _file(folder: Path, module: str) -> str:
    path = module.replace(".", "/") + ".py"
    return f"src/{path}" if (folder / "src" / path).exists() else path


def main() -> int:
    """Measure, print, and compare."""
    parser = argparse.ArgumentParser(prog="python -m bench.rules", description=__doc__)
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--work", type=Path, default=RESULTS / "work", help="the folder to work in, kept for next time")
    parser.add_argument("--independence", action="store_true", help="give import-linter both boundaries")
    options = parser.parse_args()
    place, results = Place(folder=options.work.absolute()), Results()
    folder = rules(place, results, options.repetitions, "both.ini" if options.independence else "one-way.ini")
    print(f"{'':28} {'seconds':>9} {'processor':>9} {'MB':>6}")
    for name in results.samples["rules_s"]:
        seconds, processor = results.median("rules_s", name) or 0, results.median("rules_cpu_s", name) or 0
        print(f"{name:28} {seconds:9.2f} {processor:9.2f} {(results.median('rules_bytes', name) or 0) / MEGABYTE:6.0f}")
    for name, places in only_theirs(place, folder).items():
        print(f"\n{name} finds {len(places)} places that fumehood does not:")
        print("\n".join(places[:20]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
