"""Exclusive use of GPUs across the processes of one machine.

One file a GPU is locked with ``flock``, which the kernel undoes when the holder dies, however it dies. Who takes it
locks it alone, and then shares the lock with the tests that it starts, which may outlive it. What the file holds, a
process and a host, is only ever shown to people.
"""

from __future__ import annotations

import errno
import fcntl
import os
import platform
import re
import stat
import tempfile
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from fumehood.errors import WorldError
from fumehood.testing.gpu_values import Gpu, GpuNeeds, describe
from fumehood.testing.gpus import select

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_FIRST_PAUSE, _LONGEST_PAUSE = 0.02, 0.5
"""Seconds between two looks at GPUs that others hold."""


_COMMON = Path("/tmp")  # noqa: S108 - what is in it may be opened by anybody, and is only ever locked


class GpusMissingError(WorldError):
    """The machine does not have the GPUs that are needed, leased or not."""


class GpusBusyError(WorldError):
    """The machine has the GPUs that are needed, and others are using them."""


@contextmanager
def lease(gpus: Sequence[Gpu], *, needs: GpuNeeds, folder: Path, wait: bool) -> Iterator[tuple[Gpu, ...]]:
    """Hold as many of these GPUs as are needed, all at once, for nobody else to lease until the block ends.

    Args:
        gpus: Those to choose from; the least capable that will do are taken first.
        needs: How many of them, and what each must have.
        folder: Where the lock files of this machine are; created if it is missing, with the rights of its parent.
        wait: Whether to wait for GPUs that others hold.

    Yields:
        Exactly `needs.count` GPUs.

    Raises:
        GpusMissingError: There are not enough of them even with all leases ended.
        GpusBusyError: Others hold them, and waiting is not wanted.
        WorldError: The folder cannot be written, or its file system has no locks.
    """
    if not select(gpus, needs):
        raise GpusMissingError(f"needs {needs}; there are: {describe(gpus)}")
    held = _acquire(gpus, needs, folder, wait=wait)
    try:
        yield tuple(held)
    finally:
        for descriptor in held.values():
            _release(descriptor)


def machine_folder(gpus: Sequence[Gpu]) -> Path:
    """Where the lock files of these GPUs are: one folder for all users and jobs of the machine, whatever is ``TMPDIR``.

    Simulated GPUs are nobody else's.
    """
    is_simulated = all(gpu.is_simulated for gpu in gpus)
    is_common = not is_simulated and os.access(_COMMON, os.W_OK | os.X_OK)
    return (_COMMON if is_common else Path(tempfile.gettempdir())) / "fumehood-gpus"


def lock_files(gpus: Sequence[Gpu], folder: Path) -> tuple[Path, ...]:
    """The files whose locks lease these GPUs: whoever shares one of them holds the lease as well."""
    return tuple(folder / f"{_file_name(gpu)}.lock" for gpu in gpus)


def visible_devices(gpus: Sequence[Gpu]) -> dict[str, str]:
    """The environment in which CUDA, ROCm and HIP see these GPUs and no others; an empty text hides all.

    UUIDs mean the same GPU in every order of counting; simulated GPUs have only an index. HIP counts among what ROCm
    leaves visible, so its indices start at 0 whatever GPUs those are (ROCm documentation, "GPU isolation").
    """
    amd = [gpu for gpu in gpus if gpu.vendor == "amd"]
    return {
        "CUDA_DEVICE_ORDER": "PCI_BUS_ID",
        "CUDA_VISIBLE_DEVICES": _identify(gpu for gpu in gpus if gpu.vendor == "nvidia"),
        "ROCR_VISIBLE_DEVICES": _identify(amd),
        "HIP_VISIBLE_DEVICES": ",".join(str(number) for number in range(len(amd))),
    }


def _identify(gpus: Iterator[Gpu] | Sequence[Gpu]) -> str:
    return ",".join(str(gpu.index) if gpu.is_simulated or not gpu.uuid else gpu.uuid for gpu in gpus)


