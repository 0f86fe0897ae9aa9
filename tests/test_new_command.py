"""``fumehood new``: a folder that is whole and green from its first day, and nothing of anybody's overwritten."""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from support.project import Project

pytestmark = pytest.mark.usefixtures("shared_cache")

README = """\
# unet

A small U-Net.

## Motivation

<!-- To do: which problem this is about, and why what core has does not solve it. -->

## Innovation

<!-- To do: what is new here, and which parts of core it builds on. -->

## Performance

<!-- To do: numbers, with the hardware, the versions and the commit that they were taken on. -->

## Loss convergence

<!-- To do: a figure or a table of the loss beside that of a baseline, with the same particulars. -->

## Tests

`nox -s exp-unet` runs them.
"""

TOLD = ("--theme", "model", "--owner", "@example-owner", "--summary", "A small U-Net.")


@pytest.fixture
def lab(project: Project) -> Project:
    project.write({"requirements.txt": "alpha\n", "src/acme/__init__.py": ""})
    project.noxfile()
    return project


def contents(root: Path) -> dict[str, str]:
    return {
        str(path.relative_to(root)): path.read_text(encoding="utf-8")
        for path in sorted(root.rglob("*"))
        if path.is_file() and not {".git", ".nox", "__pycache__", ".pytest_cache"} & set(path.relative_to(root).parts)
    }


def test_told_everything_it_asks_nothing_and_its_session_is_green_for_a_test_that_ran(lab: Project) -> None:
    outcome = lab.fumehood("new", "unet", *TOLD, "--python", f"3.{sys.version_info.minor}").assert_ok()
    assert outcome.stdout == (
        "experiments/unet is proposed:\n"
        "  experiments/unet/README.md\n"
        "  experiments/unet/experiment.toml\n"
        "  experiments/unet/requirements.txt\n"
        "  experiments/unet/src/unet/__init__.py\n"
        "  experiments/unet/tests/test_unet.py\n"
    )
    assert outcome.stderr == "next: fill in the sections of its README; `nox -s exp-unet` runs its tests\n"
    made = contents(lab.root / "experiments")
    assert made["unet/README.md"] == README
    assert made["unet/experiment.toml"] == (
        'theme = "model"\nsummary = "A small U-Net."\nowners = ["@example-owner"]\nstate = "proposed"\n'
        f'python = ["3.{sys.version_info.minor}"]\n'
    )
    assert made["unet/requirements.txt"] == "# What this experiment needs on top of core's requirements, one a line.\n"
    assert made["unet/src/unet/__init__.py"] == '"""A small U-Net."""\n'
    ran = lab.nox("-s", "exp-unet").assert_ok()
    assert "nox > experiments/unet: 1 passed" in ran.stderr


def test_its_test_fails_where_an_installed_package_stands_in_for_its_code(lab: Project) -> None:
    lab.fumehood("new", "gamma", *TOLD).assert_ok()
    lab.write({"experiments/gamma/requirements.txt": "gamma\n"})
    (lab.root / "experiments/gamma/src/gamma/__init__.py").unlink()
    (lab.root / "experiments/gamma/src/gamma").rmdir()
    assert "assert Path(gamma.__file__).resolve().is_relative_to(folder)" in lab.nox("-s", "exp-gamma").stdout


def test_it_is_locked_where_locks_are_committed_and_core_s_lock_stays_as_it_is(lab: Project) -> None:
    lab.fumehood("lock").assert_ok()
    lock = (lab.root / "requirements.lock").read_text()
    outcome = lab.fumehood("new", "unet", *TOLD).assert_ok()
    assert "  experiments/unet/requirements.lock\n" in outcome.stdout
    assert lab.fumehood("lock", "--check", "unet").assert_ok().stderr == ""
    assert lab.fumehood("check", "--offline", "unet").exit_code == 0
    lab.write({"requirements.txt": "alpha<2\n"})
    outcome = lab.fumehood("new", "other", *TOLD).assert_ok()
    assert outcome.stderr.splitlines()[0] == (
        "experiments/other is not locked, since core's lock is not current: run `fumehood lock other` later"
    )
    assert (lab.root / "requirements.lock").read_text() == lock
    assert not (lab.root / "experiments/other/requirements.lock").exists()


