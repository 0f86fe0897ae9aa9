"""Leases: shared by many, or held alone; given back by the kernel; and by notes where file locks do not work."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import textwrap
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from fumehood.environments.lease import Lease, held
from fumehood.environments.notes import Notes
from fumehood.errors import WorldError
from support.disks import without_file_locks

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

HOLD = """
import sys, time
from pathlib import Path
from fumehood.environments.lease import Lease

lease = Lease(Path(sys.argv[1]), lambda text: print(text, flush=True))
getattr(lease, sys.argv[2])()
print("held", flush=True)
sys.stdin.read()
lease.release()
"""

COUNT = """
import sys, time
from pathlib import Path
from fumehood.environments.lease import Lease, held

path, counter = Path(sys.argv[1]), Path(sys.argv[2])
for _ in range(20):
    with held(Lease(path, lambda text: None), exclusive=True):
        value = int(counter.read_text())
        time.sleep(0.001)
        counter.write_text(str(value + 1))
    with held(Lease(path, lambda text: None), exclusive=False):
        assert counter.read_text()
"""

HERE = socket.gethostname()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "leases" / "exp-a.lease"


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture(scope="session")
def no_locks(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, str]:
    return without_file_locks(tmp_path_factory.mktemp("no-locks"))


@pytest.fixture
def holder(environment: dict[str, str]) -> Iterator[Holder]:
    holder = Holder(environment)
    yield holder
    holder.end_all()


class Holder:
    """Starts processes that hold a lease until they are told to end."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self.environment = environment
        self.started: list[subprocess.Popen[str]] = []

    def hold(self, path: Path, how: str, variables: Mapping[str, str] | None = None) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-c", HOLD, str(path), how],
            env={**self.environment, **(variables or {})},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.started.append(process)
        return process

    def end_all(self) -> None:
        for process in self.started:
            process.kill()
            process.communicate()


def line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().removesuffix("\n")


def end(process: subprocess.Popen[str]) -> None:
    process.communicate("", timeout=20)


def test_many_share_a_lease_and_nobody_gets_it_alone_meanwhile(path: Path, said: list[str]) -> None:
    first, second, third = (Lease(path, said.append) for _ in range(3))
    first.shared()
    second.shared()
    assert not third.try_exclusive()
    first.release()
    assert not third.try_exclusive()
    second.release()
    assert third.try_exclusive()
    third.release()
    assert said == []
    assert os.listdir(path.parent) == ["exp-a.lease"]


def test_who_waits_says_for_whom(path: Path, holder: Holder) -> None:
    first = holder.hold(path, "shared")
    assert line(first) == "held"
    second = holder.hold(path, "exclusive")
    assert line(second) == f"waiting for process {first.pid} on {HERE} to finish with exp-a"
    end(first)
    assert line(second) == "held"


def test_who_waits_for_another_thread_of_the_same_process_says_nothing(path: Path, said: list[str]) -> None:
    first = Lease(path, said.append)
    first.exclusive()
    over = threading.Timer(0.5, first.release)
    over.start()
    second = Lease(path, said.append)
    assert second.exclusive()
    second.release()
    over.join()
    assert said == []


def test_waiting_ends_when_somebody_else_has_done_what_it_was_for(path: Path, said: list[str], holder: Holder) -> None:
    assert line(holder.hold(path, "shared")) == "held"
    answers = iter([*[False] * 8, True])
    lease = Lease(path, said.append)
    assert lease.exclusive(unless=lambda: next(answers)) is False
    assert len(said) == 1


def test_waiting_is_given_up_at_a_deadline(path: Path, said: list[str], holder: Holder) -> None:
    first = holder.hold(path, "exclusive")
    assert line(first) == "held"
    late = f"^process {first.pid} on {HERE} did not finish with core in time$"
    with pytest.raises(WorldError, match=late):
        Lease(path, said.append, "core", time.monotonic() + 0.3).shared()
    assert said == [f"waiting for process {first.pid} on {HERE} to finish with core"]


@pytest.mark.parametrize("how", ["shared", "exclusive"])
def test_a_killed_holder_frees_its_lease(path: Path, said: list[str], holder: Holder, how: str) -> None:
    process = holder.hold(path, how)
    assert line(process) == "held"
    assert not Lease(path, said.append).try_exclusive()
    process.send_signal(signal.SIGKILL)
    process.wait()
    lease = Lease(path, said.append)
    assert lease.try_exclusive()
    assert lease.holders() == ()


