"""What an environment holds, when it is built anew and why, and what cannot reach into it."""

from __future__ import annotations

import json
import os
import shutil
import sys
import sysconfig
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace
from python_discovery import get_interpreter

import fumehood
from fumehood.outside.interpreter import Interpreter
from support import environments
from support.local_project import below, local_project
from support.wheels import Wheel
from support.wheels import build as build_wheel

if TYPE_CHECKING:
    from support.index import Index
    from support.project import Project

PLATFORM = sysconfig.get_platform().replace("-", "_").replace(".", "_")
PACKAGE = Path(fumehood.__file__).resolve().parent

SHOW = (
    "import importlib.metadata as m, sys; print(m.version(sys.argv[1]), *(p.name for p in m.entry_points(group='g')))"
)


def test_an_environment_is_reused_until_something_that_decides_about_it_changes(project: Project) -> None:
    environments.write(project, core=["alpha<1.1"], a=["reader"])
    requirements = project.root / "experiments/a/requirements.txt"
    assert build(project) == "exp-a: built (there is none yet)\n"
    assert build(project) == "exp-a: reused\n"
    os.utime(requirements, (1, 1))
    assert build(project) == "exp-a: reused\n"
    project.write({"experiments/a/requirements.txt": "# the same in other words\nreader  # it reads\n"})
    before = (project.root / ".nox/exp-a/pyvenv.cfg").stat()
    assert build(project) == "exp-a: reused\n"
    assert (project.root / ".nox/exp-a/pyvenv.cfg").stat() == before
    project.write({"experiments/a/requirements.txt": "reader\ndelta-lib\nnsone\nnstwo\nwithpth\n"})
    assert build(project) == (
        "exp-a: rebuilt (experiments/a/requirements.txt changed: delta-lib (new) → 1.0, nsone (new) → 1.0, "
        "nstwo (new) → 1.0 and 1 more)\n"
    )
    project.write({"requirements.txt": "alpha==1.1\n", "experiments/a/requirements.txt": "reader\n"})
    assert build(project).startswith("exp-a: rebuilt (experiments/a/requirements.txt changed: alpha 1.0 → 1.1, ")
    project.write({"pyproject.toml": '[tool.fumehood]\ntest-requirements = ["delta-lib"]\n'})
    assert build(project) == "exp-a: rebuilt (pyproject.toml changed: delta-lib (new) → 1.0)\n"


def test_an_environment_follows_the_variables_in_its_requirement_lines(project: Project) -> None:
    environments.write(project, core=["alpha"], a=["alpha==${VERSION}"])
    requirements = project.root / "experiments/a/requirements.txt"
    project.env["VERSION"] = "1.0"
    assert build(project).startswith("exp-a: built (there is none yet)\n")
    assert build(project) == "exp-a: reused\n"
    requirements.write_text(f"# in other words\n{requirements.read_text()}")
    assert build(project) == "exp-a: reused\n"
    project.env["VERSION"] = "1.1"
    assert build(project).startswith("exp-a: rebuilt (a variable in requirement lines changed: alpha 1.0 → 1.1)\n")
    del project.env["VERSION"]
    assert project.fumehood("env", "build", "a").assert_exit(2).stderr == (
        "experiments/a/requirements.txt:2: 'alpha==${VERSION}' is not a requirement: Expected semicolon (after name"
        " with no version specifier) or end\n"
        "  → write a name with versions and a marker, as in numpy[extra]>=2,<3; python_version < '3.13', a URL or a"
        " path\n"
    )


