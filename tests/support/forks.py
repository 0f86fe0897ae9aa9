"""Real processes without the time that Python takes to start and to import: forks of one that has done both.

Run as a program, this module is that one. It imports fumehood and nox, reads requests, and forks for each; the fork
becomes what ``python -m MODULE`` would be: its own session, environment variables, folder, arguments and output.
"""

from __future__ import annotations

import atexit
import gc
import importlib
import json
import os
import pkgutil
import runpy
import select
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_READ_WHEN_PYTHON_STARTS = ("PYTHON", "LC_", "LANG", "LD_")


class _Request(Struct, frozen=True, kw_only=True):
    """What a fork is to become; its output goes to the two files."""

    module: str
    argv: Sequence[str]
    cwd: str
    env: Mapping[str, str]
    stdout: str
    stderr: str


class Forks:
    """Starts processes one at a time; the process that forks is started when it is first needed."""

    def __init__(self) -> None:
        self._server: subprocess.Popen[bytes] | None = None
        self._variables: dict[str, str] = {}

    def can(self, env: Mapping[str, str]) -> bool:
        """Whether a fork is like a process that starts with these variables: not where Python itself reads others."""
        return self._server is None or _read_when_python_starts(env) == self._variables

    def start(self, module: str, argv: Sequence[str], *, cwd: Path, env: Mapping[str, str]) -> Fork:
        """Start ``python -m module`` with an empty input; it has to be waited for before the next one starts."""
        server = self._server = self._server or self._started(env)
        assert server.stdin
        assert server.stdout
        folder = tempfile.TemporaryDirectory()
        stdout, stderr = (os.path.join(folder.name, name) for name in ("stdout", "stderr"))
        request = {"module": module, "argv": argv, "cwd": str(cwd), "env": env, "stdout": stdout, "stderr": stderr}
        server.stdin.write(json.dumps(request).encode() + b"\n")
        return Fork(int(server.stdout.readline()), server.stdout.fileno(), folder)

    def _started(self, env: Mapping[str, str]) -> subprocess.Popen[bytes]:
        self._variables = _read_when_python_starts(env)
        # A session of its own, so that an interrupt from the keyboard ends the tests and leaves it to them to end this.
        server = subprocess.Popen(
            [sys.executable, __file__],
            env=dict(env),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
            bufsize=0,
        )
        atexit.register(server.communicate)
        return server


class Fork:
    """A started process, in as much of the form of `subprocess.Popen` as is needed here."""

    def __init__(self, pid: int, replies: int, folder: tempfile.TemporaryDirectory[str]) -> None:
        self.pid = pid
        self.returncode = 0
        self._replies = replies
        self._folder = folder

    def communicate(self, timeout: float | None = None) -> tuple[str, str]:
        """Wait for the end of this process and return what it and its children have written until then.

        Raises:
            subprocess.TimeoutExpired: It has not ended; kill it, and wait again.
        """
        if not select.select([self._replies], [], [], timeout)[0]:
            raise subprocess.TimeoutExpired(str(self.pid), timeout or 0)
        self.returncode = os.waitstatus_to_exitcode(int(os.read(self._replies, 100)))
        with self._folder as folder:
            stdout, stderr = (
                Path(folder, name).read_text(encoding="utf-8", errors="replace") for name in ("stdout", "stderr")
            )
        return stdout, stderr


def _read_when_python_starts(env: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in env.items() if name.startswith(_READ_WHEN_PYTHON_STARTS)}


def _import_everything() -> None:
    """Import fumehood's modules, except programs and what runs in experiments, and the libraries that take longest."""
    package = importlib.import_module("fumehood")
    for module in pkgutil.walk_packages(package.__path__, "fumehood."):
        if not module.name.startswith(("fumehood.__main__", "fumehood.testing.plugin")):
            importlib.import_module(module.name)
    for name in ("nox._cli", "virtualenv.run"):
        importlib.import_module(name)


def _serve() -> _Request | None:
    """Fork for each request, tell the number of the process, wait for it, tell its status; only forks get a request."""
    for line in sys.stdin:
        if not (pid := os.fork()):
            return _Request(**json.loads(line))
        _tell(pid)
        _tell(os.waitpid(pid, 0)[1])
    return None


def _tell(number: int) -> None:
    sys.stdout.write(f"{number}\n")
    sys.stdout.flush()


def _become(request: _Request) -> None:
    os.setsid()
    for number, path in enumerate((os.devnull, request.stdout, request.stderr)):
        opened = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND)
        os.dup2(opened, number)
        os.close(opened)
    os.environ.clear()
    os.environ.update(request.env)
    time.tzset()
    os.chdir(request.cwd)
    sys.path[0] = request.cwd
    sys.argv[1:] = request.argv


class _QuickEnd:
    """Ends a process after everything else that runs at exit, without clearing thousands of objects away.

    That takes a fork several times as long as most commands do.
    """

    def __init__(self) -> None:
        self.code: int | None = None
        atexit.register(self._end)

    def _end(self) -> None:
        if self.code is not None:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(self.code)


def _main() -> None:
    end = _QuickEnd()
    _import_everything()
    gc.collect()
    gc.freeze()
    if request := _serve():
        _become(request)
        try:
            runpy.run_module(request.module, run_name="__main__", alter_sys=True)
        except SystemExit as stop:
            end.code = stop.code if isinstance(stop.code, int) else None
            raise


if __name__ == "__main__":
    _main()
