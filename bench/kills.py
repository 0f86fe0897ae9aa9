"""SIGKILL at a random instant of an installation, run again, and every file compared with its RECORD."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import os
import random
import signal
import subprocess
from typing import TYPE_CHECKING

from msgspec import Struct

from bench import measure
from bench.measure import FailedError
from bench.ours import Fumehood
from bench.tools import HatchUv, NoxUv, ToxUv, UvSync
from bench.workload import EXPERIMENTS
from fumehood.environments import contents

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from bench.contender import Contender, State
    from bench.results import Results
    from bench.trials import Trial
    from fumehood.environments.contents import RecordedFile

KILLED = (Fumehood, NoxUv, ToxUv, HatchUv, UvSync)
_TOLD_EVERY = 10
_COLD_EVERY = 40
"""Of fumehood's trials, every fortieth has to build the core layer too, which takes long; the others a delta layer."""
_VISIBLE = """
import importlib.metadata, json, re
found = reversed(list(importlib.metadata.distributions()))
print(json.dumps({re.sub(r"[-_.]+", "-", it.metadata["Name"] or "?").lower(): it.version for it in found}))
"""


class Verdict(Struct, frozen=True, kw_only=True):
    """How a trial ended.

    Attributes:
        instant: Seconds after which everything was killed; it had ended by itself where `late`.
        refused: What the second run said when it failed.
        damage: What is wrong after it succeeded, one line each.
    """

    instant: float
    late: bool
    refused: str | None
    damage: tuple[str, ...]


def kills(results: Results, contender: Contender, trial: Trial, count: int, seed: int) -> None:
    """Kill a contender that often, or as often as there is time for.

    Counts go to the results as ``kill_trials``, ``kill_damaged``, ``kill_refused``.
    """
    chance = random.Random(seed)  # noqa: S311 - instants to kill at, not secrets
    names = sorted(EXPERIMENTS)
    takes = {state: _uninterrupted(contender, state, names[0]) for state in _states(contender)}
    verdicts: list[Verdict] = []
    for number in range(count):
        if verdicts and trial.is_over:
            break
        cold = number % _COLD_EVERY == 0
        state: State = "cold" if cold or "core" not in takes else "core"
        verdicts.append(_trial(contender, state, chance.choice(names), chance.uniform(0, takes[state])))
        if number % _TOLD_EVERY == _TOLD_EVERY - 1 or number == count - 1:
            damaged = sum(bool(verdict.damage) for verdict in verdicts)
            trial.say(f"kills: {contender.name}: {damaged} damaged in {number + 1} of {count}")
    results.add("kill_trials", contender.name, len(verdicts))
    results.add("kill_late", contender.name, sum(verdict.late for verdict in verdicts))
    results.add("kill_damaged", contender.name, sum(bool(verdict.damage) for verdict in verdicts))
    results.add("kill_refused", contender.name, sum(verdict.refused is not None for verdict in verdicts))
    results.facts.setdefault("kills", {})[contender.name] = [
        {"instant": round(verdict.instant, 3), "refused": verdict.refused, "damage": list(verdict.damage[:5])}
        for verdict in verdicts
        if verdict.damage or verdict.refused is not None
    ]


def _states(contender: Contender) -> tuple[State, ...]:
    return ("cold", "core") if "core" in contender.states else ("cold",)


def _uninterrupted(contender: Contender, state: State, experiment: str) -> float:
    contender.strip("cold")
    _run(contender, experiment)
    contender.strip(state)
    return _run(contender, experiment)


def _run(contender: Contender, experiment: str) -> float:
    return measure.run(contender.one(experiment), contender.folder, contender.environ).seconds


def _trial(contender: Contender, state: State, experiment: str, instant: float) -> Verdict:
    contender.strip(state)
    late = _killed(contender, experiment, instant)
    try:
        _run(contender, experiment)
    except FailedError as error:
        return Verdict(instant=instant, late=late, refused=str(error), damage=())
    return Verdict(instant=instant, late=late, refused=None, damage=tuple(_damage(contender, experiment)))


def _killed(contender: Contender, experiment: str, instant: float) -> bool:
    """Run and kill the whole process group, as a power cut or a batch system would; whether it ended before."""
    left = instant
    for command in contender.one(experiment):
        process = subprocess.Popen(
            command,
            cwd=contender.folder,
            env=contender.environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        begun = measure.clock()
        try:
            process.wait(left)
        except subprocess.TimeoutExpired:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            return False
        left = max(0.0, left - (measure.clock() - begun))
    return True


def _damage(contender: Contender, experiment: str) -> Iterator[str]:
    """What is wrong with an environment that its tool calls good; also what is not there at all."""
    wanted = dict(line.split("==") for line in contender.workload.whole[experiment])
    done = subprocess.run(
        [*contender.python(experiment), "-c", _VISIBLE], cwd="/", capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        yield f"its interpreter does not run: {done.stderr.strip()[-200:]}"
        return
    visible = json.loads(done.stdout)
    yield from (f"{name} {version} is missing" for name, version in wanted.items() if visible.get(name) != version)
    for prefix in contender.prefixes(experiment):
        for site_packages in prefix.glob("lib/python3.*/site-packages"):
            yield from _unlike_records(prefix, site_packages.relative_to(prefix).as_posix())


def _unlike_records(prefix: Path, site_packages: str) -> Iterator[str]:
    try:
        for distribution in contents.distributions(prefix, site_packages):
            for file in distribution.files:
                if not _agrees(prefix / file.path, file):
                    yield f"{distribution.name}: {file.path} is missing or changed"
    except (OSError, TypeError) as error:
        yield f"a distribution without its metadata: {error}"


def _agrees(path: Path, file: RecordedFile) -> bool:
    algorithm, _, digest = file.digest.partition("=")
    try:
        status = path.stat()
        if not digest:
            return True
        return _digest(path, (status.st_ino, status.st_size, status.st_mtime_ns), algorithm) == digest
    except OSError:
        return False


def _digest(path: Path, identity: tuple[int, int, int], algorithm: str) -> str:
    """The digest of a file as RECORD writes it; of a file linked from uv's cache computed once for all its names."""
    if (identity, algorithm) not in _DIGESTS:
        content = hashlib.new(algorithm, path.read_bytes()).digest()
        _DIGESTS[identity, algorithm] = base64.urlsafe_b64encode(content).rstrip(b"=").decode()
    return _DIGESTS[identity, algorithm]


_DIGESTS: dict[tuple[tuple[int, int, int], str], str] = {}
