"""When the world fails: a clear error, the right exit code, and the environment before as it was."""

from __future__ import annotations

import os
import re
import shutil
import sys
from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace

from support import environments
from support.disks import filled, make_read_only, small_disk, without_file_locks
from support.index import Fault, Index
from support.wheels import Wheel, build_all

if TYPE_CHECKING:
    from pathlib import Path

    from support.project import Outcome, Project

WORLD = "see uv's message above; nothing was changed"


@pytest.fixture(scope="session")
def _big(wheelhouse: Path) -> None:
    """A distribution that fills a small disk; its content cannot be compressed away by any file system."""
    build_all([Wheel(name="big", version="1.0", files={"big.py": "", "big/data": os.urandom(8_000_000)})], wheelhouse)


@pytest.mark.usefixtures("_big")
def test_a_full_cache_leaves_the_old_environment_and_nothing_half_done(project: Project) -> None:
    with small_disk(environments.cache(project), "4m"):
        works(project)
        project.write({"experiments/a/requirements.txt": "big\n"})
        outcome = build(project, exit_code=3)
        assert outcome.stdout == ""
        first, *quoted, last = told(outcome)
        assert (first, last) == ("installing experiments/a failed", f"  → {WORLD}")
        assert any("No space left on device" in line for line in quoted), repr(outcome)
        still_works(project)
        assert environments.leftovers(project) == []
        assert sorted(environments.layers(project)) == ["alpha", "nsone"]
        project.write({"experiments/a/requirements.txt": "reader\n"})
        build(project, exit_code=0)


def test_a_full_environment_folder_leaves_the_old_environment(project: Project) -> None:
    folder = project.root / ".nox"
    with small_disk(folder, "2m"):
        works(project)
        project.noxfile()
        with filled(folder):
            session = project.nox("-s", "exp-a").assert_exit(1)
            project.write({"experiments/a/requirements.txt": "reader\n"})
            outcome = build(project, exit_code=3)
        first, last = told(session)[1:]
        assert re.fullmatch(
            r"nox > Session exp-a aborted: writing \S+ failed: No space left on device( \(\S+\))?", first
        )
        assert last == "  → free some disk space and run it again."
        assert outcome.stdout == ""
        first, last = told(outcome)
        assert first.startswith(f"making the environment {folder}/exp-a failed: No space left on device")
        assert last == "  → free some disk space and run it again"
        still_works(project)
        assert sorted(path.name for path in folder.iterdir()) == [".fumehood", ".gitignore", "CACHEDIR.TAG", "exp-a"]
        assert build(project, exit_code=0).stdout.startswith("exp-a: rebuilt (experiments/a/requirements.txt changed: ")


def test_an_environment_in_a_read_only_folder_can_be_used_and_not_changed(project: Project) -> None:
    folder = project.root / ".nox"
    with small_disk(folder, "2m"):
        works(project)
        make_read_only(folder)
        assert build(project, exit_code=0).stdout == "exp-a: reused\n"
        project.noxfile()
        results = f"{folder}/.fumehood/results"
        assert told(project.nox("-s", "exp-a").assert_exit(1))[1:] == [
            f"nox > Session exp-a aborted: writing {results} failed: Read-only file system ({results})",
            "  → make it writable; environments (--envdir) and the cache (FUMEHOOD_CACHE) may be elsewhere.",
        ]
        project.write({"experiments/a/requirements.txt": "reader\n"})
        outcome = build(project, exit_code=3)
        assert told(outcome) == [
            f"making the environment {folder}/exp-a failed: Read-only file system ({folder}/exp-a)",
            "  → make it writable; environments (--envdir) and the cache (FUMEHOOD_CACHE) may be elsewhere",
        ]
        still_works(project)


