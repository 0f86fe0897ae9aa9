"""The other contenders: each as its users would have it, with nothing switched off that they would leave on."""

# What each method is for stands with `Contender`.
# ruff: noqa: D102

from __future__ import annotations

import os
from typing import TYPE_CHECKING, ClassVar

from bench.contender import Contender, State
from bench.ours import Fumehood, FumehoodNox
from bench.place import base_python, program
from bench.workload import CORE, EXPERIMENTS, write, write_requirements

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from bench.measure import Command

_NOXFILE = """\
import nox

nox.options.default_venv_backend = "uv"


def add(name):
    @nox.session(name=name)
    def install(session):
        session.install("-r", "requirements.txt", "-r", f"experiments/{name}/requirements.txt")


for name in %r:
    add(name)
"""


class NoxUv(Contender, frozen=True, kw_only=True):
    """nox with uv as its backend, each session installing core's requirement lines and its own."""

    name = "nox + uv"

    def write(self) -> None:
        write_requirements(self.folder)
        write(self.folder, "noxfile.py", _NOXFILE % (list(EXPERIMENTS),))

    def everything(self) -> tuple[Command, ...]:
        return ((program("nox"), "--install-only"),)

    def one(self, experiment: str) -> tuple[Command, ...]:
        return ((program("nox"), "-r", "-s", experiment, "--install-only"),)

    def strip(self, state: State) -> None:  # noqa: ARG002 - it has no layers
        self.place.move_aside(self.folder / ".nox")

    def environment(self, experiment: str) -> Path:
        return self.folder / ".nox" / experiment


class ToxUv(Contender, frozen=True, kw_only=True):
    """tox with the tox-uv plugin."""

    name = "tox-uv"

    def write(self) -> None:
        Contender.write(self)
        names = ", ".join(EXPERIMENTS)
        settings = "no_package = true\n\n[testenv]\nskip_install = true\ndeps = -r pins/{env_name}.txt\n"
        write(self.folder, "tox.ini", f"[tox]\nenv_list = {names}\n{settings}")

    def everything(self) -> tuple[Command, ...]:
        return ((program("tox"), "run", "--notest"),)

    def one(self, experiment: str) -> tuple[Command, ...]:
        return ((program("tox"), "run", "--notest", "-e", experiment),)

    def strip(self, state: State) -> None:  # noqa: ARG002 - it has no layers
        self.place.move_aside(self.folder / ".tox")

    def environment(self, experiment: str) -> Path:
        return self.folder / ".tox" / experiment


class HatchUv(Contender, frozen=True, kw_only=True):
    """hatch with uv as its installer; one environment matrix."""

    name = "hatch + uv"

    @property
    def environ(self) -> Mapping[str, str]:
        own = {
            "HATCH_CONFIG": self.folder / "config.toml",
            "HATCH_DATA_DIR": self.folder / ".data",
            "HATCH_ENV_TYPE_VIRTUAL_UV_PATH": program("uv"),
        }
        return {**self.place.environ, **{key: str(value) for key, value in own.items()}}

    def write(self) -> None:
        write(self.folder, "config.toml", f'[dirs.env]\nvirtual = "{self.folder / ".hatch"}"\n')
        users: dict[str, list[str]] = {}
        for name, lines in self.workload.whole.items():
            for line in lines:
                users.setdefault(line, []).append(name)
        dependencies = [f'  {{ value = "{line}", if = {names} }},' for line, names in users.items()]
        table = ["[envs.exp]", 'installer = "uv"', "detached = true", "[[envs.exp.matrix]]"]
        table += [f"name = {list(EXPERIMENTS)}", "[envs.exp.overrides]", "matrix.name.dependencies = [", *dependencies]
        write(self.folder, "hatch.toml", "\n".join([*table, "]", ""]))
        write(self.folder, "pyproject.toml", '[project]\nname = "hatched"\nversion = "1"\n')

    def everything(self) -> tuple[Command, ...]:
        return ((program("hatch"), "env", "create", "exp"),)

    def one(self, experiment: str) -> tuple[Command, ...]:
        return ((program("hatch"), "run", f"exp.{experiment}:true"),)

    def strip(self, state: State) -> None:  # noqa: ARG002 - it has no layers
        self.place.move_aside(self.folder / ".hatch")

    def environment(self, experiment: str) -> Path:
        return self.folder / ".hatch" / f"exp.{experiment}"