def test_a_rebuild_says_what_is_broken(project: Project) -> None:
    environments.write(project, core=["alpha"])
    build(project)
    environment = project.root / ".nox/exp-a"
    assert build(project, "--rebuild") == "exp-a: rebuilt (asked for)\n"
    (layer,) = environments.layers(project).values()
    shutil.rmtree(layer)
    assert build(project) == f"exp-a: rebuilt (its layer {layer.name[:12]} is gone)\n"
    (environment / "bin/python").unlink()
    assert build(project) == "exp-a: rebuilt (its interpreter is gone)\n"
    (environment / "pyvenv.cfg").unlink()
    assert build(project) == "exp-a: rebuilt (its pyvenv.cfg is gone)\n"
    (environment / "pyvenv.cfg").unlink()
    (environment / "bin/python").unlink()
    assert build(project) == "exp-a: rebuilt (its interpreter is gone)\n"
    shutil.rmtree(environment / "lib")
    assert build(project) == "exp-a: rebuilt (its import path is gone)\n"
    (path,) = environment.glob("lib/*/site-packages/_fumehood.pth")
    config = environment / "pyvenv.cfg"
    for file, what in ((path, "import path"), (config, "pyvenv.cfg")):
        before = file.read_text()
        os.utime(file)
        assert build(project) == "exp-a: reused\n"
        file.write_text(before.replace("/", "_", 1))
        assert build(project) == f"exp-a: rebuilt (its {what} was changed)\n"
        assert file.read_text() == before
    notes = environment / "fumehood.json"
    known = environments.state(environment)
    for damage in ({"layers": [5]}, {"files": {"x": {"size": "1"}}}, {"session": None}, {"schema": 2}):
        notes.write_text(json.dumps({**known, **damage}))
        assert build(project) == "exp-a: built (it is not whole)\n"
    for text in ('{"schema": 1}', "[" * 100_000):
        notes.write_text(text)
        assert build(project) == "exp-a: built (it is not whole)\n"
    shutil.rmtree(environment)
    assert build(project) == "exp-a: built (there is none yet)\n"


def test_an_environment_follows_a_cache_that_is_somewhere_else(project: Project) -> None:
    environments.write(project, core=["alpha"], a=["reader"])
    build(project)
    before = environments.cache(project)
    moved = replace(project, env={**project.env, "FUMEHOOD_CACHE": str(before.rename(before.with_name("moved")))})
    assert build(moved) == f"exp-a: rebuilt (its layers are in another cache, {before})\n"
    found = run(moved, "python", "-c", "import alpha, reader; print(alpha.__file__)")
    assert found.startswith(f"{before.parent}/moved/")
    assert build(moved) == "exp-a: reused\n"


def test_an_environment_outlives_the_fumehood_that_made_it(project: Project, tmp_path: Path) -> None:
    environments.write(project, core=["alpha"])
    other = shutil.copytree(PACKAGE, tmp_path / "other" / "fumehood")
    command = (sys.executable, "-m", "fumehood", "env", "build", "a")
    first = project.run(*command, env={"PYTHONPATH": str(other.parent)}).assert_ok()
    assert first.stdout == "exp-a: built (there is none yet)\n"
    assert build(project) == "exp-a: reused\n"
    shutil.rmtree(other)
    assert build(project) == "exp-a: rebuilt (the fumehood that made it is gone)\n"
    found = run(project, "python", "-c", "import fumehood_pytest; print(fumehood_pytest.__file__)")
    assert found.startswith(str(PACKAGE))


def test_a_repository_that_was_moved_gets_its_environments_anew(project: Project) -> None:
    environments.write(project, core=["alpha"])
    build(project)
    moved = replace(project, root=project.root.rename(project.root.with_name("moved")))
    assert build(moved) == "exp-a: rebuilt (settings, interpreter or fumehood changed)\n"


@pytest.mark.parametrize(
    ("source", "layout"), [("src", "auto"), (".", "auto"), ("tools", "auto"), ("src", "flat"), (".", "flat")]
)
def test_core_and_a_packaged_experiment_are_there_from_source_with_their_metadata(
    project: Project, source: str, layout: str
) -> None:
    core = '[project]\nname = "Core.Project"\nversion = "1.2"\n[project.scripts]\ncore-says = "corepkg:main"\n'
    core += f'[tool.setuptools]\npackage-dir = {{ "" = "{source}" }}\n' if source == "tools" else ""
    core += '[project.entry-points.g]\ncore-point = "corepkg:main"\n[tool.fumehood]\ntest-requirements = []\n'
    own = '[project]\nname = "own"\ndynamic = ["version"]\n[project.scripts]\nown-says = "own:main"\n'
    says = "import alpha\n\n\ndef main():\n    print({!r}, alpha.__version__)\n"
    project.write(
        {
            "pyproject.toml": core,
            "requirements.txt": "alpha<2\n",
            f"{source}/corepkg/__init__.py": says.format("core"),
            "experiments/a/pyproject.toml": own,
            "experiments/a/requirements.txt": "alpha<1.1\n",
            "experiments/a/src/own.py": says.format("own"),
            "experiments/a/experiment.toml": f'layout = "{layout}"\n',
            f"{source}/alpha.py": '__version__ = "shadowed by core"\n',
        }
    )
    build(project)
    assert run(project, "core-says") == "core shadowed by core\n"
    assert run(project, "own-says") == "own shadowed by core\n"
    assert run(project, "python", "-c", SHOW, "core.project") == "1.2 core-point\n"
    assert run(project, "python", "-c", SHOW, "own") == "0+dynamic core-point\n"
    assert run(project, "python", "-c", SHOW, "alpha") == "1.0 core-point\n"