def test_a_python_below_what_the_lock_is_for_is_refused_with_the_place_that_says_so(project: Project) -> None:
    environments.write(project, core=["alpha"], a=["reader"])
    project.write({"pyproject.toml": '[tool.fumehood]\ntest-requirements = []\npython = "3.30"\n'})
    project.fumehood("lock").assert_ok()
    project.write(environments.BARE)  # now the lock alone says it
    older = f"the lock is for Python 3.30 and newer, and this is Python {sys.version.split()[0]}"
    where = "in pyproject.toml, with [project] requires-python or [tool.fumehood] python"
    assert told(build(project, exit_code=2)) == [
        f"requirements.lock: experiments/a: {older}",
        f"  → choose a newer one, or name what is supported {where}",
    ]
    assert not environments.folder(project).exists()
    (project.root / "requirements.lock").unlink()
    project.write({"experiments/a/experiment.toml": 'python = "3.30"\n'})
    project.noxfile()
    outcome = project.nox("-s", "exp-a", "--force-python", sys.executable).assert_exit(1)
    assert f"experiments/a/experiment.toml: experiments/a: {older}" in outcome.stderr
    assert "  → choose a newer one, or name what is supported there, as its `python`" in outcome.stderr


def test_a_path_that_path_cannot_hold_is_said_with_where_else_environments_may_be(project: Project) -> None:
    here = replace(project, root=project.root / "a:b")
    environments.write(here, a=["reader"])
    here.noxfile()
    assert told(here.fumehood("env", "build", "a").assert_exit(2)) == [
        f"no environment can be at {here.root}/.nox/exp-a: PATH, where its commands are, cannot hold a ':'",
        "  → move the repository to a path without it, or have environments elsewhere with --envdir",
    ]
    here.fumehood("env", "build", "--envdir", str(project.root / "elsewhere"), "a").assert_ok()


@pytest.mark.skipif(sys.platform == "darwin", reason="its file systems have no such names")
def test_a_folder_whose_name_is_not_utf_8_is_said_to_be_none_for_environments(project: Project) -> None:
    here = replace(project, root=project.root / os.fsdecode(b"a\xff"))
    environments.write(here, a=["reader"])
    outcome = here.fumehood("env", "build").assert_exit(2)
    assert outcome.stderr == (
        f"{str(here.root)!a}: a folder whose name is not UTF-8 cannot be on Python's import path\n"
        "  → rename the folder\n"
    )


def test_a_home_that_cannot_be_is_said_with_what_to_choose_instead(project: Project) -> None:
    environments.write(project, core=["alpha"])
    del project.env["FUMEHOOD_CACHE"]
    del project.env["XDG_CACHE_HOME"]
    project.env["HOME"] = "/dev/null"
    first, last = told(build(project, exit_code=3))
    assert first.startswith("writing /dev/null/.cache/fumehood/interpreters/")
    assert first.endswith("failed: Not a directory (/dev/null/.cache)")
    advice = "see that its folder is there, or can be made; environments (--envdir) and the cache (FUMEHOOD_CACHE)"
    assert last == f"  → {advice} may be elsewhere"


def test_a_cache_on_another_file_system_costs_copies_and_says_so(project: Project) -> None:
    environments.write(project, core=["alpha"])
    with small_disk(environments.cache(project), "4m"):
        outcome = build(project, exit_code=0)
    assert re.fullmatch(
        r"core: 0\.0 MB were copied, not linked, because uv's cache \(.*\) is on another file system; "
        r"put FUMEHOOD_CACHE and UV_CACHE_DIR on the same one\n",
        outcome.stderr,
    )


