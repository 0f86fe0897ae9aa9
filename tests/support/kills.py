"""SIGKILL at random instants, run again, and look for damage: the same for every tool that installs."""

from __future__ import annotations

import base64
import contextlib
import csv
import hashlib
import os
import random
import signal
import subprocess
import time
from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path


class Victim(Struct, frozen=True, kw_only=True):
    """A command to kill.

    Attributes:
        command: Program and arguments.
        cwd: Where it runs.
        env: Its whole environment.
        reset: Called with the number of each trial before it, to make everything as the trial finds it.
        check: Called after the run that follows a kill; one line for each damage.
    """

    command: Sequence[str]
    cwd: Path
    env: Mapping[str, str]
    reset: Callable[[int], None]
    check: Callable[[], list[str]]


class Kill(Struct, frozen=True, kw_only=True):
    """One trial.

    Attributes:
        instant: Seconds from the start to the kill.
        group: Whether all processes were killed, or the first one only.
        late: Whether the command had ended before.
        refused: What the next run said, if it failed.
        damage: What was wrong although the next run succeeded.
    """

    number: int
    instant: float
    group: bool
    late: bool
    refused: str
    damage: tuple[str, ...]

    def __str__(self) -> str:
        whom = "all processes" if self.group else "the first process"
        end = self.refused or "; ".join(self.damage[:5]) or "fine"
        return f"trial {self.number}: {whom} after {self.instant:.3f} s{' (had ended)' if self.late else ''}: {end}"


class KillReport(Struct, frozen=True, kw_only=True):
    """All trials; `duration` is how long the command takes when nobody kills it."""

    seed: int
    duration: float
    kills: tuple[Kill, ...]

    @property
    def failures(self) -> tuple[Kill, ...]:
        """The trials after which the next run failed, or succeeded over damage."""
        return tuple(kill for kill in self.kills if kill.refused or kill.damage)

    def __str__(self) -> str:
        head = f"seed {self.seed}, {len(self.kills)} kills within {self.duration:.2f} s, {len(self.failures)} failures"
        return "\n".join([head, *map(str, self.kills)])


def kill_at_random(victim: Victim, *, count: int, seed: int) -> KillReport:
    """Kill a command that often, each time in another state and at another instant; every third time not its children.

    Raises:
        RuntimeError: The command fails even when nobody kills it.
    """
    victim.reset(0)
    duration, failure = _run(victim)
    if failure:
        raise RuntimeError(failure)
    chance = random.Random(seed)  # noqa: S311 - instants to kill at, not secrets
    kills = tuple(_trial(victim, number, chance.uniform(0, duration)) for number in range(count))
    return KillReport(seed=seed, duration=duration, kills=kills)


def _trial(victim: Victim, number: int, instant: float) -> Kill:
    victim.reset(number)
    process = _start(victim)
    group = number % 3 != 2
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.communicate(timeout=instant)
    late = process.returncode is not None
    if group:
        _kill_group(process.pid)
    elif not late:
        process.kill()
    _, refused = _run(victim)
    damage = () if refused else tuple(victim.check())
    _kill_group(process.pid)
    process.communicate()
    return Kill(number=number, instant=instant, group=group, late=late, refused=refused, damage=damage)


def _start(victim: Victim) -> subprocess.Popen[str]:
    return subprocess.Popen(
        victim.command,
        cwd=victim.cwd,
        env=dict(victim.env),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def _run(victim: Victim) -> tuple[float, str]:
    """Run to the end; how long it took, and what it said if it failed."""
    begun = time.monotonic()
    process = _start(victim)
    try:
        output, _ = process.communicate(timeout=120)
    except subprocess.TimeoutExpired:
        _kill_group(process.pid)
        output, _ = process.communicate()
        output = f"not done after two minutes: {output}"
    return time.monotonic() - begun, "" if process.returncode == 0 else f"exit code {process.returncode}: {output}"


def _kill_group(leader: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, signal.SIGKILL)


def unlike_records(prefix: Path, wanted: Mapping[str, str]) -> Iterator[str]:
    """Every file below a prefix that is not what its RECORD says, and every distribution that is not there.

    Args:
        prefix: Of an environment or a layer.
        wanted: The versions that there should be, by the name of the distribution as folders have it.
    """
    (site,) = prefix.glob("lib/python3*/site-packages")
    for name, version in wanted.items():
        record = site / f"{name}-{version}.dist-info" / "RECORD"
        if not record.is_file():
            yield f"{record} is missing"
            continue
        with record.open(newline="") as file:
            for path, digest, size in csv.reader(file):
                if problem := _problem(site / path, digest, size):
                    yield f"{site / path} {problem}"


def _problem(path: Path, digest: str, size: str) -> str | None:
    try:
        content = path.read_bytes()
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    if digest and digest != f"sha256={base64.urlsafe_b64encode(hashlib.sha256(content).digest()).decode().rstrip('=')}":
        return "was changed"
    return f"has {len(content)} bytes, not {size}" if size and len(content) != int(size) else None