@pytest.mark.parametrize("layout", ["auto", "flat"])
def test_pins_on_folders_and_files_of_this_machine_are_installed_and_watched(
    project: Project, wheelhouse: Path, layout: str
) -> None:
    project.write(below("libs/plain", local_project("plain", "1.0", says="plain")))
    project.write(below("libs/live", local_project("live", "1.0", says="live")))
    wheel = "alpha-1.0-py3-none-any.whl"
    project.write({f"wheels/{wheel}": (wheelhouse / wheel).read_bytes()})
    environments.write(project, core=["./libs/plain", f"./wheels/{wheel}"], a=["-e ./libs/live", "beta==1.0"])
    project.write({"experiments/a/experiment.toml": f'layout = "{layout}"\n'})
    assert build(project).startswith("exp-a: built (there is none yet)\n")
    assert (run(project, "plain"), run(project, "live")) == ("plain\n", "live\n")
    assert run(project, "python", "-c", "import alpha, beta; print(alpha.__version__, beta.__version__)") == "1.0 1.0\n"
    assert build(project) == "exp-a: reused\n"
    project.write({"libs/live/src/live.py": "def main():\n    print('changed')\n"})
    assert build(project) == "exp-a: reused\n"
    assert run(project, "live") == "changed\n"
    project.write({"libs/plain/src/plain.py": "def main():\n    print('changed')\n"})
    assert build(project).startswith("exp-a: rebuilt (libs/plain/src/plain.py changed)\n")
    assert run(project, "plain") == "changed\n"


@pytest.mark.parametrize("module", ["src/itself.py", "src/itself/__init__.py"])
def test_an_editable_install_of_the_repository_itself_is_core_from_source(project: Project, module: str) -> None:
    files = {**local_project("itself", "1.0", says="as first written")}
    files[module] = files.pop("src/itself.py")
    files["pyproject.toml"] += environments.BARE["pyproject.toml"]
    project.write({**files, "requirements.txt": "-e .\nalpha\n", "experiments/a/requirements.txt": ""})
    build(project)
    assert run(project, "itself") == "as first written\n"
    project.write({module: "def main():\n    print('changed')\n"})
    assert build(project) == "exp-a: reused\n"
    assert run(project, "itself") == "changed\n"
    assert run(project, "python", "-c", SHOW, "itself") == "1.0\n"


def test_direct_addresses_are_installed_into_layers(project: Project, index: Index) -> None:
    files = index.url.removesuffix("/simple") + "/files"
    core = f"alpha @ {files}/alpha/alpha-1.0-py3-none-any.whl"
    own = f"delta-lib @ {files}/delta-lib/delta_lib-1.0-py3-none-any.whl"
    environments.write(project, core=[core], a=[own])
    build(project)
    assert sorted(environments.layers(project)) == ["alpha", "delta-lib"]
    assert run(project, "python", "-c", "import alpha, delta_lib; print(alpha.__version__)") == "1.0\n"


@pytest.mark.parametrize("layout", ["auto", "flat"])
def test_commands_run_from_a_long_path_with_spaces_and_quotes(project: Project, layout: str) -> None:
    root = project.root.parent / 'it\'s "a" $HOME folder' / ("x" * 60) / ("y" * 60) / "repo"
    root.mkdir(parents=True)
    there = replace(project, root=root)
    core = '[project]\nname = "core"\nversion = "1"\n[project.scripts]\ncore-says = "corepkg:main"\n'
    there.write(
        {
            "pyproject.toml": f"{core}[tool.fumehood]\ntest-requirements = []\n",
            "src/corepkg/__init__.py": "def main():\n    print('core')\n",
            "requirements.txt": "gamma\nwithdata\n",
            "experiments/a/requirements.txt": "",
            "experiments/a/experiment.toml": f'layout = "{layout}"\n',
        }
    )
    build(there)
    assert len(str(root / ".nox/exp-a/bin/python")) > 127
    assert run(there, "core-says") == "core\n"
    assert run(there, "gamma") == "gamma with alpha 1.1\n"
    assert run(there, "withdata-script") == f"1.0 {root}/.nox/exp-a\n"
    assert run(there, "withdata-shell") == "withdata in a shell\n"
    assert (root / ".nox/exp-a/share/withdata/table.txt").read_text() == "1 2 3\n"


