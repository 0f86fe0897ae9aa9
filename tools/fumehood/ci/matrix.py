"""Jobs packed into the rows of a matrix: no more than there may be, as even as their measured times allow."""

from __future__ import annotations

import hashlib
import heapq
import math
import re
import shlex
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from fumehood.errors import ConfigurationError, Place
from fumehood.testing.results import Part  # noqa: TC001 - msgspec looks it up when it reads rows

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from fumehood.ci.jobs import Job, LeftOut

LONGEST = 360
"""Minutes that a job may take on a machine of GitHub's ("Actions limits"); what a row gets where no limit is set."""

_UNSAFE = re.compile(r"[^A-Za-z0-9._-]")
"""What no file's name and no shell may get, and the plus, which parts the kind of tests of a row from its session."""

_MARGIN = 10
"""Minutes beyond the tests, for setting up; a session ends what takes too long by itself."""


class Row(Struct, frozen=True, kw_only=True):
    """One row: sessions that one machine runs one after the other.

    Attributes:
        id: Unlike that of any other row; letters, digits, ``-``, ``.``, ``_`` and ``+``.
        name: For people.
        experiment: Names of the experiments, separated by blanks; core has none.
        session: nox sessions, separated by blanks, and in quotes as shells read them where a name is no session's.
        python: The version that the sessions need beside the one that runs nox; empty for none.
        runner: The label of the machine; empty for the platform's usual one.
        gpus: How many GPUs it needs.
        timeout: Minutes.
        advisory: Whether its failure is reported and stops nothing.
        reason: Why it is run.
        part: Which tests.
        lowest: Whether the lowest versions are tested.
        command: What runs it.
        cache: What names the packages that it needs.
        seconds: How long it is expected to take.
    """

    id: str
    name: str
    experiment: str
    session: str
    python: str
    runner: tuple[str, ...]
    gpus: int
    timeout: int
    advisory: bool
    reason: str
    owners: tuple[str, ...]
    part: Part
    lowest: bool
    command: str
    cache: str
    seconds: float

    @property
    def sessions(self) -> tuple[str, ...]:
        """Its sessions."""
        return tuple(shlex.split(self.session))


class Matrix(Struct, frozen=True, kw_only=True):
    """The rows, sorted by name, and what is not run although it was asked for."""

    rows: tuple[Row, ...]
    left_out: tuple[LeftOut, ...] = ()


def pack(jobs: Iterable[Job], limit: int) -> tuple[Row, ...]:
    """Put jobs into rows.

    Only jobs that are alike but for their session share a row. Each kind gets rows as its time asks for; in them the
    longest job goes first, always to the row with the least to do ("longest processing time first").

    Args:
        jobs: What has to be run.
        limit: The most rows.

    Raises:
        ConfigurationError: There are more kinds of jobs than rows.
    """
    kinds: dict[tuple[Any, ...], list[Job]] = {}
    for job in sorted(jobs, key=lambda job: (job.session, job.part, job.lowest)):
        kind = (job.runner, job.python, job.part, job.lowest, job.gpus, job.required, job.advisory)
        kinds.setdefault(kind, []).append(job)
    if len(kinds) > limit:
        raise ConfigurationError(
            f"{len(kinds)} kinds of jobs do not fit into {limit} rows",
            place=Place("pyproject.toml"),
            remedy="allow more with `jobs` in [tool.fumehood.ci], or use fewer kinds of runners",
        )
    groups = list(kinds.values())
    shares = _shares(groups, limit)
    rows = [_row(batch) for group, share in zip(groups, shares, strict=True) for batch in _batches(group, share)]
    return tuple(sorted(rows, key=lambda row: (row.name, row.id)))


def _shares(groups: Sequence[Sequence[Job]], limit: int) -> list[int]:
    """How many rows each group gets: one, and then always the one whose rows would be the longest."""
    totals = [sum(job.seconds for job in group) for group in groups]
    shares = [1] * len(groups)
    waiting = [(-total, number) for number, total in enumerate(totals) if len(groups[number]) > 1]
    heapq.heapify(waiting)
    for _ in range(limit - len(groups)):
        if not waiting:
            break
        _, number = heapq.heappop(waiting)
        shares[number] += 1
        if shares[number] < len(groups[number]):
            heapq.heappush(waiting, (-totals[number] / shares[number], number))
    return shares


