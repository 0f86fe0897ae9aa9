"""What has to be run, before it is decided in how many rows: a job for each session and part of its tests."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from fumehood.testing.needs import needs_of_demand
from fumehood.testing.runners import runner_for

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from fumehood.model.experiment import GpuDemand
    from fumehood.model.runner import Runners
    from fumehood.testing.gpu_values import GpuNeeds
    from fumehood.testing.needs import TestNeeds
    from fumehood.testing.results import Part, Result

UNKNOWN_SECONDS = 60.0
"""What a session is taken to last where nothing was ever measured."""


class Wanted(Struct, frozen=True, kw_only=True):
    """One experiment, or core, whose tests have to be run.

    Attributes:
        experiment: Its name; empty for core.
        session: Its session, without a Python.
        pythons: Those that nox makes a session each for; one or none means one session.
        needs: What its test files need.
        demand: What its manifest says about GPUs.
        timeout: Seconds that its tests may take.
        advisory: Whether its failure is reported and stops nothing.
        reason: Why it has to be run.
        lock: A digest of the locks that its environment is made from.
    """

    experiment: str
    session: str
    pythons: tuple[str, ...] = ()
    needs: TestNeeds
    demand: GpuDemand | None = None
    timeout: int | None = None
    advisory: bool = False
    reason: str = ""
    owners: tuple[str, ...] = ()
    lock: str = ""


class Job(Struct, frozen=True, kw_only=True):
    """One session with one part of its tests on one kind of machine.

    Attributes:
        python: The version that it needs beside the one that runs nox; empty for none.
        runner: The label of the machine; empty for the usual one.
        gpus: How many GPUs it needs.
        required: Whether a test without its GPUs, and a run without any test, is a failure.
        seconds: How long it is expected to take.
    """

    session: str
    experiment: str
    python: str
    part: Part
    lowest: bool
    runner: tuple[str, ...]
    gpus: int
    required: bool
    timeout: int | None
    advisory: bool
    reason: str
    owners: tuple[str, ...]
    lock: str
    seconds: float = UNKNOWN_SECONDS


class LeftOut(Struct, frozen=True, order=True, kw_only=True):
    """What is not run although it was asked for."""

    name: str
    reason: str


def jobs_of(wanted: Iterable[Wanted], runners: Runners, *, lowest: bool) -> tuple[list[Job], list[LeftOut]]:
    """The jobs for what is wanted, and what no machine can run.

    Args:
        wanted: Experiments and core.
        runners: The machines.
        lowest: Test the lowest versions too.
    """
    jobs: list[Job] = []
    left_out: list[LeftOut] = []
    for one in wanted:
        for part, needs in _parts(one):
            runner = runner_for(needs, runners) if needs else None
            if needs and runner is None:
                reason = f"its GPU tests run nowhere: no runner in [tool.fumehood.runners] has {needs}"
                left_out.append(LeftOut(name=one.experiment or "core", reason=reason))
                continue
            label = runner.label if runner else runners.default
            found = list(_sessions(one, part, needs, label))
            jobs += found
            if lowest:
                jobs += [replace(job, lowest=True) for job in found]
    return jobs, left_out


def _parts(one: Wanted) -> Iterator[tuple[Part, GpuNeeds | None]]:
    """The parts that its tests are run in, each with the GPUs for it.

    Apart are only tests of which both kinds were seen. GPU tests that name several vendors run on the machines of each,
    those that name none on all of these. Where a manifest asks for GPUs, no mark tells which tests it
    means, and where every test function has a mark, some cases of it may do without: then all run where the GPUs are.
    With several vendors, what a manifest asks for is for the tests without marks.
    """
    demanded = needs_of_demand(one.demand) if one.demand else None
    marked = one.needs.gpu
    if one.needs.vendors:
        yield "other", demanded
        for needs in one.needs.vendors:
            yield f"gpu-{needs.vendor}", needs
    elif demanded is not None:
        yield "all", demanded.join(marked) if marked else demanded
    elif marked is None:
        yield "all", None
    elif one.needs.other_tests:
        yield "other", None
        yield "gpu", marked
    else:
        yield "all", marked


def _sessions(one: Wanted, part: Part, needs: GpuNeeds | None, label: tuple[str, ...]) -> Iterator[Job]:
    several = len(one.pythons) > 1
    for python in one.pythons or ("",):
        yield Job(
            session=f"{one.session}-{python}" if several else one.session,
            experiment=one.experiment,
            python=python.removeprefix("python"),
            part=part,
            lowest=False,
            runner=label,
            gpus=needs.count if needs else 0,
            required=needs is not None,
            timeout=one.timeout,
            advisory=one.advisory,
            reason=one.reason,
            owners=one.owners,
            lock=one.lock,
        )


def measured(jobs: Iterable[Job], results: Iterable[Result]) -> list[Job]:
    """The jobs with the time that they took the last time; unknown ones as long as the median of the others."""
    last: dict[tuple[str, Part, bool], float] = {}
    for result in results:
        if result.counts is not None and not result.is_partial:
            last[result.key] = result.seconds.total
    usual = median(last.values()) if last else UNKNOWN_SECONDS
    return [replace(job, seconds=_expected(job, last, usual)) for job in jobs]


def _expected(job: Job, last: Mapping[tuple[str, Part, bool], float], usual: float) -> float:
    for part in dict.fromkeys((job.part, "all")):
        for lowest in dict.fromkeys((job.lowest, False)):
            if (seconds := last.get((job.session, part, lowest))) is not None:
                return seconds
    return usual
