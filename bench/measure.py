"""Running processes and measuring them: time, memory, disk."""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import subprocess
import threading
import time
from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

clock = time.perf_counter
Command = tuple[str, ...]
_SAMPLE = 0.005
"""Seconds between two looks at a process tree; its peaks are known to that grain."""
_QUOTED = 15
_BLOCK = 512
"""Bytes that ``st_blocks`` counts in, on every file system (inode(7))."""


class FailedError(Exception):
    """A command of a contender failed."""


class Spent(Struct, frozen=True, kw_only=True):
    """What commands take.

    Attributes:
        seconds: By the clock on the wall, which is what a user waits for.
        processor: On all cores together; hardly disturbed by whatever else the machine is doing.
    """

    seconds: float
    processor: float


class Peak(Struct, frozen=True, kw_only=True):
    """Peak memory in bytes, of the largest single process and of the whole tree at one instant.

    Both count resident pages, so what processes share is counted once in each: the tree's sum is an upper bound.
    """

    largest: int
    tree: int


class Footprint(Struct, frozen=True, kw_only=True):
    """What lies on disk, every inode counted once however many names it has."""

    size: int
    inodes: int

    def __sub__(self, other: Footprint) -> Footprint:
        return Footprint(size=self.size - other.size, inodes=self.inodes - other.inodes)


def run(commands: Iterable[Command], cwd: Path, environ: Mapping[str, str]) -> Spent:
    """Run commands one after the other; what they take together.

    Raises:
        FailedError: One of them fails, with the end of what it said.
    """
    seconds, before = 0.0, _processor()
    for command in commands:
        begun = clock()
        done = subprocess.run(
            command, cwd=cwd, env=environ, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
        )
        seconds += clock() - begun
        if done.returncode != 0:
            said = (done.stdout + done.stderr).strip().splitlines()[-_QUOTED:]
            how = signal.Signals(-done.returncode).name if done.returncode < 0 else f"exit code {done.returncode}"
            raise FailedError("\n".join([f"{' '.join(command)} ended with {how}", *(said or ["and said nothing"])]))
    return Spent(seconds=seconds, processor=_processor() - before)


@contextlib.contextmanager
def spending() -> Iterator[Callable[[], Spent]]:
    """What the processes take that are started and waited for in this block, to be asked for after it."""
    spent: list[Spent] = []
    begun, before = clock(), _processor()
    yield lambda: spent[0]
    spent.append(Spent(seconds=clock() - begun, processor=_processor() - before))


def _processor() -> float:
    """Processor seconds of all processes that ended and were waited for, with what they waited for themselves."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def peak(commands: Iterable[Command], cwd: Path, environ: Mapping[str, str]) -> Peak:
    """Run commands and watch their memory; slower than `run`, so never timed."""
    largest = tree = 0
    for command in commands:
        # stdout and stderr go nowhere, since nobody reads a pipe while the tree is watched.
        with subprocess.Popen(
            command, cwd=cwd, env=environ, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT
        ) as process:
            ended = threading.Event()
            while not ended.is_set() and process.poll() is None:
                sizes = [_resident(pid) for pid in _tree(process.pid)]
                largest = max([largest, *(high for _, high in sizes)])
                tree = max(tree, sum(now for now, _ in sizes))
                ended.wait(_SAMPLE)
        if process.returncode != 0:
            raise FailedError(f"{' '.join(command)} ended with {process.returncode}")
    return Peak(largest=largest, tree=tree)


def _tree(root: int) -> list[int]:
    """A process and all its descendants, as ``/proc`` has them; source: proc(5), ``/proc/pid/task/tid/children``."""
    found, pending = [], [root]
    while pending:
        pid = pending.pop()
        found.append(pid)
        with contextlib.suppress(OSError):
            for thread in os.listdir(f"/proc/{pid}/task"):
                with open(f"/proc/{pid}/task/{thread}/children", encoding="ascii") as file:
                    pending.extend(map(int, file.read().split()))
    return found


def _resident(pid: int) -> tuple[int, int]:
    """Resident bytes of a process now, and at their highest since it began its program."""
    now = high = 0
    with contextlib.suppress(OSError), open(f"/proc/{pid}/status", encoding="utf-8") as file:
        for line in file:
            if line.startswith("VmRSS:"):
                now = int(line.split()[1]) * 1024
            elif line.startswith("VmHWM:"):
                high = int(line.split()[1]) * 1024
    return now, high


def footprint(folders: Sequence[Path]) -> Footprint:
    """What several folders hold together; an inode that has names in more than one is counted once.

    So an environment that links a file from uv's cache is not charged for it, when that cache is among the folders.
    """
    seen: dict[tuple[int, int], int] = {}
    pending = [str(folder) for folder in folders]
    while pending:
        with contextlib.suppress(FileNotFoundError, NotADirectoryError), os.scandir(pending.pop()) as entries:
            for entry in entries:
                status = entry.stat(follow_symlinks=False)
                seen[status.st_dev, status.st_ino] = status.st_blocks * _BLOCK
                if entry.is_dir(follow_symlinks=False):
                    pending.append(entry.path)
    return Footprint(size=sum(seen.values()), inodes=len(seen))