@pytest.mark.usefixtures("private_uv_cache")
@pytest.mark.parametrize(
    ("fault", "exit_code", "first", "last"),
    [
        (Fault.STATUS_500, 3, "installing experiments/a failed", WORLD),
        (Fault.VANISHED, 3, "installing experiments/a failed", WORLD),
        (Fault.TRUNCATED, 3, "installing experiments/a failed", WORLD),
        (
            Fault.WRONG_CONTENT,
            1,
            "installing experiments/a: a file does not have the hash that the lock promises",
            "if the registry's file is the right one, run `fumehood lock --upgrade-package` for it",
        ),
    ],
)
def test_what_the_registry_does_wrong_while_installing_leaves_the_old_environment(
    project: Project, faulty_index: Index, fault: Fault, exit_code: int, first: str, last: str
) -> None:
    works(project)
    project.write({"experiments/a/requirements.txt": "delta-lib\n"})
    faulty_index.misbehave("delta-lib", fault, on="file")
    outcome = build(project, exit_code=exit_code)
    said = told(outcome)
    assert (said[0], said[-1], outcome.stdout) == (first, f"  → {last}", "")
    assert "delta-lib" in outcome.stderr
    still_works(project)
    assert environments.leftovers(project) == []
    faulty_index.heal()
    build(project, exit_code=0)


@pytest.mark.usefixtures("private_uv_cache")
@pytest.mark.parametrize(
    ("is_locked", "what"),
    [(True, "installing core failed"), (False, "core: not decided, because uv could not finish")],
)
def test_what_keeps_core_from_all_experiments_is_tried_and_said_once(
    project: Project, faulty_index: Index, *, is_locked: bool, what: str
) -> None:
    environments.write(project, core=["delta-lib"], experiments={"a": ["alpha"], "b": ["nsone"], "c": ["reader"]})
    if is_locked:
        project.fumehood("lock").assert_ok()
    faulty_index.misbehave("delta-lib", Fault.STATUS_500)
    faulty_index.forget_requests()
    build(project, exit_code=3)
    once = faulty_index.requests("delta-lib")
    outcome = project.fumehood("env", "build").assert_exit(3)
    first, *quoted, advice, others = told(outcome)
    assert (first, others, outcome.stdout) == (what, "not built for the same reason: exp-b, exp-c", "")
    assert {line[:4] for line in quoted} == {"  | "}, repr(outcome)
    assert advice.startswith("  → see uv's message above")
    assert faulty_index.requests("delta-lib") == 2 * once
    faulty_index.heal()
    built = project.fumehood("env", "build").assert_ok().stdout
    assert built == "".join(f"exp-{name}: built (there is none yet)\n" for name in "abc")


@pytest.mark.usefixtures("private_uv_cache")
def test_a_lock_with_a_wrong_hash_is_refused_until_what_the_message_says_is_done(
    project: Project, faulty_index: Index
) -> None:
    works(project)
    project.write({"experiments/a/requirements.txt": "delta-lib\n"})
    faulty_index.misbehave("delta-lib", Fault.WRONG_HASH)
    project.fumehood("lock").assert_ok()
    faulty_index.heal()
    for _ in range(2):
        said = told(build(project, exit_code=1))
        assert said[0] == "installing experiments/a: a file does not have the hash that the lock promises"
    assert said[-1] == "  → if the registry's file is the right one, run `fumehood lock --upgrade-package` for it"
    still_works(project)
    project.fumehood("lock", "--upgrade-package", "delta-lib").assert_ok()
    build(project, exit_code=0)


@pytest.mark.usefixtures("private_uv_cache")
def test_an_index_that_is_gone_is_no_matter_for_what_is_there(project: Project, wheelhouse: Path) -> None:
    with Index(wheelhouse) as index:
        project.env["UV_DEFAULT_INDEX"] = index.url
        works(project)
        project.fumehood("lock").assert_ok()
        build(project, exit_code=0)
    project.write({"experiments/b/requirements.txt": "reader\n"})
    assert build(project, exit_code=0).stdout == "exp-a: reused\n"
    outcome = project.fumehood("env", "build", "b").assert_exit(3)
    assert told(outcome)[0].startswith("experiments/b: not decided, because ")