@pytest.mark.parametrize("layout", ["auto", "flat"])
def test_a_delta_lock_is_proven_again_when_cores_lock_has_moved(project: Project, layout: str) -> None:
    environments.write(project, core=["alpha<1.1"], a=["needs-old-alpha"])
    project.write({"experiments/a/experiment.toml": f'layout = "{layout}"\n'})
    project.fumehood("lock").assert_ok()
    build(project)
    delta = project.root / "experiments/a/requirements.lock"
    of_old_core = delta.read_text()
    project.write({"requirements.txt": "alpha\n", "experiments/a/requirements.txt": "beta\n"})
    project.fumehood("lock", "--upgrade").assert_ok()
    of_new_core = delta.read_text()
    project.write({"experiments/a/requirements.txt": "needs-old-alpha\n"})
    delta.write_text(of_old_core)
    outcome = project.fumehood("env", "build").assert_exit(1)
    assert outcome.stdout == ""
    assert outcome.stderr == (
        "core's lock has moved, and experiments/a/requirements.lock does not fit it any more: "
        "needs-old-alpha 1.0 requires alpha<1.1, but alpha is 2.0\n"
        "  → run `fumehood lock experiments/a`\n"
    )
    assert run(project, "python", "-c", "import alpha; print(alpha.__version__)") == "1.0\n"
    delta.write_text(of_new_core)
    project.write({"experiments/a/requirements.txt": "beta\n"})
    project.fumehood("lock").assert_ok()
    assert build(project).startswith("exp-a: rebuilt (")
    assert run(project, "python", "-c", "import alpha, beta; print(alpha.__version__)") == "2.0\n"


@pytest.mark.parametrize("version", ["3.12", "3.13"])
def test_an_experiment_gets_the_python_that_it_names(project: Project, version: str) -> None:
    known = sorted(Path(os.environ.get("PYENV_ROOT", "/nowhere")).glob(f"versions/{version}.*/bin"))
    if known:
        project.env["PATH"] = f"{known[-1]}{os.pathsep}{project.env['PATH']}"
    if get_interpreter(version, env=project.env) is None:
        pytest.skip(f"there is no Python {version} on this machine")
    environments.write(project, core=["gamma", "withpth"], a=["nsone"])
    core = 'python = ["3.11"]\n'  # else it is what runs the tests that core supports
    project.write(
        {
            "pyproject.toml": environments.BARE["pyproject.toml"] + core,
            "experiments/a/experiment.toml": f'python = "{version}"\n',
        }
    )
    build(project)
    code = "import gamma, withpth_hidden, acme.one, sys; print(*sys.version_info[:2], sys.withpth_started)"
    assert run(project, "python", "-c", code) == f"{version.replace('.', ' ')} True\n"
    assert run(project, "gamma") == "gamma with alpha 1.1\n"
    layer = environments.layers(project)["alpha,gamma,withpth"]
    assert list(layer.glob(f"lib/python{version}/site-packages/*.py"))
    assert list(layer.glob(f"lib/python{version}/site-packages/__pycache__/*.pyc"))


