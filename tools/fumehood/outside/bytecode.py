"""The door to the interpreters that compile bytecode, for what is compiled once and then imported by everybody.

uv can do it, and would stay in memory itself meanwhile; that is what a small machine notices.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import tempfile
from contextlib import ExitStack
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_WORKER = """
import compileall, os, py_compile, sys
parent = os.getppid()
for line in sys.stdin.buffer:
    if os.getppid() != parent:
        break
    path = os.fsdecode(line[:-1])
    compileall.compile_file(path, quiet=2, invalidation_mode=py_compile.PycInvalidationMode.TIMESTAMP)
"""
"""Compiles what is named on its input; stops when who has started it is gone. What is no Python is left alone."""


_EACH = 4_000
"""Bytes of source that take as long to compile as opening the file and writing its bytecode."""


def compile_all(folder: Path, python: Path) -> None:
    """Compile every module below a folder, on all cores; a module that cannot be compiled is left as it is.

    Raises:
        OSError: The interpreter cannot be started, or the disk is full.
    """
    shares = _shares([(os.path.getsize(file), file) for file in _modules(folder)], os.cpu_count() or 1)
    with ExitStack() as workers:
        for worker in [workers.enter_context(_worker(python, share)) for share in shares]:
            worker.wait()


def _shares(files: list[tuple[int, str]], count: int) -> list[list[str]]:
    """Shares of files, ``(bytes, path)``, that take equally long; large files together, since each takes much memory.

    A compiler needs some hundred bytes for each byte of a source: two large ones must not be at work at the same time.
    """
    total = sum(size + _EACH for size, _ in files)
    shares: list[list[str]] = [[] for _ in range(count)]
    done = 0
    for size, file in sorted(files, reverse=True):
        shares[min(done * count // total, count - 1)].append(file)
        done += size + _EACH
    return [share for share in shares if share]


@contextlib.contextmanager
def _worker(python: Path, files: list[str]) -> Iterator[subprocess.Popen[bytes]]:
    """A process that compiles files; ended with the block, whatever it has left to do."""
    with tempfile.TemporaryFile() as names:
        names.write(b"".join(os.fsencode(file) + b"\n" for file in files))
        names.seek(0)
        command = [str(python), "-I", "-S", "-c", _WORKER]
        with subprocess.Popen(
            command, stdin=names, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd="/"
        ) as worker:
            try:
                yield worker
            finally:
                worker.kill()


def _modules(folder: Path) -> Iterator[str]:
    for top, _, names in os.walk(folder):
        yield from (os.path.join(top, name) for name in names if name.endswith(".py") and "\n" not in f"{top}{name}")