@pytest.mark.usefixtures("private_uv_cache")
def test_a_layer_of_what_uv_has_in_its_cache_is_made_without_asking_the_registry(
    project: Project, wheelhouse: Path
) -> None:
    with Index(wheelhouse, cache_control="max-age=0") as index:
        project.env["UV_DEFAULT_INDEX"] = index.url
        works(project)
        project.fumehood("lock").assert_ok()
        build(project, exit_code=0)
        index.forget_requests()
        for folder in (environments.cache(project) / "layers", project.root / ".nox"):
            shutil.rmtree(folder)
        assert build(project, exit_code=0).stdout == "exp-a: built (there is none yet)\n"
        assert index.requests() == 0


def test_a_file_that_was_changed_in_the_cache_of_uv_is_named_with_its_package(
    project: Project, private_uv_cache: Path
) -> None:
    works(project)
    for folder in (environments.cache(project) / "layers", project.root / ".nox"):
        shutil.rmtree(folder)
    (module,) = private_uv_cache.glob("archive-*/*/alpha.py")
    module.write_text(module.read_text() + "# and more\n")
    minor = ".".join(map(str, sys.version_info[:2]))
    assert told(build(project, exit_code=3)) == [
        f"the layer of experiments/a came out incomplete: lib/python{minor}/site-packages/alpha.py of alpha",
        "  → run it again; if it stays so, `uv cache clean` the packages named",
    ]
    assert environments.leftovers(project) == []


def test_a_package_that_is_not_for_this_platform_says_so(project: Project) -> None:
    works(project)
    project.write({"experiments/a/requirements.txt": "only-windows\n"})
    outcome = build(project, exit_code=3)
    said = told(outcome)
    assert (said[0], said[-1]) == ("installing experiments/a failed", f"  → {WORLD}")
    assert "only-windows" in outcome.stderr
    still_works(project)


def test_a_missing_interpreter_keeps_only_those_from_being_built_that_need_it(project: Project) -> None:
    environments.write(project, core=["alpha"], experiments={"a": [], "b": [], "c": []})
    project.write({"experiments/b/experiment.toml": 'python = "3.99"\n'})
    outcome = project.fumehood("env", "build").assert_exit(3)
    assert outcome.stdout == "exp-a: built (there is none yet)\nexp-c: built (there is none yet)\n"
    assert told(outcome) == [
        "there is no Python 3.99 on this machine",
        "  → install it, for example with `uv python install 3.99`, or choose another with --python",
    ]


@pytest.mark.parametrize("kind", ["a folder that is no virtual environment", "a file", "a symbolic link"])
def test_what_is_no_environment_is_refused_and_not_touched(project: Project, tmp_path: Path, kind: str) -> None:
    environments.write(project, core=["alpha"])
    place = environments.folder(project)
    place.parent.mkdir()
    match kind:
        case "a file":
            place.write_text("precious\n")
        case "a symbolic link":
            (tmp_path / "elsewhere").mkdir()
            (tmp_path / "elsewhere/precious").touch()
            place.symlink_to(tmp_path / "elsewhere")
        case _:
            place.mkdir()
            (place / "precious").touch()
    outcome = build(project, exit_code=2)
    assert told(outcome) == [
        f"{place}: {kind} stands where the environment should be",
        "  → move it away, or choose another place with --envdir",
    ]
    assert place.read_text() == "precious\n" if kind == "a file" else (place / "precious").exists()


def test_what_a_crash_left_of_an_environment_is_replaced(project: Project) -> None:
    environments.write(project, core=["alpha"])
    place = environments.folder(project)
    (place / "bin").mkdir(parents=True)
    (place / "pyvenv.cfg").touch()
    aside = place.with_name(f".{place.name}.previous-1")
    aside.mkdir()
    assert build(project, exit_code=0).stdout == "exp-a: built (it is not whole)\n"
    assert not aside.exists()