def _acquire(gpus: Sequence[Gpu], needs: GpuNeeds, folder: Path, *, wait: bool) -> dict[Gpu, int]:
    pause = _FIRST_PAUSE
    while True:
        held, holders = _try_to_acquire(gpus, needs, folder)
        if held:
            return held
        if not wait:
            raise GpusBusyError(
                f"needs {needs}, and too many GPUs are in use: {'; '.join(holders)}",
                remedy="run it again when they have ended",
            )
        time.sleep(pause)
        pause = min(pause * 2, _LONGEST_PAUSE)


def _try_to_acquire(gpus: Sequence[Gpu], needs: GpuNeeds, folder: Path) -> tuple[dict[Gpu, int], list[str]]:
    """All that is needed, as GPU and open lock, or nothing and who is in the way.

    One process at a time tries: two that each took a part and gave it back could go on like that for ever.
    """
    turn = _open(folder, folder / "turn.lock")
    held: dict[Gpu, int] = {}
    kept: set[Gpu] = set()
    try:
        _lock(turn, folder, wait=True)
        free, holders = tuple(gpus), list[str]()
        while chosen := select(free, needs):
            gpu = next((gpu for gpu in chosen if gpu not in held), None)
            if gpu is None:
                kept = set(chosen)
                break
            if (holder := _take(gpu, folder, held)) is not None:
                free = tuple(one for one in free if one != gpu)
                holders.append(holder)
        return {gpu: held[gpu] for gpu in chosen}, holders
    finally:
        for gpu in held.keys() - kept:
            _release(held[gpu])
        os.close(turn)


def _take(gpu: Gpu, folder: Path, held: dict[Gpu, int]) -> str | None:
    """Add this GPU's open lock to those that are held, or say who has it."""
    descriptor = _open(folder, *lock_files([gpu], folder))
    try:
        if not _lock(descriptor, folder, wait=False):
            return f"GPU {gpu.index} ({gpu.name}) is leased by {_holder(descriptor)}"
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"process {os.getpid()} on {platform.node()}\n".encode(), 0)
        # Nobody can come between: who wants it alone waits for the turn.
        fcntl.flock(descriptor, fcntl.LOCK_SH)
        held[gpu] = descriptor
        return None
    finally:
        if gpu not in held:
            os.close(descriptor)


def _file_name(gpu: Gpu) -> str:
    return re.sub(r"[^A-Za-z0-9-]", "_", gpu.uuid or f"{gpu.vendor}-{gpu.index}")


def _open(folder: Path, path: Path) -> int:
    """Open a lock file that other users of the machine must be able to lock as well.

    The file is opened before it is created: Linux refuses to open with O_CREAT what another user made in a folder
    that everybody may write to (``fs.protected_regular``).
    """
    flags = os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        _make(folder)
        try:
            return os.open(path, flags)
        except FileNotFoundError:
            descriptor = os.open(path, flags | os.O_CREAT, 0o666)
            if os.fstat(descriptor).st_uid == os.getuid():
                os.fchmod(descriptor, 0o666)
            return descriptor
    except OSError as error:
        raise WorldError(
            f"GPUs cannot be leased: {path}: {error.strerror}", remedy="make the folder writable for this user"
        ) from error


def _make(folder: Path) -> None:
    """Make the folder for all who may write where it is, as in ``/tmp``, whatever this user's umask is."""
    with suppress(FileExistsError):
        folder.parent.mkdir(parents=True, exist_ok=True)
        folder.mkdir()
        folder.chmod(stat.S_IMODE(folder.parent.stat().st_mode))


def _lock(descriptor: int, folder: Path, *, wait: bool) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in {errno.EWOULDBLOCK, errno.EACCES}:
            return False
        raise WorldError(
            f"GPUs cannot be leased: the file system of {folder} has no working locks: {error.strerror}",
            remedy="use a folder on a local disk",
        ) from error
    return True


def _holder(descriptor: int) -> str:
    """Who signed the file; a holder that is between locking and signing has not yet."""
    return os.pread(descriptor, 200, 0).decode(errors="replace").strip() or "another process"


def _release(descriptor: int) -> None:
    """Unlock, not only close: a process forked in the block may still have the file open."""
    os.ftruncate(descriptor, 0)
    fcntl.flock(descriptor, fcntl.LOCK_UN)
    os.close(descriptor)
