"""Layers that one uv installs are those that each by itself would be."""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from support import environments
from support.kills import Victim, kill_at_random, unlike_records

if TYPE_CHECKING:
    from collections.abc import Mapping

    from support.project import Outcome, Project

EXPERIMENTS = {
    "a": ["reader", "nsone", "withdata"],
    "b": ["reader", "nstwo", "withpth"],
    "c": ["alpha<2", "pkgutil-one"],
    "d": ["alpha<1.1", "gamma"],
    "e": ["pkgutil-two", "delta-lib"],
}
"""Distributions and a namespace in two of them, two versions of one name, and a file that two distributions ship."""
BUILT = "".join(f"exp-{name}: built (there is none yet)\n" for name in EXPERIMENTS)


def test_layers_installed_together_are_those_that_are_installed_one_by_one(project: Project) -> None:
    environments.write(project, core=["packaging"], experiments=EXPERIMENTS)
    assert project.fumehood("env", "build").stdout == BUILT
    together = trees(project)
    reader = [content["inode"] for path, content in together.items() if path.endswith("/reader-1.0.dist-info/RECORD")]
    assert len(reader) == 2
    assert len(set(reader)) == 1
    assert environments.leftovers(project) == []
    shutil.rmtree(environments.cache(project) / "layers")
    shutil.rmtree(project.root / ".nox")
    for name in EXPERIMENTS:
        project.fumehood("env", "build", name).assert_ok()
    assert plain(trees(project)) == plain(together)
    project.fumehood("env", "verify").assert_ok()


def test_what_cannot_be_installed_stops_only_the_experiments_that_ask_for_it(project: Project) -> None:
    environments.write(project, experiments={"a": ["alpha"], "b": ["broken-build"], "c": ["delta-lib"]})
    outcome = project.fumehood("env", "build")
    assert outcome.exit_code == 3
    assert "installing experiments/b failed\n" in outcome.stderr
    assert outcome.stdout == "exp-a: built (there is none yet)\nexp-c: built (there is none yet)\n"
    assert sorted(environments.layers(project)) == ["alpha", "delta-lib"]
    assert environments.leftovers(project) == []


@pytest.mark.parametrize("locked", [False, True])
def test_killed_at_any_instant_they_are_whole_or_not_there(project: Project, *, locked: bool) -> None:
    environments.write(project, core=["packaging"], experiments=EXPERIMENTS)
    if locked:
        project.fumehood("lock").assert_ok()
    project.fumehood("env", "build").assert_ok()

    def reset(_: int) -> None:
        for path in environments.layers(project).values():
            if path != core:
                shutil.rmtree(path)
        shutil.rmtree(project.root / ".nox", ignore_errors=True)

    def check() -> list[str]:
        wanted = {
            path: dict(part.rsplit(" ", 1) for part in parts.split(", "))
            for path, parts in ((path, versions(path)) for path in environments.layers(project).values())
        }
        return [one for path, parts in wanted.items() for one in unlike_records(path, parts)]

    core = environments.layers(project)["packaging"]
    command = [sys.executable, "-m", "fumehood", "env", "build"]
    victim = Victim(command=command, cwd=project.root, env=project.env, reset=reset, check=check)
    report = kill_at_random(victim, count=6, seed=20200202)
    assert not report.failures, str(report)
    assert environments.leftovers(project) == []


MARKED = {
    **EXPERIMENTS,
    "c": ["alpha<2"],
    "e": ["delta-lib"],
    "f": ["torch<2.6 ; sys_platform == 'win32'", "torch>=2.7 ; sys_platform != 'win32'"],
}
"""With a lock that has pins for several platforms."""
ALL = "".join(f"exp-{name}: built (there is none yet)\n" for name in MARKED)


def test_what_committed_locks_ask_for_is_installed_while_they_are_checked(project: Project) -> None:
    environments.write(project, core=["packaging"], experiments=MARKED)
    project.fumehood("lock").assert_ok()
    for name in MARKED:
        project.fumehood("env", "build", name).assert_ok()
    one_by_one = trees(project)
    shutil.rmtree(environments.cache(project) / "layers")
    shutil.rmtree(project.root / ".nox")
    outcome, started = watched(project, "env", "build")
    assert outcome.stdout == ALL
    first, *others = [arguments for arguments in started if "--prefix" in arguments]
    assert first[1:3] == ["pip", "sync"]
    assert "/.staging-ahead-" in first[3]
    assert {"--offline", "--no-build", "--require-hashes"} <= {*first}
    assert [arguments[1:4] for arguments in others] == [["pip", "sync", "-"]] * 2, "core, and the other alpha"
    assert environments.leftovers(project) == []
    assert plain(trees(project)) == plain(one_by_one)
    project.fumehood("env", "verify").assert_ok()


