"""``fumehood env export``: what an environment consists of, in a file that pip and uv install."""

from __future__ import annotations

import hashlib
import sys
from typing import TYPE_CHECKING

import pytest
from uv import find_uv_bin

from fumehood.commands.export import view_of
from fumehood.errors import UsageError
from fumehood.extensions import ViewedProject
from fumehood.repository import open_repository

if TYPE_CHECKING:
    from pathlib import Path

    from fumehood.extensions import EnvironmentView
    from support.project import Outcome, Project

BARE = "[tool.fumehood]\ntest-requirements = []\n"
LOCAL = '[project]\nname = "libx"\nversion = "3"\ndependencies = ["beta"]\n'


def arrange(project: Project) -> None:
    """Core wants a new alpha; the experiment an old one, and more; some of it only elsewhere."""
    project.write({"pyproject.toml": BARE, "requirements.txt": "alpha\ndelta-lib\n"})
    project.write({"experiments/a/requirements.txt": "gamma\nextras-demo[fast]\nbeta ; sys_platform == 'win32'\n"})


def view(project: Project, name: str = "a") -> EnvironmentView:
    return view_of(open_repository(project.root), name, say=lambda _: None)


def test_the_file_holds_the_effective_pins_with_hashes(project: Project, wheelhouse: Path) -> None:
    arrange(project)
    outcome = project.fumehood("env", "export", "a").assert_ok()
    wheels = {
        "alpha==1.1": "alpha-1.1-py3-none-any.whl",
        "delta-lib==1.0": "delta_lib-1.0-py3-none-any.whl",
        "extras-demo==1.0": "extras_demo-1.0-py3-none-any.whl",
        "gamma==1.0": "gamma-1.0-py3-none-any.whl",
    }
    pins = [f"{pin} \\\n    --hash=sha256:{digest_of(wheelhouse / wheel)}\n" for pin, wheel in wheels.items()]
    interpreter = view(project).interpreter
    assert outcome.stdout == (
        f"# What a runs with on {interpreter}, written by `fumehood env export`.\n" + "".join(pins)
    )
    assert complaints(outcome) == ""


def test_uv_installs_the_file_and_gets_what_the_environment_has(project: Project) -> None:
    arrange(project)
    written = project.fumehood("env", "export", "a", "--output", "flat.txt").assert_ok()
    assert (written.stdout, complaints(written)) == ("", "")
    project.fumehood("env", "build", "a").assert_ok()
    uv = find_uv_bin()
    project.run(uv, "venv", "--quiet", "--python", sys.executable, "flat").assert_ok()
    project.run(uv, "pip", "sync", "--quiet", "--require-hashes", "--python", "flat", "flat.txt").assert_ok()
    code = "from importlib.metadata import distributions as d; print(sorted((x.name, x.version) for x in d()))"
    flat = project.run("flat/bin/python", "-c", code, env={"PYTHONPATH": ""}).assert_ok()
    folder = project.fumehood("env", "path", "a").assert_ok().stdout.strip()
    stacked = project.run(f"{folder}/bin/python", "-c", code, env={"PYTHONPATH": ""}).assert_ok()
    assert flat.stdout == stacked.stdout


def test_the_view_says_where_each_pin_comes_from_and_what_was_asked_for(project: Project) -> None:
    arrange(project)
    seen = view(project)
    assert seen.name == "a"
    assert [(package.name, package.version, package.origin) for package in seen.packages] == [
        ("alpha", "1.1", "changed"),
        ("delta-lib", "1.0", "core"),
        ("extras-demo", "1.0", "delta"),
        ("gamma", "1.0", "delta"),
    ]
    assert seen.direct == ("alpha", "delta-lib", "extras-demo[fast]", "gamma")
    assert dict(seen.markers)["sys_platform"] == sys.platform


def test_the_view_knows_what_packages_require_once_they_are_installed(project: Project) -> None:
    arrange(project)
    assert {package.requires for package in view(project).packages} == {None}
    project.fumehood("env", "build", "a").assert_ok()
    requires = {package.name: package.requires for package in view(project).packages}
    assert requires["gamma"] == ("alpha<2",)
    assert requires["delta-lib"] == ()
    project.write({"experiments/a/experiment.toml": 'layout = "flat"\n'})
    project.fumehood("env", "build", "a").assert_ok()
    assert {package.name: package.requires for package in view(project).packages} == requires


def test_a_local_package_and_the_projects_of_the_repository_are_told_apart(project: Project) -> None:
    core = '[project]\nname = "tool"\nversion = "0.3"\n'
    own = '[project]\nname = "a-thing"\nversion = "2"\n'
    project.write({"pyproject.toml": core + BARE, "requirements.txt": "alpha\n", "src/tool/__init__.py": ""})
    project.write({"experiments/a/requirements.txt": "-e ./experiments/a/libx\n", "experiments/a/pyproject.toml": own})
    project.write({"experiments/a/libx/pyproject.toml": LOCAL})
    seen = view(project)
    local = next(package for package in seen.packages if package.url)
    assert (local.origin, local.editable, local.version, local.hashes, local.requires) == ("delta", True, "", (), None)
    assert local.url.endswith("experiments/a/libx")
    assert seen.projects == (ViewedProject(name="tool", version="0.3"), ViewedProject(name="a-thing", version="2"))
    exported = project.fumehood("env", "export", "a").assert_ok().stdout
    assert f"\n-e {local.url}\n" in exported


def test_the_environment_of_cores_tests_can_be_exported_too(project: Project) -> None:
    arrange(project)
    outcome = project.fumehood("env", "export", "core").assert_ok()
    names = [line.partition("==")[0] for line in outcome.stdout.splitlines() if "==" in line]
    assert names == ["alpha", "delta-lib"]
    assert outcome.stdout.startswith("# What core runs with on ")


def test_a_committed_lock_is_what_is_exported_and_locked_insists_on_it(project: Project) -> None:
    arrange(project)
    project.fumehood("lock").assert_ok()
    before = project.fumehood("env", "export", "a", "--locked", "--offline").assert_ok().stdout
    assert "gamma==1.0" in before
    project.write({"experiments/a/requirements.txt": "beta\n"})
    refused = project.fumehood("env", "export", "a", "--locked").assert_exit(1)
    assert refused.stderr.splitlines()[-1] == "  → run `fumehood lock` and commit what it writes"
    assert refused.stdout == ""


def test_what_does_not_exist_is_refused(project: Project) -> None:
    arrange(project)
    unknown = project.fumehood("env", "export", "a", "--format", "conda").assert_exit(2)
    assert unknown.stderr.startswith("there is no exporter 'conda'\n  → name one of these, or install the distribution")
    with pytest.raises(UsageError, match=r"^there is no experiment 'b'\n"):
        view(project, "b")
    nowhere = project.fumehood("env", "export", "a", "--output", "requirements.txt/out").assert_exit(3)
    assert complaints(nowhere).startswith("writing requirements.txt/out failed: "), repr(nowhere)


def complaints(outcome: Outcome) -> str:
    """What was said, but for nox's remark on folders as long as those of tests."""
    return outcome.stderr.replace("The virtualenv name was hashed to avoid being too long.\n", "")


def digest_of(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
