"""Killed at any instant, a build leaves nothing that the next one takes for whole."""

from __future__ import annotations

import os
import shutil
import sys
from typing import TYPE_CHECKING

import pytest

from support import environments
from support.kills import Victim, kill_at_random, unlike_records
from support.wheels import Wheel, build_all

if TYPE_CHECKING:
    from pathlib import Path

    from support.project import Project

SEED = int(os.environ.get("FUMEHOOD_TEST_SEED", "20200202"))


@pytest.fixture(scope="session")
def _wide(wheelhouse: Path) -> None:
    """Distributions of many files, so that their installation takes a while."""
    wheels = [
        Wheel(
            name=name,
            version="1.0",
            files={f"{name}/__init__.py": "", **{f"{name}/m{n}.py": f"VALUE = {n}\n" * 40 for n in range(60)}},
            console_scripts={name: f"{name}:main"},
            data={f"share/{name}/{n}.txt": f"{n}\n" for n in range(10)},
        )
        for name in ("wideone", "widetwo", "widethree")
    ]
    build_all(wheels, wheelhouse)


@pytest.mark.usefixtures("_wide")
@pytest.mark.parametrize(("layout", "count"), [("auto", 14), ("flat", 6)])
def test_the_run_after_a_kill_succeeds_and_every_file_agrees_with_its_record(
    project: Project, layout: str, count: int
) -> None:
    environments.write(project, core=["wideone", "widetwo"], a=["widethree"])
    project.write({"experiments/a/experiment.toml": f'layout = "{layout}"\n'})
    environment, cache = environments.folder(project), environments.cache(project)

    def reset(number: int) -> None:
        """Without anything; with the core layer; with all layers; or with another environment in its place."""
        shutil.rmtree(cache / "layers", ignore_errors=True)
        if number % 4 != 3:
            shutil.rmtree(environment.parent, ignore_errors=True)
        if number % 4 == 1:
            project.write({"experiments/a/requirements.txt": ""})
            project.fumehood("env", "build").assert_ok()
            project.write({"experiments/a/requirements.txt": "widethree\n"})

    def check() -> list[str]:
        wanted = dict.fromkeys(("wideone", "widetwo", "widethree"), "1.0")
        state = environments.state(environment)
        if state["layout"] == "flat":
            damage = list(unlike_records(environment, wanted))
        else:
            parts = ({"widethree": "1.0"}, {"wideone": "1.0", "widetwo": "1.0"})
            prefixes = [cache / "layers" / digest for digest in state["layers"]]
            damage = [one for prefix, part in zip(prefixes, parts, strict=True) for one in unlike_records(prefix, part)]
        code = "import wideone.m59, widetwo.m59, widethree.m59, sys; print(sys.prefix)"
        outcome = project.run(environment / "bin/python", "-c", code, env={"PYTHONPATH": ""})
        if outcome.stdout != f"{environment}\n":
            damage.append(repr(outcome))
        if (environment.parent / ".gitignore").read_bytes() != b"*\n":
            damage.append(".gitignore is not whole")
        missing = [name for name in wanted if not (environment / "bin" / name).exists()]
        return damage + [f"command {name} is missing" for name in missing]

    command = [sys.executable, "-m", "fumehood", "env", "build", "a"]
    victim = Victim(command=command, cwd=project.root, env=project.env, reset=reset, check=check)
    report = kill_at_random(victim, count=count, seed=SEED)
    assert not report.failures, str(report)
    left = {path.name for path in environment.parent.iterdir()}
    assert left == {environment.name, ".fumehood", ".gitignore", "CACHEDIR.TAG"}
    project.fumehood("env", "gc", "--older-than", "0").assert_ok()
    assert environments.leftovers(project) == []
    verified = project.fumehood("env", "verify").assert_ok()
    assert verified.stdout == (
        "every file of every layer is as its RECORD says, and every environment's import path as it was made\n"
    )