@pytest.mark.parametrize(
    ("implementation", "abi", "folder"),
    [
        ("cpython", "cpython-313-x86_64-linux-gnu", "python3.13"),
        ("cpython", "cpython-313t-x86_64-linux-gnu", "python3.13t"),
        ("cpython", "cpython-313td-darwin", "python3.13t"),
        ("pypy", "pypy311-pp73", "pypy3.13"),
    ],
)
def test_packages_are_where_each_kind_of_python_has_them(implementation: str, abi: str, folder: str) -> None:
    variables = {"implementation_name": implementation, "python_version": "3.13"}
    variables |= {"python_full_version": "3.13.0", "sys_platform": "linux", "platform_machine": "x86_64"}
    interpreter = Interpreter(executable=Path("python"), variables=variables, abi=abi, platform="linux-x86_64")
    assert interpreter.site_packages == f"lib/{folder}/site-packages"


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has Pythons with lib64")
@pytest.mark.parametrize("layout", ["auto", "flat"])
def test_compiled_packages_are_found_by_a_python_that_has_them_in_lib64(
    project: Project, wheelhouse: Path, tmp_path: Path, layout: str
) -> None:
    tag = f"py3-none-{PLATFORM}"
    build_wheel(Wheel(name="plat", version="1.0", tag=tag), wheelhouse)
    build_wheel(Wheel(name="plat-user", version="1.0", requires=("alpha", "plat")), wheelhouse)
    environments.write(project, core=["alpha<1.1"], a=["plat-user"])
    project.fumehood("lock").assert_ok()
    project.write({"requirements.txt": "alpha==1.1\n", "experiments/a/experiment.toml": f'layout = "{layout}"\n'})
    delta = project.root / "experiments/a/requirements.lock"
    of_old_core = delta.read_text()
    project.fumehood("lock").assert_ok()
    delta.write_text(of_old_core)  # so that it is proven again, from what is installed
    shutil.rmtree(environments.cache(project) / "proofs")
    assert build(project, "--python", str(python_with_lib64(tmp_path / "python"))).startswith("exp-a: built")
    answer = run(
        project, "python", "-c", "import plat, sysconfig; print(sysconfig.get_path('platlib'), plat.__version__)"
    )
    assert answer.endswith("/lib64/python{}.{}/site-packages 1.0\n".format(*sys.version_info[:2]))


def python_with_lib64(folder: Path) -> Path:
    """This Python as Fedora has it: what it was built with is said by a module that it imports as it starts."""
    base, name = Path(sys.base_prefix), "python{}.{}".format(*sys.version_info[:2])
    (folder / "bin").mkdir(parents=True)
    (folder / "lib" / name).mkdir(parents=True)
    python = folder / "bin" / name
    shutil.copy2(Path(sys.executable).resolve(), python)
    for place in (Path("lib"), Path("lib", name)):
        for entry in (base / place).iterdir():
            if entry.name not in {name, "site-packages"}:
                (folder / place / entry.name).symlink_to(entry)
    (folder / "lib" / name / "sitecustomize.py").write_text(
        "import os, site, sys\n"
        "sys.platlibdir = 'lib64'\n"
        f"site.addsitedir(os.path.join(sys.prefix, 'lib64/{name}/site-packages'))\n"
    )
    return python


def test_bytecode_is_there_of_all_of_core_and_in_a_delta_of_what_was_imported(project: Project) -> None:
    environments.write(project, core=["withpth", "nsone"], a=["alpha", "reader"])
    build(project)
    found = environments.layers(project)
    core, delta = found["nsone,withpth"], found["alpha,reader"]

    def compiled(layer: Path) -> dict[str, int]:
        return {path.name.partition(".")[0]: path.stat().st_mtime_ns for path in sorted(layer.rglob("*.pyc"))}

    before = compiled(core)
    assert len(before) == len(list(core.rglob("*.py")))
    assert compiled(delta) == {}
    show = ("python", "-c", "import acme.one, alpha, withpth_hidden; print(alpha.__version__)")
    assert run(project, *show) == "2.0\n"
    assert (compiled(core), [*compiled(delta)]) == (before, ["alpha"])
    project.fumehood("env", "verify").assert_ok()
    # What the bytecode says is never older than its source, whoever changed that.
    (source,) = delta.rglob("alpha.py")
    text = source.read_text()
    source.unlink()  # it is the same file as one in uv's cache
    source.write_text(text + "\n__version__ = 'changed'\n")
    assert run(project, *show) == "changed\n"
    project.fumehood("env", "verify", "--keep").assert_exit(1)


def test_a_compiled_program_is_one_file_for_all_environments(project: Project, wheelhouse: Path) -> None:
    program = Path("/bin/echo").resolve().read_bytes()
    build_wheel(Wheel(name="compiled", version="1.0", scripts={"compiled": program}), wheelhouse)
    environments.write(project, core=["compiled"], experiments={"a": ["alpha"], "b": ["reader"]})
    project.fumehood("env", "build").assert_ok()
    assert run(project, "compiled", "it runs") == "it runs\n"
    layer = environments.layers(project)["compiled"]
    places = [layer / "bin", *(environments.folder(project, name) / "bin" for name in ("a", "b"))]
    assert len({(place / "compiled").stat().st_ino for place in places}) == 1


