"""How an environment was put together is remembered for every checkout, and only as long as it holds."""

from __future__ import annotations

import json
import re
import shutil
import sys
from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace

from support import environments
from support.local_project import below, local_project

if TYPE_CHECKING:
    from pathlib import Path

    from support.project import Project

BUILD = """
import atexit, sys
from fumehood.cli import main
atexit.register(lambda: print("drafted" if "fumehood.environments.drafting" in sys.modules else "recalled"))
sys.argv = ["fumehood", "env", "build", *sys.argv[1:]]
main()
"""
SLOW = """
import atexit, sys
from fumehood.cli import main
slow = {
    "concurrent.futures", "email", "fumehood.environments.layer", "fumehood.outside.uv", "fumehood.reading.codeowners",
    "fumehood.reading.requirements_txt", "packaging", "rich", "subprocess", "virtualenv",
}
atexit.register(lambda: print("loaded:", *sorted(slow & set(sys.modules))))
sys.argv = ["fumehood", "env", "build"]
main()
"""
NEW = "exp-a: built (there is none yet)\n  changes 1 of core's pins: alpha 2.0 → 1.1\n"


@pytest.fixture
def locked(project: Project) -> Project:
    """A repository with committed locks, whose experiment changes a pin of core's."""
    environments.write(project, core=["alpha", "withdata", "withpth"], a=["gamma", "nsone"])
    project.fumehood("lock").assert_ok()
    assert build(project) == f"{NEW}drafted\n"
    return project


def test_a_new_checkout_gets_without_its_locks_what_it_would_get_from_them(locked: Project) -> None:
    clone = checkout(locked)
    assert build(clone) == f"{NEW}recalled\n"
    recalled = content(environments.folder(clone))
    shutil.rmtree(clone.root / ".nox")
    shutil.rmtree(environments.cache(clone) / "recipes")
    assert build(clone) == f"{NEW}drafted\n"
    assert recalled == content(environments.folder(clone))
    code = "import alpha, gamma, withpth_hidden; print(alpha.__version__)"
    python = environments.folder(clone) / "bin/python"
    assert clone.run(python, "-c", code, env={"PYTHONPATH": ""}).assert_ok().stdout == "1.1\n"
    assert build(clone) == "exp-a: reused\nrecalled\n"


def test_what_is_recalled_takes_no_module_that_is_slow_to_load(locked: Project) -> None:
    for folder in (locked.root / ".nox", environments.cache(locked) / "environments"):
        shutil.rmtree(folder)
    assert locked.run(sys.executable, "-c", SLOW).assert_ok().stdout == f"{NEW}loaded:\n"


def test_every_file_that_decides_is_looked_at(locked: Project) -> None:
    clone = checkout(locked)
    clone.write({"experiments/a/more.txt": "reader\n", "experiments/a/requirements.txt": "gamma\n-r more.txt\n"})
    clone.fumehood("lock").assert_ok()
    assert build(clone).endswith("drafted\n")
    shutil.rmtree(clone.root / ".nox")
    assert build(clone).endswith("recalled\n")
    # The same lock, which no longer is the one of a file that only another file names.
    clone.write({"experiments/a/more.txt": "delta-lib\n"})
    shutil.rmtree(clone.root / ".nox")
    outcome = clone.fumehood("env", "build", "--locked").assert_exit(1)
    assert "the lock is not current, and --locked forbids resolving" in outcome.stderr


def test_nothing_is_recalled_whose_layers_are_gone(locked: Project) -> None:
    for layer in environments.layers(locked).values():
        index = next(layer.glob("*.json"))
        text = index.read_bytes()
        index.write_bytes(b"")
        assert build(locked, "--rebuild").endswith("drafted\n")
        assert index.read_bytes() == text
    assert build(locked, "--rebuild").endswith("recalled\n")


def test_a_damaged_recipe_is_as_good_as_none(locked: Project) -> None:
    (recipe,) = recipes(locked)
    text = recipe.read_text()
    stack = json.loads(text)["stack"]
    others = ({"changes": [5]}, {"stack": {**stack, "paths": [5]}}, {"stack": {**stack, "layers": ["/"]}})
    altered = [json.dumps({**json.loads(text), **other}).encode() for other in others]
    for damaged in (b"", b"{}", b"\xff", b"[" * 100_000, *altered):
        recipe.write_bytes(damaged)
        assert build(locked, "--rebuild").endswith("drafted\n")
    assert build(locked, "--rebuild").endswith("recalled\n")


def test_nothing_is_kept_that_more_than_files_decide_about(project: Project) -> None:
    environments.write(project, core=["alpha"], a=["beta"])
    build(project)  # without committed locks
    project.write({"experiments/a/requirements.txt": "beta\n--find-links ${PLACE}\n"})
    variables = {"PLACE": str(project.root)}
    project.fumehood("lock", env=variables).assert_ok()
    project.fumehood("env", "build", env=variables).assert_ok()
    project.write(below("local", local_project("local", "1.0", says="local")))
    project.write({"experiments/a/requirements.txt": "beta\n-e local\n"})
    project.fumehood("lock").assert_ok()
    build(project)
    project.write({"experiments/a/requirements.txt": "beta\n", "experiments/a/experiment.toml": 'layout = "flat"\n'})
    project.fumehood("lock").assert_ok()
    build(project)
    assert recipes(project) == []


def test_gc_removes_the_recipes_that_were_not_used_for_long(locked: Project) -> None:
    locked.fumehood("env", "gc", "--older-than", "1").assert_ok()
    assert len(recipes(locked)) == 1
    locked.fumehood("env", "gc", "--older-than", "0", "--dry-run").assert_ok()
    assert len(recipes(locked)) == 1
    locked.fumehood("env", "gc", "--older-than", "0").assert_ok()
    assert recipes(locked) == []


def build(project: Project, *options: str) -> str:
    """Build the environments; what was said, with whether locks were needed for it."""
    return project.run(sys.executable, "-c", BUILD, *options).assert_ok().stdout


def checkout(project: Project) -> Project:
    """Another checkout of the same repository, with its own times."""
    root = project.root.parent / "another checkout"
    for path in sorted(project.root.rglob("*")):
        if path.is_file() and ".nox" not in path.parts:
            target = root / path.relative_to(project.root)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)
    return replace(project, root=root)


def recipes(project: Project) -> list[Path]:
    return sorted((environments.cache(project) / "recipes").glob("*/*.json"))


def content(environment: Path) -> dict[str, object]:
    """Every file of an environment, without the times that it remembers; links as what they lead to."""
    return {
        path.relative_to(environment).as_posix(): path.readlink() if path.is_symlink() else _timeless(path.read_bytes())
        for path in sorted(environment.rglob("*"))
        if path.is_symlink() or path.is_file()
    }


def _timeless(text: bytes) -> bytes:
    return re.sub(rb'"mtime_ns":\d+', b"", text)
