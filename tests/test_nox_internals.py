"""Loud failures for the day when nox changes one of the parts that it does not promise."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import TYPE_CHECKING

import nox.sessions
import nox.virtualenv
import pytest
from hypothesis import given
from hypothesis import strategies as st
from nox import _options
from nox.sessions import _normalize_path

from fumehood import nox_internals
from fumehood.model.folder import environment_folder
from support import environments

if TYPE_CHECKING:
    from support.project import Project


def test_nox_keeps_its_backends_in_a_registry_that_can_be_added_to(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(nox.virtualenv.ALL_VENVS, nox_internals.BACKEND, raising=False)
    nox_internals.install_backend()
    assert nox.virtualenv.ALL_VENVS["fumehood"] is nox_internals.LayeredEnv
    assert {"uv", "virtualenv", "none"} < set(nox.virtualenv.ALL_VENVS)


def test_nox_calls_a_backend_with_the_arguments_that_ours_takes(tmp_path: Path) -> None:
    ours = inspect.signature(nox_internals.LayeredEnv).parameters
    assert list(ours) == ["location", "interpreter", "download_python", "reuse_existing", "venv_params"]
    made = nox.virtualenv.get_virtualenv(
        "uv", download_python="never", envdir=str(tmp_path / "env"), reuse_existing=False, interpreter=None
    )
    assert isinstance(made, nox.virtualenv.VirtualEnv)
    assert Path(made.location) == tmp_path / "env"
    assert Path(made.bin) == tmp_path / "env" / "bin"


def test_our_environment_is_one_that_nox_installs_into_with_uv(tmp_path: Path) -> None:
    made = nox_internals.LayeredEnv(str(tmp_path / "env"))
    assert made.create()
    assert not (tmp_path / "env").exists()
    assert made.venv_backend == "uv"
    assert made.is_sandboxed


def test_the_folder_of_environments_gets_the_files_that_nox_gives_it(project: Project, tmp_path: Path) -> None:
    environments.write(project, core=["alpha"])
    project.fumehood("env", "build").assert_ok()
    theirs = tmp_path / "theirs"
    nox.virtualenv.VirtualEnv(str(theirs / "env"), venv_backend="uv").create()
    files = {path.name: path.read_text() for path in theirs.iterdir() if path.is_file()}
    assert sorted(files) == [".gitignore", "CACHEDIR.TAG"]
    ours = project.root / ".nox"
    assert {path.name: path.read_text() for path in ours.iterdir() if path.is_file()} == files
    assert ".nox" not in project.git("status", "--porcelain").stdout


@pytest.mark.parametrize(
    ("call", "refused"),
    [
        (("nox", "-s", "exp-wrong"), "experiments/wrong/experiment.toml:1: state is a string, not 3"),
        (("nox", "-s", "exp-a", "--", "--locked"), "experiments/a/requirements.txt:1: beta is not in the lock"),
        (("fumehood", "env", "build", "a", "--locked"), "experiments/a/requirements.txt:1: beta is not in the lock"),
    ],
)
def test_git_sees_nothing_of_a_run_that_is_refused_before_there_is_an_environment(
    project: Project, call: tuple[str, ...], refused: str
) -> None:
    environments.write(project, core=["alpha"], experiments={"a": []})
    project.noxfile()
    project.fumehood("lock").assert_ok()
    project.write({"experiments/a/requirements.txt": "beta\n", "experiments/wrong/experiment.toml": "state = 3\n"})
    project.write({".gitignore": "__pycache__/\n"})
    project.commit()
    program, *arguments = call
    outcome = {"nox": project.nox, "fumehood": project.fumehood}[program](*arguments)
    assert refused in outcome.stderr
    assert sorted(path.name for path in (project.root / ".nox").iterdir()) == [
        ".fumehood",
        ".gitignore",
        "CACHEDIR.TAG",
    ]
    assert project.git("status", "--porcelain").stdout == ""


def test_a_missing_interpreter_is_noxs_own_error(tmp_path: Path) -> None:
    missing = nox_internals.LayeredEnv(str(tmp_path / "env"), "3.99", download_python="never")
    with pytest.raises(nox.virtualenv.InterpreterNotFound):
        _ = missing._resolved_interpreter  # noqa: SLF001 - it is the part of nox that is tested


def test_the_options_that_are_read_exist() -> None:
    config = _options.options.namespace()
    assert {"reuse_venv", "no_install", "install_only"} <= set(dir(config))


@pytest.mark.parametrize(
    ("session", "folder"),
    [
        ("exp-rl", "exp-rl"),
        ("exp-distributed-ddp", "exp-distributed-ddp"),
        ("exp-rl-3.12", "exp-rl-3-12"),
        ("exp-FSDP", "exp-fsdp"),
    ],
)
def test_the_folder_of_an_environment_is_the_one_that_nox_uses(session: str, folder: str, tmp_path: Path) -> None:
    base = Path("/nox")
    assert environment_folder(base, session) == base / folder
    assert environment_folder(tmp_path, "x" * 200).parent == tmp_path


@given(session=st.text() | st.text("ab -_.é\n", min_size=40), depth=st.integers(0, 110))
def test_every_session_gets_the_folder_that_nox_would_give_it(session: str, depth: int) -> None:
    envdir = f"/{'d' * depth}"
    assert str(environment_folder(Path(envdir), session)) == _normalize_path(envdir, session)