def test_a_lease_is_given_back_when_its_block_fails(path: Path, said: list[str]) -> None:
    with pytest.raises(ZeroDivisionError), held(Lease(path, said.append), exclusive=True):
        raise ZeroDivisionError
    assert Lease(path, said.append).try_exclusive()


def test_a_lease_goes_from_alone_to_shared_and_back(path: Path, said: list[str]) -> None:
    lease, other = Lease(path, said.append), Lease(path, said.append)
    lease.exclusive()
    lease.shared()
    other.shared()
    assert not lease.try_exclusive()
    other.release()
    assert lease.try_exclusive()


def test_processes_never_hold_it_alone_at_once(path: Path, environment: dict[str, str], tmp_path: Path) -> None:
    assert counted(path, environment, tmp_path / "counter", processes=6) == 120


def test_without_file_locks_processes_never_hold_it_alone_at_once(
    path: Path, environment: dict[str, str], tmp_path: Path, no_locks: Mapping[str, str]
) -> None:
    assert counted(path, {**environment, **no_locks}, tmp_path / "counter", processes=4) == 80
    assert [name for name in os.listdir(path.parent) if name != path.name] == []


def counted(path: Path, environment: Mapping[str, str], counter: Path, *, processes: int) -> int:
    """Let processes count up a file, each a number of times and only while it holds the lease alone."""
    counter.write_text("0")
    command = [sys.executable, "-c", COUNT, str(path), str(counter)]
    started = [subprocess.Popen(command, env=environment) for _ in range(processes)]
    assert [process.wait(60) for process in started] == [0] * processes
    return int(counter.read_text())


def test_without_file_locks_it_says_so_and_waits_by_notes(
    path: Path, holder: Holder, no_locks: Mapping[str, str]
) -> None:
    first = holder.hold(path, "shared", no_locks)
    notice = f"{path.parent} has no working file locks; notes of processes stand in for them"
    assert [line(first), line(first)] == [notice, "held"]
    second = holder.hold(path, "exclusive", no_locks)
    assert line(second) == notice
    (note,) = path.parent.glob("*.note-*")
    assert line(second) == (
        f"waiting for process {first.pid} on {HERE} to finish with exp-a; if it is gone, remove {note}"
    )
    end(first)
    assert line(second) == "held"
    third = holder.hold(path, "shared", no_locks)
    assert line(third) == notice
    assert line(third).startswith(f"waiting for process {second.pid} on {HERE} to finish with exp-a; if it is gone")
    end(second)
    assert line(third) == "held"


@pytest.mark.parametrize("how", ["shared", "exclusive"])
def test_without_file_locks_a_killed_holder_frees_its_lease(
    path: Path, holder: Holder, no_locks: Mapping[str, str], how: str
) -> None:
    first = holder.hold(path, how, no_locks)
    assert [line(first), line(first)][1] == "held"
    first.send_signal(signal.SIGKILL)
    first.wait()
    second = holder.hold(path, "exclusive", no_locks)
    assert [line(second), line(second)][1] == "held"


def test_a_note_of_another_host_counts_until_it_is_removed(path: Path) -> None:
    path.parent.mkdir()
    note = path.with_name("exp-a.lease.note-1-0-abc")
    note.write_text("another-host\n1\n12345")
    notes = Notes(path)
    assert [str(holder) for _, holder in notes.others()] == ["process 1 on another-host"]
    assert not notes.take("alone")
    note.unlink()
    assert notes.take("alone")


def test_a_number_that_another_process_has_now_holds_nothing(path: Path) -> None:
    path.parent.mkdir()
    note = path.with_name("exp-a.lease.note-1-0-abc")
    note.write_text(f"{HERE}\n{os.getpid()}\nanother time")
    path.with_name("exp-a.lease.gate").write_text(f"{HERE}\n{os.getpid()}\nanother time")
    assert Notes(path).take("alone")
    assert not note.exists()


def test_a_lease_file_of_somebody_else_can_be_locked() -> None:
    code = textwrap.dedent(
        """
        import os, sys
        from pathlib import Path
        from fumehood.environments.lease import Lease

        os.setuid(65534)
        print(Lease(Path(sys.argv[1]), print).try_exclusive())
        """
    )
    if os.getuid() != 0:
        pytest.skip("only root can become somebody else")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "exp-a.lease")
        path.touch(0o644)
        Path(folder).chmod(0o755)
        done = subprocess.run([sys.executable, "-c", code, path], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("True\n", "")