def test_it_leaves_lines_of_codeowners_that_are_others_alone(lab: Project) -> None:
    lab.fumehood("new", "other", *TOLD).assert_ok()
    codeowners = "/experiments/ @example-owner\n/experiments/other/ @second\n"
    lab.write({"CODEOWNERS": codeowners})
    assert lab.fumehood("new", "unet", *TOLD).assert_ok().stderr.splitlines()[0] == (
        "not entered in CODEOWNERS and the README's table, where others' lines are to be mended too: "
        "see `fumehood check --fix --dry-run`"
    )
    assert (lab.root / "CODEOWNERS").read_text() == codeowners


def test_it_passes_every_check_on_its_first_day_also_those_of_codeowners_and_the_readme_s_table(lab: Project) -> None:
    lab.write({"experiments/README.md": "# Experiments\n", "CODEOWNERS": "* @all\n"})
    outcome = lab.fumehood("new", "unet", *TOLD).assert_ok()
    assert outcome.stderr.splitlines()[0] == "mended CODEOWNERS"
    assert (lab.root / "experiments/README.md").read_text() == "# Experiments\n"
    assert lab.fumehood("check", "--offline", "--fix").stderr == "mended experiments/README.md\n"
    assert lab.fumehood("check", "--offline", "--rule", "owner").assert_ok().stdout == "1 experiment checked: it fits\n"
    found = json.loads(lab.fumehood("check", "--format", "json").stdout)["findings"]
    assert [(one["severity"], one["rule"], one["file"], one["line"]) for one in found] == [
        ("warning", "evidence/empty-section", "experiments/unet/README.md", line) for line in (5, 9, 13, 17)
    ]


def test_a_table_of_owners_that_people_keep_is_theirs_to_complete_which_is_said(lab: Project) -> None:
    table = "| experiment | owners |\n| --- | --- |\n"
    lab.write({"experiments/README.md": table})
    assert lab.fumehood("new", "unet", *TOLD).assert_ok().stderr == (
        "experiments/README.md:1: the table of owners leaves it out\n"
        "  → correct it, or put the two lines `<!-- fumehood: experiments -->` and "
        "`<!-- fumehood: end of experiments -->` in its place, and run `fumehood check --fix`\n"
        "next: fill in the sections of its README; `nox -s exp-unet` runs its tests\n"
    )
    assert (lab.root / "experiments/README.md").read_text() == table


def test_what_is_missing_is_named_where_nobody_can_be_asked_and_nothing_is_made(lab: Project) -> None:
    before = contents(lab.root)
    assert lab.fumehood("new", "unet").assert_exit(2).stderr == (
        "--theme is missing\n  → give --theme model|infrastructure\n"
    )
    assert lab.fumehood("new", "unet", "--theme", "modle").assert_exit(2).stderr == (
        "there is no theme 'modle'\n  → give --theme model|infrastructure\n"
    )
    assert lab.fumehood("new", "unet", "--theme", "model", "--owner", "me").assert_exit(2).stderr == (
        "'me' is no owner\n  → write a handle, @name or @org/team, or an address\n"
    )
    assert lab.fumehood("new", "unet", "--theme", "model", "--python", "three").assert_exit(2).stderr == (
        "'three' is no Python version\n  → write a version such as \"3.12\"\n"
    )
    assert lab.fumehood("new", "unet", *TOLD[:4], "--summary", "two\nlines").assert_exit(2).stderr == (
        "the summary is not one line of text\n  → leave out control characters\n"
    )
    lab.git("config", "user.email", "nobody")
    assert lab.fumehood("new", "unet", "--theme", "model").assert_exit(2).stderr == (
        "--owner is missing, and neither CODEOWNERS nor git's user.email tells one\n  → give --owner @name\n"
    )
    assert contents(lab.root) == before


