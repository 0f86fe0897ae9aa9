"""`fumehood env`: what each command prints and does."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
from typing import TYPE_CHECKING

import pytest

from support import environments
from support.privileges import without_privileges

if TYPE_CHECKING:
    from pathlib import Path

    from support.project import Project

SOUND = "every file of every layer is as its RECORD says, and every environment's import path as it was made\n"
SITE = f"lib/python{sys.version_info.major}.{sys.version_info.minor}/site-packages"


@pytest.fixture
def built(project: Project) -> Project:
    """Two experiments on a core that one of them changes."""
    environments.write(project, core=["alpha", "withplugin"], experiments={"a": ["alpha<2"], "b": ["reader"]})
    project.fumehood("env", "build").assert_ok()
    return project


def test_build_tells_people_what_each_environment_came_to(project: Project) -> None:
    core = ["alpha", "pkgutil-one"]
    environments.write(project, core=core, experiments={"a": ["alpha<2"], "b": ["pkgutil-two"], "c": []})
    assert project.fumehood("env", "build", "a", "b").assert_ok().stdout == (
        "exp-a: built (there is none yet)\n"
        "  changes 1 of core's pins: alpha 2.0 → 1.1\n"
        "exp-b: built (there is none yet)\n"
        "  flat, not stacked: pkgutil-one (core) and pkgutil-two both ship shared\n"
    )
    assert project.fumehood("env", "build").assert_ok().stdout == (
        "exp-a: reused\nexp-b: reused\nexp-c: built (there is none yet)\n"
    )


def test_build_tells_programs_what_each_environment_came_to(built: Project) -> None:
    answer = json.loads(built.fumehood("env", "build", "--json", "a").assert_ok().stdout)
    (environment,) = answer.pop("environments")
    interpreter = environment.pop("interpreter")
    layers = environments.layers(built)
    assert interpreter.startswith(f"cpython {sys.version.split()[0]} ")
    assert answer == {"schema": 1}
    assert environment == {
        "session": "exp-a",
        "path": str(environments.folder(built)),
        "action": "reused",
        "reason": "",
        "layout": "stacked",
        "why_flat": None,
        "layers": [layers[name].name for name in ("alpha", "alpha,withplugin", "view")],
        "changes": ["alpha 2.0 → 1.1"],
    }


def test_build_of_an_experiment_that_is_not_there_says_so(built: Project) -> None:
    outcome = built.fumehood("env", "build", "nobody").assert_exit(2)
    assert (outcome.stdout, "nobody" in outcome.stderr) == ("", True)


def test_build_of_nothing_says_where_it_looked(project: Project) -> None:
    outcome = project.fumehood("env", "build").assert_ok()
    where = 'experiments = ["examples/*"] in [tool.fumehood]'
    said = f"no experiments in experiments/*\n  → if they are elsewhere, say where: {where}\n"
    assert (outcome.stdout, outcome.stderr) == ("", said)


def test_build_of_everything_says_what_it_leaves_out(built: Project) -> None:
    built.write({"experiments/c d/requirements.txt": "reader\n", "experiments/e/requirements.txt": ""})
    built.root.joinpath("experiments/e/requirements.txt").unlink()
    os.mkfifo(built.root / "experiments/e/requirements.txt")
    outcome = built.fumehood("env", "build").assert_exit(2)
    assert outcome.stdout == "exp-a: reused\nexp-b: reused\n"
    assert outcome.stderr == (
        "experiments/e/requirements.txt: is no ordinary file\n"
        "  → name a requirements file\n"
        "experiments/c d: the folder name 'c d' cannot be part of a session's name\n"
        "  → rename it with letters, digits, '.', '_' and '-', or leave it out with `exclude`\n"
    )


def test_an_interpreter_that_is_none_is_said_with_its_path(built: Project, tmp_path: Path) -> None:
    text = tmp_path / "text"
    text.write_text("print(1)\n")
    program = shutil.which("true") or ""
    no_json = "Expecting value: line 1 column 1 (char 0)"
    for path, problem in (
        (
            f"{tmp_path}/none",
            f"{tmp_path}/none: No such file or directory\n  → install that Python, or choose another\n",
        ),
        (str(text), f"{text} does not run as a Python interpreter: [Errno 13] Permission denied: '{text}'\n"),
        (program, f"{program} does not run as a Python interpreter: {no_json}\n"),
    ):
        outcome = built.fumehood("env", "build", "a", "--python", path).assert_exit(3)
        assert outcome.stderr.removesuffix("  → install that Python anew\n") == problem


def test_path_is_where_nox_has_the_environment(project: Project) -> None:
    environments.write(project, experiments={"a": [], "nested/b": []})
    project.write({"experiments/a/experiment.toml": 'python = ["3.11", "3.12"]\n'})
    project.write({"pyproject.toml": '[tool.fumehood]\nexperiments = ["experiments/*", "experiments/nested/*"]\n'})
    where = {
        ("a",): ".nox/exp-a-3-11\n.nox/exp-a-3-12\n",
        ("nested/b",): ".nox/exp-nested-b\n",
        ("core",): ".nox/core\n",
        ("nested/b", "--envdir", "else where"): "else where/exp-nested-b\n",
    }
    for arguments, expected in where.items():
        outcome = project.fumehood("env", "path", *arguments).assert_ok()
        assert outcome.stdout.replace(f"{project.root}/", "") == expected


def test_shell_is_the_users_with_the_environment_first(built: Project, tmp_path: Path) -> None:
    script = tmp_path / "my shell"
    script.write_text('#!/bin/sh\necho "$VIRTUAL_ENV"\ncommand -v python\necho "${PYTHONPATH-unset}"\nexit 7\n')
    script.chmod(0o755)
    outcome = built.fumehood("env", "shell", "a", env={"SHELL": str(script)}).assert_exit(7)
    environment = environments.folder(built)
    assert outcome.stdout == f"{environment}\n{environment}/bin/python\nunset\n"
    assert outcome.stderr == f"{script} in exp-a; leave it with `exit`\n"
    script.write_text("#!/bin/sh\nkill -TERM $$\n")
    built.fumehood("env", "shell", "a", env={"SHELL": str(script)}).assert_exit(128 + signal.SIGTERM)
    assert built.fumehood("env", "shell", "a", env={"SHELL": ""}).assert_ok().stderr.startswith("/bin/sh in exp-a; ")
    missing = built.fumehood("env", "shell", "a", env={"SHELL": "/nowhere/sh"}).assert_exit(3)
    assert missing.stderr.splitlines()[1:] == [
        "/nowhere/sh cannot be run: No such file or directory",
        "  → set SHELL to your shell",
    ]


def test_list_shows_environments_and_layers_with_their_users(built: Project) -> None:
    cache, layers = environments.cache(built), environments.layers(built)
    answer = json.loads(built.fumehood("env", "list", "--json").assert_ok().stdout)
    assert answer["schema"] == 1
    assert answer["environments"] == [
        {
            "path": str(environments.folder(built, name)),
            "session": f"exp-{name}",
            "layout": "stacked",
            "layers": [layers[layer].name for layer in stacked],
        }
        for name, stacked in (("a", ("alpha", "alpha,withplugin", "view")), ("b", ("reader", "alpha,withplugin")))
    ]
    shown = {item.pop("path"): item for item in answer["layers"]}
    assert all(item.pop("size") > 0 for item in shown.values())
    assert shown == {
        str(layers[name]): {"digest": layers[name].name, "kind": kind, "distributions": count, "users": users}
        for name, kind, count, users in (
            ("alpha", "layer", 1, 1),
            ("alpha,withplugin", "layer", 2, 2),
            ("reader", "layer", 1, 1),
            ("view", "view", 0, 1),
        )
    }
    text = built.fumehood("env", "list").assert_ok().stdout
    assert text.splitlines()[-1] == f"cache: {cache}"
    assert [(*line.split()[:2], line.split()[-1]) for line in text.splitlines() if line.startswith("exp-")] == [
        (f"exp-{name}", "stacked", str(built.root / f".nox/exp-{name}")) for name in "ab"
    ]


def test_list_of_nothing_says_where_it_looked(project: Project) -> None:
    assert project.fumehood("env", "list").assert_ok().stdout == (
        f"no environments\n\nno layers\n\ncache: {environments.cache(project)}\n"
    )


def test_gc_removes_what_no_environment_uses_and_leftovers_of_killed_builds(built: Project) -> None:
    layers = environments.layers(built)
    leftover = layers["reader"].with_name(f".staging-{'0' * 40}-1-abcd")
    leftover.mkdir()
    assert gc(built, "--dry-run") == f"would remove leftover {leftover} (0.0 MB): its build was killed\n"
    assert gc(built) == f"removed leftover {leftover} (0.0 MB): its build was killed\n"
    shutil.rmtree(environments.folder(built))
    assert gc(built) == "nothing to remove\n"
    unused = sorted([(layers["alpha"], "layer"), (layers["view"], "view")])
    text = "".join(f"remove {kind} {path} (0.0 MB): no environment uses it\n" for path, kind in unused)
    assert gc(built, "--older-than", "0", "--dry-run") == text.replace("remove ", "would remove ")
    assert sorted(environments.layers(built)) == sorted(layers)
    assert gc(built, "--older-than", "0") == text.replace("remove ", "removed ")
    assert sorted(environments.layers(built)) == ["alpha,withplugin", "reader"]
    assert gc(built, "--older-than", "0") == "nothing to remove\n"


def test_an_environment_that_was_forgotten_is_remembered_when_it_is_used(built: Project) -> None:
    shutil.rmtree(environments.cache(built) / "environments")
    built.fumehood("env", "build").assert_ok()
    assert gc(built, "--older-than", "0") == "nothing to remove\n"


def test_an_environment_in_a_folder_that_is_closed_to_others_is_not_forgotten_by_them(built: Project) -> None:
    notes = sorted((environments.cache(built) / "environments").iterdir())
    (built.root / ".nox").chmod(0)
    try:
        command = (*without_privileges(), sys.executable, "-m", "fumehood", "env", "list", "--json")
        assert json.loads(built.run(*command).assert_ok().stdout)["environments"] == []
    finally:
        (built.root / ".nox").chmod(0o755)
    assert sorted((environments.cache(built) / "environments").iterdir()) == notes


def gc(project: Project, *options: str) -> str:
    return project.fumehood("env", "gc", *options).assert_ok().stdout


def test_verify_finds_every_damage_takes_it_away_and_builds_anew(built: Project) -> None:
    layers = environments.layers(built)
    core, changed, reader, view = (layers[name] for name in ("alpha,withplugin", "alpha", "reader", "view"))
    assert built.fumehood("env", "verify").assert_ok().stdout == SOUND
    (core / SITE / "withplugin.py").write_text("damaged\n")
    (core / SITE / "alpha.py").unlink()
    (changed / SITE / "alpha-1.1.dist-info/RECORD").write_text("")
    shutil.rmtree(reader / SITE / "reader-1.0.dist-info")
    (view / SITE / "withplugin.py").unlink()
    lines = {
        core.name: [f"alpha: {SITE}/alpha.py is missing", f"withplugin: {SITE}/withplugin.py was changed"],
        changed.name: [f"alpha: {SITE}/alpha-1.1.dist-info/RECORD was changed"],
        reader.name: [f"reader: {SITE}/reader-1.0.dist-info/RECORD is missing"],
        view.name: [f"{SITE}/withplugin.py is missing or leads elsewhere"],
    }
    found = "".join(f"{digest[:12]}: {line}\n" for digest in sorted(lines) for line in lines[digest])
    assert built.fumehood("env", "verify", "--keep").assert_exit(1).stdout == found
    answer = json.loads(built.fumehood("env", "verify", "--keep", "--json").assert_exit(1).stdout)
    assert len(answer["damages"]) == 5
    assert answer["damages"][0].keys() == {"layer", "distribution", "path", "problem"}
    outcome = built.fumehood("env", "verify").assert_exit(1)
    assert outcome.stdout == f"{found}took away 4 damaged layers; built anew: exp-a, exp-b\n"
    assert outcome.stderr == ""
    assert built.fumehood("env", "verify").assert_ok().stdout == SOUND
    # What was changed through a hard link was changed in uv's cache too, and is right again.
    assert (core / SITE / "withplugin.py").read_text().startswith("__version__")
    for name, code in (("a", "import alpha, withplugin; print(alpha.__version__)"), ("b", "import reader, alpha")):
        python = environments.folder(built, name) / "bin/python"
        built.run(python, "-c", code, env={"PYTHONPATH": ""}).assert_ok()
    assert built.fumehood("env", "build").assert_ok().stdout == "exp-a: reused\nexp-b: reused\n"


def test_verify_finds_an_environment_that_imports_from_elsewhere(built: Project) -> None:
    environment = environments.folder(built, "a")
    path, config = environment / SITE / "_fumehood.pth", environment / "pyvenv.cfg"
    before = path.read_text(), config.read_text()
    config.unlink()
    found = f"{config} is missing\n"
    assert built.fumehood("env", "verify", "--keep").assert_exit(1).stdout == found
    config.write_text(before[1])
    path.write_text("/elsewhere\n")
    found = f"{path} was changed\n"
    assert built.fumehood("env", "verify", "--keep").assert_exit(1).stdout == found
    assert built.fumehood("env", "verify").assert_exit(1).stdout == f"{found}built anew: exp-a\n"
    assert built.fumehood("env", "verify").assert_ok().stdout == SOUND
    assert (path.read_text(), config.read_text()) == before


def test_a_damaged_index_of_a_layer_is_found_and_made_anew(project: Project) -> None:
    environments.write(project, core=["alpha", "withplugin"])
    project.fumehood("env", "build").assert_ok()
    (layer,) = environments.layers(project).values()
    index = layer / "layer.json"
    sound = index.read_text()
    shortened = json.loads(sound)
    del shortened["trees"]["alpha"]
    for content, problem in (
        ("", "cannot be read"),
        ('{"trees": {}}', "cannot be read"),
        (json.dumps(shortened), "was changed"),
    ):
        index.write_text(content)
        outcome = project.fumehood("env", "verify", "--keep").assert_exit(1)
        assert outcome.stdout == f"{layer.name[:12]}: layer.json {problem}\n"
    index.unlink()
    outcome = project.fumehood("env", "verify").assert_exit(1)
    assert outcome.stdout == (
        f"{layer.name[:12]}: layer.json is missing\ntook away 1 damaged layer; built anew: exp-a\n"
    )
    assert index.read_text() == sound


def test_a_damaged_layer_in_the_way_of_a_build_is_replaced(project: Project) -> None:
    environments.write(project, core=["alpha"])
    project.fumehood("env", "build").assert_ok()
    (layer,) = environments.layers(project).values()
    (layer / "layer.json").write_text("no JSON")
    outcome = project.fumehood("env", "build", "--rebuild").assert_ok()
    assert outcome.stdout == "exp-a: rebuilt (asked for)\n"
    assert project.fumehood("env", "verify").assert_ok().stdout == SOUND


def test_verify_reports_its_findings_even_when_nothing_can_be_built_anew(built: Project) -> None:
    layer = environments.layers(built)["reader"]
    (layer / SITE / "reader.py").unlink()
    built.env["UV_CACHE_DIR"] = str(built.root.parent / "empty")
    outcome = built.fumehood("env", "verify", "--offline").assert_exit(3)
    assert outcome.stdout == f"{layer.name[:12]}: reader: {SITE}/reader.py is missing\ntook away 1 damaged layer\n"
    assert outcome.stderr.splitlines()[0] == "installing experiments/b failed"


def test_verify_works_outside_of_any_repository(built: Project, tmp_path: Path) -> None:
    layer = environments.layers(built)["reader"]
    (layer / SITE / "reader.py").unlink()
    outside = tmp_path / "outside"
    outside.mkdir()
    outcome = built.run(sys.executable, "-m", "fumehood", "env", "verify", cwd=outside).assert_exit(1)
    assert outcome.stdout.splitlines()[1] == "took away 1 damaged layer"
    assert built.fumehood("env", "build", "b").assert_ok().stdout == (
        f"exp-b: rebuilt (its layer {layer.name[:12]} is gone)\n"
    )
    assert os.listdir(outside) == []