def test_layers_that_are_there_are_not_installed_ahead_again(project: Project) -> None:
    environments.write(project, core=["packaging"], experiments=MARKED)
    project.fumehood("lock").assert_ok()
    project.fumehood("env", "build").assert_ok()
    project.write({"pyproject.toml": "[tool.fumehood]\ntest-requirements = []\n# Another file than before.\n"})
    shutil.rmtree(project.root / ".nox")
    outcome, started = watched(project, "env", "build")
    assert outcome.stdout == ALL
    assert started == []


def test_what_a_stale_lock_asks_for_is_in_no_environment_and_no_layer(project: Project) -> None:
    environments.write(project, experiments={"a": ["alpha<2"], "b": ["reader"], "c": ["delta-lib"]})
    project.fumehood("lock").assert_ok()
    project.write({"experiments/a/requirements.txt": "beta\n"})
    outcome, started = watched(project, "env", "build")
    assert outcome.exit_code == 0, outcome
    why = "experiments/a/requirements.txt:1: beta is not in the lock"
    assert outcome.stderr == f"exp-a: {why}; using fresh pins, run `fumehood lock` to commit them\n"
    assert any("/.staging-ahead-" in " ".join(arguments) for arguments in started)
    assert sorted(environments.layers(project)) == ["alpha,beta", "delta-lib", "reader"]
    assert environments.leftovers(project) == []
    stopped = project.fumehood("env", "build", "--locked", "--rebuild").assert_exit(1)
    assert stopped.stderr.startswith(f"the lock is not current, and --locked forbids resolving: {why}\n")
    assert sorted(environments.layers(project)) == ["alpha,beta", "delta-lib", "reader"]


def test_nothing_is_installed_to_where_settings_of_uv_say_that_are_refused(project: Project) -> None:
    environments.write(project, experiments={"a": ["alpha"], "b": ["reader"]})
    project.fumehood("lock").assert_ok()
    project.fumehood("env", "build").assert_ok()
    shutil.rmtree(environments.cache(project) / "layers")
    shutil.rmtree(project.root / ".nox")
    del project.env["UV_NO_CONFIG"]
    settings = environments.BARE["pyproject.toml"]
    elsewhere = project.root.parent / "elsewhere"
    project.write({"pyproject.toml": f"{settings}[tool.uv.pip]\ntarget = {str(elsewhere)!r}\n"})
    outcome = project.fumehood("env", "build").assert_exit(2)
    assert outcome.stderr == (
        "pyproject.toml:4: [tool.uv.pip] target would decide about every lock and environment\n"
        "  → give --target to `uv pip` instead\n"
        "not built for the same reason: exp-b\n"
    )
    assert not elsewhere.exists()
    assert environments.layers(project) == {}


def test_what_a_killed_run_installed_ahead_is_removed_by_the_next(project: Project) -> None:
    environments.write(project, experiments={"a": ["alpha"], "b": ["reader"]})
    project.fumehood("lock").assert_ok()
    left = environments.cache(project) / "layers" / ".staging-ahead-99999-0a0b0c0d"
    (left / "lib").mkdir(parents=True)
    project.fumehood("env", "build").assert_ok()
    assert environments.leftovers(project) == []


def watched(project: Project, *arguments: str) -> tuple[Outcome, list[list[str]]]:
    """Run the command line; with the arguments of each program that it starts."""
    said = project.root.parent / "started"
    watch = (
        "import json, sys\n"
        "def hear(event, arguments):\n"
        "    if event == 'subprocess.Popen':\n"
        f"        with open({str(said)!r}, 'a') as file:\n"
        "            print(json.dumps([str(one) for one in arguments[1]]), file=file)\n"
        "sys.addaudithook(hear)\n"
        "from fumehood.cli import main\n"
        f"sys.argv = ['fumehood', *{list(arguments)!r}]\n"
        "main()\n"
    )
    outcome = project.run(sys.executable, "-c", watch)
    return outcome, [json.loads(line) for line in said.read_text().splitlines()] if said.exists() else []


def versions(layer: Path) -> str:
    """What a layer's ``.dist-info`` folders say is in it."""
    found = (path.name.removesuffix(".dist-info").split("-") for path in layer.glob("lib/*/site-packages/*.dist-info"))
    return ", ".join(f"{name} {version}" for name, version in found)


def trees(project: Project) -> dict[str, dict[str, object]]:
    """Everything in the layers of a project, by path; without bytecode."""
    found: dict[str, dict[str, object]] = {}
    for layer in environments.layers(project).values():
        for top, folders, names in os.walk(layer):
            folders[:] = [name for name in folders if name != "__pycache__"]
            for path in (os.path.join(top, name) for name in (*folders, *names)):
                status = os.lstat(path)
                content = b"" if os.path.isdir(path) else Path(path).read_bytes()
                found[os.path.relpath(path, layer.parent)] = {
                    "mode": status.st_mode,
                    "content": content,
                    "inode": status.st_ino,
                }
    return found


def plain(found: Mapping[str, Mapping[str, object]]) -> dict[str, tuple[object, object]]:
    """Without what differs between two installations."""
    return {path: (one["mode"], one["content"]) for path, one in found.items()}