def test_an_owner_that_is_not_told_is_whoever_codeowners_names_else_the_committer(lab: Project) -> None:
    lab.git("config", "user.email", "someone@example.org")
    outcome = lab.fumehood("new", "one", "--theme", "infrastructure").assert_ok()
    assert outcome.stderr.splitlines()[0] == "owner: someone@example.org, git's user.email; --owner names another"
    made = contents(lab.root / "experiments/one")
    assert made["experiment.toml"] == (
        'theme = "infrastructure"\nowners = ["someone@example.org"]\nstate = "proposed"\n'
    )
    assert "Loss convergence" not in made["README.md"]
    lab.write({"CODEOWNERS": "/experiments/ @example-org/lab\n"})
    lab.fumehood("new", "two", "--theme", "infrastructure").assert_ok()
    assert contents(lab.root / "experiments/two")["experiment.toml"] == (
        'theme = "infrastructure"\nstate = "proposed"\n'
    )
    assert "two         requirements.txt  proposed" in lab.fumehood("list").stdout
    assert "@example-org/lab" in lab.fumehood("list").stdout


def test_on_a_terminal_it_asks_for_what_it_was_not_told(lab: Project) -> None:
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "fumehood", "new", "unet"]
    process = subprocess.Popen(command, cwd=lab.root, env=lab.env, stdin=theirs, stdout=subprocess.PIPE, stderr=theirs)
    os.close(theirs)
    os.write(ours, b"poetry\nmodel\nA small U-Net.\n@example-owner, @second\n")
    stdout, _ = process.communicate(timeout=60)
    os.close(ours)
    assert process.returncode == 0
    assert stdout.startswith(b"experiments/unet is proposed:\n  experiments/unet/README.md\n")
    assert contents(lab.root / "experiments/unet")["experiment.toml"] == (
        'theme = "model"\nsummary = "A small U-Net."\nowners = ["@example-owner", "@second"]\nstate = "proposed"\n'
    )


@pytest.mark.parametrize("there", ["experiments/unet/mine.txt", "experiments/unet", "experiments/unet/.gitkeep"])
def test_nothing_that_is_there_is_overwritten(lab: Project, there: str) -> None:
    lab.write({there: "mine"})
    before = contents(lab.root)
    assert lab.fumehood("new", "unet", *TOLD).assert_exit(2).stderr == (
        "experiments/unet is there already\n  → choose another name; nothing was changed\n"
    )
    assert contents(lab.root) == before


@pytest.mark.parametrize(
    ("name", "said"),
    [
        (
            "../outside",
            (
                "an experiment cannot be called '../outside'\n"
                "  → write letters, digits, '.', '_' and '-', and '/' between folders\n"
            ),
        ),
        (
            "/abs",
            (
                "an experiment cannot be called '/abs'\n"
                "  → write letters, digits, '.', '_' and '-', and '/' between folders\n"
            ),
        ),
        (
            "två",
            (
                "an experiment cannot be called 'två'\n"
                "  → write letters, digits, '.', '_' and '-', and '/' between folders\n"
            ),
        ),
        ("core", "an experiment cannot be called 'core'\n  → core means core's own tests; choose another name\n"),
        (
            "group-one",
            (
                "experiments/group-one: experiments/group-one and experiments/group/one would share the session "
                "exp-group-one\n  → rename one of them\n"
            ),
        ),
        (
            "group/left/out",
            (
                "experiments/group/left/out would not be taken for an experiment\n  → `experiments` and `exclude` in "
                "[tool.fumehood] say which folders are; give a path that fits them\n"
            ),
        ),
    ],
)
def test_a_name_that_would_not_work_is_refused_before_anything_is_there(lab: Project, name: str, said: str) -> None:
    lab.write(
        {
            "experiments/group/one/requirements.txt": "",
            "pyproject.toml": '[tool.fumehood]\nexclude = ["experiments/group/left"]\n',
        }
    )
    before = contents(lab.root)
    assert lab.fumehood("new", name, *TOLD).assert_exit(2).stderr == said
    assert contents(lab.root) == before
    assert sorted(os.listdir(lab.root / "experiments")) == ["group"]