class UvSync(Contender, frozen=True, kw_only=True):
    """``uv venv`` and ``uv pip sync``, by hand."""

    name = "uv pip sync"

    def everything(self) -> tuple[Command, ...]:
        return tuple(command for name in EXPERIMENTS for command in self.one(name))

    def one(self, experiment: str) -> tuple[Command, ...]:
        uv, folder = program("uv"), f"venvs/{experiment}"
        sync = (uv, "pip", "sync", "--python", folder, f"pins/{experiment}.txt")
        if _is_there(self.environment(experiment)):
            return (sync,)
        return ((uv, "venv", "--quiet", "--allow-existing", "--python", base_python(), folder), sync)

    def strip(self, state: State) -> None:  # noqa: ARG002 - it has no layers
        self.place.move_aside(self.folder / "venvs")

    def environment(self, experiment: str) -> Path:
        return self.folder / "venvs" / experiment


class UvRun(Contender, frozen=True, kw_only=True):
    """``uv run --with-requirements`` on a project that has been synced before."""

    name = "uv run --with"
    states: ClassVar[tuple[State, ...]] = ("cold", "core", "layers")

    def write(self) -> None:
        for name, lines in self.workload.added.items():
            write(self.folder, f"pins/{name}.txt", "".join(f"{line}\n" for line in lines))
        text = f'[project]\nname = "synced"\nversion = "1"\nrequires-python = ">=3.11"\ndependencies = {list(CORE)}\n'
        text += f"[tool.uv]\npackage = false\nconstraint-dependencies = {list(self.workload.core)}\n"
        write(self.folder, "pyproject.toml", text)

    def everything(self) -> tuple[Command, ...]:
        return tuple(command for name in EXPERIMENTS for command in self.one(name))

    def one(self, experiment: str) -> tuple[Command, ...]:
        return ((*self._run(experiment), "true"),)

    def _run(self, experiment: str) -> Command:
        uv = program("uv")
        return (uv, "run", "--quiet", "--python", base_python(), "--with-requirements", f"pins/{experiment}.txt")

    def strip(self, state: State) -> None:
        if state == "cold":
            self.place.move_aside(self.folder / ".venv")
        if state != "layers":
            self._forget()

    def _forget(self) -> None:
        """Take the environments that ``uv run --with`` made out of uv's cache."""
        for entry in self.place.uv_cache.glob("environments-*/*"):
            if entry.is_symlink():
                self.place.move_aside(entry.resolve())
                entry.unlink()
            elif entry.is_dir():
                self.place.move_aside(entry)

    def environment(self, experiment: str) -> Path:  # noqa: ARG002 - all use the project's, each with one on top
        return self.folder / ".venv"

    def python(self, experiment: str) -> Command:
        return (*self._run(experiment), "python")


class UvRunAnew(UvRun, frozen=True, kw_only=True):
    """The same in a clean checkout, where the project has to be synced again."""

    name = "uv run --with, clean checkout"
    states: ClassVar[tuple[State, ...]] = ("layers",)

    @property
    def folder(self) -> Path:
        return self.place.folder / UvRun.__name__.lower()

    def strip(self, state: State) -> None:  # noqa: ARG002 - it has one state
        self.place.move_aside(self.folder / ".venv")


CONTENDERS: tuple[type[Contender], ...] = (Fumehood, FumehoodNox, NoxUv, ToxUv, HatchUv, UvSync, UvRun, UvRunAnew)


def _is_there(environment: Path) -> bool:
    """Whether a virtual environment is there, as a script that uses uv by hand would look."""
    return os.path.exists(environment / "pyvenv.cfg")