def _batches(group: Sequence[Job], share: int) -> list[list[Job]]:
    batches: list[list[Job]] = [[] for _ in range(share)]
    load = [(0.0, 0, number) for number in range(share)]
    for job in sorted(group, key=lambda job: (-job.seconds, job.session)):
        seconds, count, number = heapq.heappop(load)
        batches[number].append(job)
        # By count too, so that every row gets something even where everything takes no time.
        heapq.heappush(load, (seconds + job.seconds, count + 1, number))
    return [sorted(batch, key=lambda job: job.session) for batch in batches]


def _row(batch: Sequence[Job]) -> Row:
    first, others = batch[0], len(batch) - 1
    reasons = list(dict.fromkeys(job.reason for job in batch))
    more = f" (and {len(reasons) - 1} more reasons)" if len(reasons) > 1 else ""
    tail = "".join((f"+{first.part}" if first.part != "all" else "", "+lowest" if first.lowest else ""))
    return Row(
        id=f"{_safe(first.session)}{tail}",
        name=_name(first, others),
        experiment=" ".join(dict.fromkeys(job.experiment for job in batch if job.experiment)),
        session=shlex.join(job.session for job in batch),
        python=first.python,
        runner=first.runner,
        gpus=first.gpus,
        timeout=_timeout(batch),
        advisory=first.advisory,
        reason=f"{reasons[0]}{more}",
        owners=tuple(dict.fromkeys(owner for job in batch for owner in job.owners)),
        part=first.part,
        lowest=first.lowest,
        command=_command(batch),
        cache=_cache(batch),
        seconds=round(sum(job.seconds for job in batch), 1),
    )


def _safe(session: str) -> str:
    """A session's name; of one with other signs, what is left and a digest."""
    if not _UNSAFE.search(session):
        return session
    return f"{_UNSAFE.sub('-', session)}-{hashlib.sha256(session.encode()).hexdigest()[:8]}"


def _cache(batch: Sequence[Job]) -> str:
    """What names the packages of all its sessions: their locks, the interpreter, and whether they are the lowest."""
    first, locks = batch[0], sorted({job.lock for job in batch if job.lock})
    lock = locks[0] if len(locks) == 1 else hashlib.sha256(repr(locks).encode()).hexdigest()[:12]
    return "-".join(filter(None, (lock, first.python, "lowest" if first.lowest else "")))


def _name(first: Job, others: int) -> str:
    vendor = first.part.partition("-")[2]
    kind = f"{vendor} GPU" if vendor else "GPU"
    gpus = f"{first.gpus} {kind}{'s' if first.gpus != 1 else ''}" if first.gpus else ""
    remarks = ", ".join(filter(None, (gpus, "lowest versions" if first.lowest else "")))
    name = f"{first.session} and {others} more" if others else first.session
    return f"{name} ({remarks})" if remarks else name


def _timeout(batch: Sequence[Job]) -> int:
    """Minutes for the whole row: what its tests may take, and some for setting up."""
    seconds = [job.timeout for job in batch if job.timeout is not None]
    if len(seconds) < len(batch):
        return LONGEST
    return math.ceil(sum(seconds) / 60) + _MARGIN


def _command(batch: Sequence[Job]) -> str:
    """What a machine runs, as a shell reads it."""
    first = batch[0]
    kind, _, vendor = first.part.partition("-")
    part = {"all": "", "gpu": "--gpu-tests=only", "other": "--gpu-tests=none"}[kind] + (f":{vendor}" if vendor else "")
    arguments = [
        *(["--lowest"] if first.lowest else []),
        *([part] if part else []),
        *(["--gpus=require"] if first.required else []),
    ]
    sessions = shlex.join(job.session for job in batch)
    return f"nox -s {sessions}" + (f" -- {' '.join(arguments)}" if arguments else "")