def test_its_package_shadows_neither_core_nor_python_nor_what_core_needs(lab: Project) -> None:
    for name, package in (("acme", "exp_acme"), ("json", "exp_json"), ("alpha", "exp_alpha"), ("3d", "exp_3d")):
        outcome = lab.fumehood("new", name, *TOLD).assert_ok()
        assert f"  experiments/{name}/src/{package}/__init__.py\n" in outcome.stdout
    lab.fumehood("new", "group/my-net", *TOLD).assert_ok()
    assert contents(lab.root / "experiments/group/my-net").keys() == {
        "README.md",
        "experiment.toml",
        "requirements.txt",
        "src/my_net/__init__.py",
        "tests/test_my_net.py",
    }
    assert lab.nox("-s", "exp-json", "exp-group-my-net").assert_ok().stdout.count("1 passed") == 2


def test_its_package_does_not_shadow_what_core_s_lock_has_because_of_core_s_lines(lab: Project) -> None:
    lab.write({"requirements.txt": "beta\n"})
    lab.fumehood("lock").assert_ok()
    outcome = lab.fumehood("new", "alpha", *TOLD).assert_ok()
    assert "  experiments/alpha/src/exp_alpha/__init__.py\n" in outcome.stdout


def test_inside_a_package_it_becomes_a_part_of_that_package(lab: Project) -> None:
    lab.write(
        {
            "pyproject.toml": '[tool.fumehood]\nexperiments = ["lab/experiments/*", "examples/*"]\n',
            "lab/__init__.py": "",
            "lab/experiments/__init__.py": "",
        }
    )
    outcome = lab.fumehood("new", "unet", *TOLD).assert_ok()
    assert "  lab/experiments/unet/__init__.py\n" in outcome.stdout
    assert "import lab.experiments.unet\n" in contents(lab.root)["lab/experiments/unet/tests/test_unet.py"]
    assert "1 passed" in lab.nox("-s", "exp-unet").assert_ok().stdout
    assert lab.fumehood("new", "my-net", *TOLD).assert_exit(2).stderr == (
        "'my-net' cannot be imported, and lab/experiments is a package\n"
        "  → choose a name such as 'my_net' that Python takes for one\n"
    )
    lab.fumehood("new", "examples/my-net", *TOLD).assert_ok()
    assert "examples/my-net/src/my_net/__init__.py" in contents(lab.root)


def test_a_repository_that_names_every_folder_says_what_to_change(lab: Project) -> None:
    lab.write(
        {
            "pyproject.toml": '[tool.fumehood]\nexperiments = ["experiments/one"]\n',
            "experiments/one/requirements.txt": "",
        }
    )
    assert lab.fumehood("new", "unet", *TOLD).assert_exit(2).stderr == (
        "the settings name each experiment's folder, so a new one would not be found\n"
        '  → write a glob such as "experiments/*" for `experiments` in [tool.fumehood]\n'
    )


def test_killed_at_any_instant_it_leaves_nothing_or_all(lab: Project) -> None:
    lab.commit()
    begun = time.monotonic()
    lab.fumehood("new", "unet", *TOLD).assert_ok()
    duration = time.monotonic() - begun
    whole = contents(lab.root / "experiments/unet")
    for number in range(5):
        lab.git("clean", "-fdxq", "experiments")
        process = lab.start(sys.executable, "-m", "fumehood", "new", "unet", *TOLD)
        # The files are written in the last moments of the run.
        time.sleep(duration * (0.65 + 0.08 * number))
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        said = lab.git("status", "--porcelain", "--untracked-files=all").stdout
        assert not re.search(r"\.fumehood", said)
        assert contents(lab.root / "experiments/unet") in ({}, whole)
        if said:
            continue
        lab.fumehood("new", "unet", *TOLD).assert_ok()
        assert os.listdir(lab.root / "experiments") == ["unet"]


def test_two_at_a_time_do_not_disturb_each_other(lab: Project) -> None:
    commands = [
        lab.start(sys.executable, "-m", "fumehood", "new", name, *TOLD) for name in ("one", "two", "unet", "unet")
    ]
    for command in commands:
        command.communicate(timeout=60)
    assert sorted(command.returncode for command in commands) == [0, 0, 0, 2]
    assert sorted(os.listdir(lab.root / "experiments")) == ["one", "two", "unet"]
