"""A repository for one test, and real processes in it."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Self

from msgspec import Struct

from support.forks import Forks
from support.guards import OUTSIDE

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from support.forks import Fork

VERSIONS = ("check", "--rule", "conflict", "--rule", "lock")
"""The command that checks versions and nothing else."""

_FORKS = Forks()

_NOXFILE = "import fumehood.nox\n\nfumehood.nox.register()\n"


class Outcome(Struct, frozen=True, kw_only=True):
    """How a process ended and all that it said."""

    argv: tuple[str, ...]
    cwd: Path
    exit_code: int
    stdout: str
    stderr: str

    def __repr__(self) -> str:
        parts = [f"$ {shlex.join(self.argv)}   (in {self.cwd})", f"exit code {self.exit_code}"]
        for name, text in (("stdout", self.stdout), ("stderr", self.stderr)):
            parts.append(f"--- {name} ---\n{text.rstrip()}" if text.strip() else f"--- no {name} ---")
        return "\n".join(parts)

    def assert_ok(self) -> Self:
        """Fail with the whole output unless the exit code is 0."""
        return self.assert_exit(0)

    def assert_exit(self, code: int) -> Self:
        """Fail with the whole output unless the process ended like this."""
        if self.exit_code != code:
            raise AssertionError(f"expected exit code {code}:\n{self!r}")
        return self


class Project(Struct, frozen=True, kw_only=True):
    """One repository on disk.

    Attributes:
        root: Its folder.
        env: The whole environment of every process started here; a test may change it.
    """

    root: Path
    env: dict[str, str]

    def write(self, files: Mapping[str, str | bytes]) -> None:
        """Write files, paths relative to the root, folders made as needed."""
        for path, content in files.items():
            target = self.root / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content.encode() if isinstance(content, str) else content)

    def noxfile(self) -> None:
        """Write the noxfile that a repository needs."""
        self.write({"noxfile.py": _NOXFILE})

    def git(self, *args: str) -> Outcome:
        """Run git, which has to succeed."""
        return self.run("git", *args).assert_ok()

    def commit(self, message: str = "Change") -> str:
        """Commit everything there is and return the commit's name."""
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", message)
        return self.git("rev-parse", "HEAD").stdout.strip()

    def fumehood(self, *args: str, timeout: float = 120, env: Mapping[str, str] | None = None) -> Outcome:
        """Run the command line of the code under test."""
        return self._module("fumehood", *args, timeout=timeout, env=env)

    def nox(self, *args: str, timeout: float = 120, env: Mapping[str, str] | None = None) -> Outcome:
        """Run nox with this interpreter."""
        return self._module("nox", "--nocolor", *args, timeout=timeout, env=env)

    def _module(self, module: str, *args: str, timeout: float, env: Mapping[str, str] | None) -> Outcome:
        """Run a module of this interpreter: in a fork of one that has it imported, where that makes no difference."""
        argv = (sys.executable, "-m", module, *args)
        variables = {**self.env, **(env or {})}
        if "FUMEHOOD_TEST_NO_FORKS" in OUTSIDE or not _FORKS.can(variables):
            return self.run(*argv, timeout=timeout, env=env)
        return _outcome(_FORKS.start(module, args, cwd=self.root, env=variables), argv, self.root, timeout)

    def run(
        self, *argv: str | Path, timeout: float = 120, env: Mapping[str, str] | None = None, cwd: Path | None = None
    ) -> Outcome:
        """Run a program to its end, in the root unless said otherwise, its input empty.

        Args:
            argv: The program and its arguments.
            timeout: Seconds; then the program and all that it started are killed and the test fails.
            env: Added to the project's environment.
            cwd: Another folder to run in.
        """
        return _outcome(self.start(*argv, env=env, cwd=cwd), tuple(map(str, argv)), cwd or self.root, timeout)

    def start(
        self, *argv: str | Path, env: Mapping[str, str] | None = None, cwd: Path | None = None
    ) -> subprocess.Popen[str]:
        """Start a program in a process group of its own and return at once; `kill` ends it and its children."""
        return subprocess.Popen(
            [str(argument) for argument in argv],
            cwd=cwd or self.root,
            env={**self.env, **(env or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            errors="replace",
            start_new_session=True,
        )


def _outcome(process: subprocess.Popen[str] | Fork, argv: tuple[str, ...], cwd: Path, timeout: float) -> Outcome:
    late = False
    try:
        stdout, stderr = process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        late = True
        os.killpg(process.pid, signal.SIGKILL)
        stdout, stderr = process.communicate()
    outcome = Outcome(argv=argv, cwd=cwd, exit_code=process.returncode, stdout=stdout, stderr=stderr)
    if late:
        raise AssertionError(f"not done after {timeout} s:\n{outcome!r}")
    return outcome


def kill(process: subprocess.Popen[str]) -> None:
    """Kill a process that `Project.start` started, with all its children, and wait for its end."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
    process.communicate()


def wait_until_gone(process: int, seconds: float = 10) -> None:
    """Wait for the end of a process that something else has started."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            os.kill(process, 0)
        except ProcessLookupError:
            return
        assert time.monotonic() < deadline, f"{process} is still there"
        time.sleep(0.05)
