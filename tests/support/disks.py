"""Small disks, full disks and read-only ones, and one without file locks."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

_NO_LOCKS = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <string.h>

extern char *program_invocation_short_name;

int flock(int descriptor, int operation) {
    int (*real)(int, int) = dlsym(RTLD_NEXT, "flock");
    if (strncmp(program_invocation_short_name, "python", 6)) return real(descriptor, operation);
    errno = ENOLCK;
    return -1;
}
"""


@contextlib.contextmanager
def small_disk(path: Path, size: str) -> Iterator[None]:
    """A file system of its own, of a size such as ``3m``, mounted at a path; the test is skipped where that cannot be.

    Args:
        path: A folder, made if need be.
        size: As mount(8) takes it for a tmpfs.
    """
    if not sys.platform.startswith("linux") or os.getuid() != 0:
        pytest.skip("only root on Linux can mount a small disk")
    path.mkdir(parents=True, exist_ok=True)
    mounted = _run("mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(path))
    if mounted.returncode != 0:
        pytest.skip(f"a small disk cannot be mounted here: {mounted.stderr.strip()}")
    try:
        yield
    finally:
        _run("umount", "--lazy", str(path))


def make_read_only(path: Path) -> None:
    """Make a small disk read-only."""
    done = _run("mount", "-o", "remount,ro", str(path))
    assert done.returncode == 0, done.stderr


@contextlib.contextmanager
def filled(path: Path) -> Iterator[None]:
    """Leave no byte free on a small disk for a block of code."""
    filler = path / "filler"
    with contextlib.suppress(OSError), filler.open("wb", buffering=0) as file:
        while file.write(b"x" * 4096):
            pass
    try:
        yield
    finally:
        filler.unlink()


def without_file_locks(folder: Path) -> Mapping[str, str]:
    """Variables that make every file system one without locks for Python, as some network file systems are."""
    if not sys.platform.startswith("linux") or not shutil.which("gcc"):
        pytest.skip("needs Linux and gcc to make a C library without flock")
    (folder / "shim.c").write_text(_NO_LOCKS)
    done = _run("gcc", "-shared", "-fPIC", "-o", str(folder / "shim.so"), str(folder / "shim.c"), "-ldl")
    assert done.returncode == 0, done.stderr
    return {"LD_PRELOAD": str(folder / "shim.so")}


def _run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, check=False)