def test_what_a_kill_left_of_the_environment_before_is_removed_by_the_next_run(project: Project) -> None:
    environments.write(project, core=["alpha"], a=["reader"])
    build(project, exit_code=0)
    environment = environments.folder(project)
    shutil.copytree(environment, environment.with_name(".exp-a.previous"), symlinks=True)
    assert build(project, exit_code=0).stdout == "exp-a: reused\n"
    assert sorted(environment.parent.iterdir()) == [
        environment.parent / name for name in (".fumehood", ".gitignore", "CACHEDIR.TAG", "exp-a")
    ]


@pytest.mark.parametrize("name", ["python", "../../escaped", ".."])
def test_a_command_of_core_that_would_overwrite_something_else_is_refused(project: Project, name: str) -> None:
    works(project)
    project.write(
        {
            "pyproject.toml": environments.BARE["pyproject.toml"]
            + f'[project]\nname = "core"\nversion = "1"\n[project.scripts]\n"{name}" = "corepkg:main"\n',
            "src/corepkg/__init__.py": "",
        }
    )
    outcome = build(project, exit_code=2)
    assert told(outcome) == [
        f"{name!r} cannot be the name of a command for corepkg:main: it is no file name, or the interpreter's own",
        "  → rename it where the project declares its scripts",
    ]
    assert not (project.root / "escaped").exists()
    still_works(project)


def test_entry_points_that_are_no_utf_8_are_read_as_far_as_they_can_be(project: Project, tmp_path: Path) -> None:
    text = b"[console_scripts]\nplain = latin:main\n[authors]\nJ\xfcrgen = latin\n"
    files: dict[str, str | bytes] = {
        "latin.py": "def main():\n    print('plain')\n",
        "latin-1.0.dist-info/entry_points.txt": text,
    }
    build_all([Wheel(name="latin", version="1.0", files=files)], tmp_path)
    project.env["UV_FIND_LINKS"] = str(tmp_path)
    environments.write(project, a=["latin"])
    build(project, exit_code=0)
    assert project.run(environments.folder(project) / "bin/plain").assert_ok().stdout == "plain\n"


@pytest.mark.parametrize(
    ("line", "what"), [('name = "../core"', "name is invalid: '../core'"), ('name = "core"\nversion = "a/b"', "a/b")]
)
def test_metadata_of_core_that_cannot_be_is_refused(project: Project, line: str, what: str) -> None:
    environments.write(project, core=["alpha"])
    project.write({"pyproject.toml": f"[project]\n{line}\n", "src/corepkg/__init__.py": ""})
    said = told(build(project, exit_code=2))
    assert said[0].startswith("pyproject.toml: [project]: ")
    assert what in said[0]
    assert said[1] == "  → give the project a valid name and version"


def test_without_file_locks_environments_are_built_and_it_is_said(project: Project, tmp_path: Path) -> None:
    environments.write(project, core=["alpha"], experiments={"a": ["nsone"], "b": ["nsone"]})
    outcome = project.fumehood("env", "build", env=without_file_locks(tmp_path)).assert_ok()
    assert outcome.stdout == "exp-a: built (there is none yet)\nexp-b: built (there is none yet)\n"
    places = (project.root / ".nox/.fumehood", environments.cache(project) / "leases")
    assert told(outcome) == [
        f"{place} has no working file locks; notes of processes stand in for them" for place in places
    ]
    assert [path.name for place in places for path in place.iterdir() if path.suffix != ".lease"] == []


def works(project: Project) -> None:
    """Build an environment that works."""
    environments.write(project, core=["nsone"], a=["alpha"])
    build(project, exit_code=0)


def still_works(project: Project) -> None:
    """The environment before is untouched."""
    python = environments.folder(project) / "bin/python"
    project.run(python, "-c", "import alpha, acme.one", env={"PYTHONPATH": ""}).assert_ok()
    assert "alpha" in environments.state(environments.folder(project))["versions"]


def build(project: Project, *, exit_code: int) -> Outcome:
    return project.fumehood("env", "build", "a").assert_exit(exit_code)


def told(outcome: Outcome) -> list[str]:
    return outcome.stderr.splitlines()