def test_only_what_an_installer_would_change_of_a_script_is_changed(project: Project, wheelhouse: Path) -> None:
    lines = {
        "plain": "#!python",
        "options": "#!python -Xdev",
        "env": "#!/usr/bin/env -S python3 -Xdev",
        "text": "no script",
    }
    lines |= {"interactive": "#!/usr/bin/env ipython", "nothing": "#!/bin/true python"}
    scripts = {f"script-{name}": f"{line}\nimport sys\n" for name, line in lines.items()}
    build_wheel(Wheel(name="scripts", version="1.0", scripts=scripts), wheelhouse)
    environments.write(project, experiments={"a": ["scripts"], "b": ["scripts"]})
    project.write({"experiments/b/experiment.toml": 'layout = "flat"\n'})
    project.fumehood("env", "build").assert_ok()
    stacked, flat = (environments.folder(project, name) for name in ("a", "b"))
    for name in scripts:
        assert (stacked / "bin" / name).read_text() == (flat / "bin" / name).read_text().replace(
            str(flat), str(stacked)
        )


def test_what_lies_in_etc_can_be_edited_without_touching_the_layer(project: Project) -> None:
    environments.write(project, core=["withdata"])
    build(project)
    environment, (layer,) = project.root / ".nox/exp-a", environments.layers(project).values()
    assert (environment / "share/withdata/table.txt").is_symlink()
    (environment / "etc/withdata.cfg").write_text("edited\n")
    assert (layer / "etc/withdata.cfg").read_text() == "[withdata]\n"
    project.fumehood("env", "verify").assert_ok()


def test_variables_of_the_users_shell_change_nothing(project: Project, tmp_path: Path) -> None:
    hostile = tmp_path / "hostile"
    hostile.mkdir()
    (hostile / "alpha.py").write_text('__version__ = "hostile"\n')
    (hostile / "virtualenv.ini").write_text("[virtualenv]\nsystem-site-packages = true\n")
    (hostile / "pip.conf").write_text("[install]\ntarget = /nowhere\n")
    variables = {
        "VIRTUAL_ENV": str(hostile),
        "CONDA_PREFIX": str(hostile),
        "CONDA_DEFAULT_ENV": "base",
        "PIP_TARGET": str(hostile / "target"),
        "PIP_CONFIG_FILE": str(hostile / "pip.conf"),
        "PIP_REQUIRE_VIRTUALENV": "1",
        "PYTHONPYCACHEPREFIX": str(hostile / "cache"),
        "PYTHONUSERBASE": str(hostile / "user"),
        "UV_TARGET": str(hostile / "target"),
        "UV_PYTHON": "3.99",
        "UV_SYSTEM_PYTHON": "1",
        "UV_PROJECT_ENVIRONMENT": str(hostile / "env"),
        "VIRTUALENV_SYSTEM_SITE_PACKAGES": "1",
        "VIRTUALENV_CONFIG_FILE": str(hostile / "virtualenv.ini"),
        "PYTHONPATH": os.pathsep.join(filter(None, [project.env.get("PYTHONPATH"), str(hostile)])),
    }
    test = (
        "import sys, alpha\n\n\ndef test_it():\n    assert (alpha.__version__, sys.flags.no_user_site) == ('2.0', 1)\n"
    )
    environments.write(project, core=["alpha"], bare=False)
    project.write({"experiments/a/tests/test_it.py": test})
    project.noxfile()
    project.nox("-s", "exp-a", env=variables).assert_ok()
    assert "include-system-site-packages = false" in (project.root / ".nox/exp-a/pyvenv.cfg").read_text()
    assert {path.name for path in hostile.iterdir()} - {"cache"} == {"alpha.py", "pip.conf", "virtualenv.ini"}
    for layer in environments.layers(project).values():
        assert list(layer.glob("lib/python3*/site-packages/__pycache__/*.pyc"))
    # The same environment is right for a shell without those variables.
    assert build(project) == "exp-a: reused\n"


def build(project: Project, *options: str) -> str:
    return project.fumehood("env", "build", "a", *options).assert_ok().stdout


def run(project: Project, command: str, *arguments: str) -> str:
    """Run a command of the experiment's environment, with nothing of this test's own on the path."""
    environment = environments.folder(project)
    outcome = project.run(environment / "bin" / command, *arguments, env={"PYTHONPATH": ""}, cwd=Path(sys.prefix))
    return outcome.assert_ok().stdout
