"""Jobs and rows as arithmetic: which parts, on which machines, in how many rows."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from fumehood.ci import answers
from fumehood.ci.jobs import UNKNOWN_SECONDS, Job, Wanted, jobs_of, measured
from fumehood.ci.matrix import LONGEST, Matrix, pack
from fumehood.ci.overrides import wishes
from fumehood.errors import ConfigurationError
from fumehood.model.experiment import GpuDemand
from fumehood.model.runner import GpuRunner, Runners
from fumehood.testing.gpu_values import GpuNeeds
from fumehood.testing.needs import TestNeeds
from fumehood.testing.results import Counts, Result, Seconds
from support.jobs import JOB

GIB = 2**30
RUNNERS = Runners(
    default=("small",),
    gpu=(
        GpuRunner(label=("one", "old"), gpus=GpuDemand(count=1, memory="16GiB", compute_capability="7.5")),
        GpuRunner(label=("eight",), gpus=GpuDemand(count=8, memory="80GiB", compute_capability="9.0")),
        GpuRunner(label=("red",), gpus=GpuDemand(count=2, memory="192GiB", vendor="amd")),
    ),
)
WANTED = Wanted(experiment="a", session="exp-a", needs=TestNeeds(other_tests=1), reason="because")


@pytest.mark.parametrize(
    ("needs", "label"),
    [
        (GpuNeeds(), ("one", "old")),
        (GpuNeeds(memory=16 * GIB), ("one", "old")),
        (GpuNeeds(memory=24 * GIB), ("eight",)),
        (GpuNeeds(compute_capability="8.0"), ("eight",)),
        (GpuNeeds(count=4), ("eight",)),
        (GpuNeeds(vendor="amd"), ("red",)),
        (GpuNeeds(vendor="amd", count=4), None),
        (GpuNeeds(count=9), None),
        (GpuNeeds(compute_capability="10.0"), None),
    ],
)
def test_the_first_machine_that_has_enough_is_chosen(needs: GpuNeeds, label: tuple[str, ...] | None) -> None:
    jobs, left_out = jobs_of([replace(WANTED, needs=TestNeeds(gpu=needs, gpu_tests=1))], RUNNERS, lowest=False)
    assert [job.runner for job in jobs] == ([label] if label else [])
    assert [one.name for one in left_out] == ([] if label else ["a"])


@pytest.mark.parametrize(
    ("wanted", "rows"),
    [
        (WANTED, [("exp-a", ("small",), "nox -s exp-a")]),
        (
            replace(WANTED, needs=TestNeeds(gpu=GpuNeeds(), gpu_tests=1, other_tests=3)),
            [
                ("exp-a", ("small",), "nox -s exp-a -- --gpu-tests=none"),
                ("exp-a (1 GPU)", ("one", "old"), "nox -s exp-a -- --gpu-tests=only --gpus=require"),
            ],
        ),
        (
            replace(
                WANTED,
                needs=TestNeeds(
                    gpu=GpuNeeds(count=2),
                    vendors=(GpuNeeds(count=2, vendor="amd"), GpuNeeds(vendor="nvidia")),
                    gpu_tests=2,
                ),
            ),
            [
                ("exp-a", ("small",), "nox -s exp-a -- --gpu-tests=none"),
                ("exp-a (1 nvidia GPU)", ("one", "old"), "nox -s exp-a -- --gpu-tests=only:nvidia --gpus=require"),
                ("exp-a (2 amd GPUs)", ("red",), "nox -s exp-a -- --gpu-tests=only:amd --gpus=require"),
            ],
        ),
        (
            replace(
                WANTED,
                needs=TestNeeds(vendors=(GpuNeeds(vendor="amd"), GpuNeeds(vendor="nvidia")), gpu_tests=2),
                demand=GpuDemand(count=1),
            ),
            [
                ("exp-a (1 GPU)", ("one", "old"), "nox -s exp-a -- --gpu-tests=none --gpus=require"),
                ("exp-a (1 amd GPU)", ("red",), "nox -s exp-a -- --gpu-tests=only:amd --gpus=require"),
                ("exp-a (1 nvidia GPU)", ("one", "old"), "nox -s exp-a -- --gpu-tests=only:nvidia --gpus=require"),
            ],
        ),
        (
            replace(WANTED, needs=TestNeeds(gpu=GpuNeeds(), gpu_tests=2)),
            [("exp-a (1 GPU)", ("one", "old"), "nox -s exp-a -- --gpus=require")],
        ),
        (
            replace(WANTED, needs=TestNeeds(other_tests=2), demand=GpuDemand(count=2)),
            [("exp-a (2 GPUs)", ("eight",), "nox -s exp-a -- --gpus=require")],
        ),
        (
            replace(WANTED, pythons=("3.11", "3.12")),
            [
                ("exp-a-3.11", ("small",), "nox -s exp-a-3.11"),
                ("exp-a-3.12", ("small",), "nox -s exp-a-3.12"),
            ],
        ),
        (replace(WANTED, pythons=("python3.12",)), [("exp-a", ("small",), "nox -s exp-a")]),
    ],
)
def test_gpu_tests_and_others_are_rows_apart_only_where_both_were_seen(
    wanted: Wanted, rows: list[tuple[str, tuple[str, ...], str]]
) -> None:
    jobs, _ = jobs_of([wanted], RUNNERS, lowest=False)
    assert [(row.name, row.runner, row.command) for row in pack(jobs, 256)] == rows


def test_the_python_of_a_row_is_written_as_it_is_installed() -> None:
    wanted = [replace(WANTED, pythons=(python,), session=f"exp-{python}") for python in ("python3.12", "pypy3.11")]
    jobs, _ = jobs_of([*wanted, WANTED], RUNNERS, lowest=False)
    assert [row.python for row in pack(jobs, 256)] == ["", "pypy3.11", "3.12"]


def test_lowest_versions_are_tested_in_rows_of_their_own() -> None:
    jobs, _ = jobs_of([WANTED], RUNNERS, lowest=True)
    assert [(row.id, row.name, row.command) for row in pack(jobs, 256)] == [
        ("exp-a", "exp-a", "nox -s exp-a"),
        ("exp-a+lowest", "exp-a (lowest versions)", "nox -s exp-a -- --lowest"),
    ]


def test_an_experiment_that_is_called_like_a_kind_of_tests_has_a_row_of_its_own() -> None:
    jobs = [replace(JOB, session="exp-a", lowest=True), replace(JOB, session="exp-a.lowest", runner=("other",))]
    assert sorted(row.id for row in pack(jobs, 9)) == ["exp-a+lowest", "exp-a.lowest"]


def test_names_that_no_session_can_have_do_nothing_in_a_shell_or_as_names_of_files() -> None:
    jobs = [replace(JOB, session=f"exp-{name}", advisory=name == "a;b-c") for name in ("a;b c", "a;b-c")]
    found = [(row.id, row.session, row.command, row.sessions) for row in pack(jobs, 9)]
    assert found == [
        ("exp-a-b-c-4284ff89", "'exp-a;b c'", "nox -s 'exp-a;b c'", ("exp-a;b c",)),
        ("exp-a-b-c-53826b99", "'exp-a;b-c'", "nox -s 'exp-a;b-c'", ("exp-a;b-c",)),
    ]


def test_rows_share_a_cache_only_where_they_need_the_same_packages() -> None:
    jobs = [
        JOB,
        replace(JOB, session="exp-b", part="gpu"),
        replace(JOB, session="exp-c", lowest=True),
        replace(JOB, session="exp-d", python="3.12"),
        replace(JOB, session="exp-e", runner=("x",)),
        replace(JOB, session="exp-f", runner=("x",), lock="core-other"),
    ]
    assert [(row.session, row.cache) for row in pack(jobs, 5)] == [
        ("exp-a", "core-own"),
        ("exp-b", "core-own"),
        ("exp-c", "core-own-lowest"),
        ("exp-d", "core-own-3.12"),
        ("exp-e exp-f", "80ba8ee7e68b"),
    ]


JOBS = st.lists(
    st.builds(
        lambda number, runner, advisory, seconds: replace(
            JOB, session=f"exp-{number}", experiment=str(number), runner=runner, advisory=advisory, seconds=seconds
        ),
        number=st.integers(0, 10**6),
        runner=st.sampled_from([(), ("a",), ("b", "c")]),
        advisory=st.booleans(),
        seconds=st.floats(0, 5000),
    ),
    max_size=40,
    unique_by=lambda job: job.session,
)


@given(jobs=JOBS, limit=st.integers(6, 60))
def test_every_job_is_in_one_row_whose_jobs_are_alike_and_there_are_no_more_rows_than_allowed(
    jobs: list[Job], limit: int
) -> None:
    rows = pack(jobs, limit)
    assert len(rows) <= limit
    assert len({row.id for row in rows}) == len({row.name for row in rows}) == len(rows)
    ran = sorted(session for row in rows for session in row.sessions)
    assert ran == sorted(job.session for job in jobs)
    kinds = {job.session: (job.runner, job.advisory) for job in jobs}
    assert all({kinds[session] for session in row.sessions} == {(row.runner, row.advisory)} for row in rows)
    assert len(rows) == min(len(jobs), limit)
    assert [row.name for row in rows] == sorted(row.name for row in rows)
    assert pack(reversed(jobs), limit) == rows


def test_jobs_are_packed_by_their_measured_time() -> None:
    jobs = [replace(JOB, session=f"exp-{number}", seconds=float(number)) for number in (1, 2, 3, 4, 10)]
    assert [(row.session, row.seconds) for row in pack(jobs, 2)] == [
        ("exp-1 exp-2 exp-3 exp-4", 10.0),
        ("exp-10", 10.0),
    ]


def test_what_takes_the_most_time_gets_the_most_rows() -> None:
    slow = [replace(JOB, session=f"exp-slow-{number}", seconds=100.0) for number in range(10)]
    quick = [replace(JOB, session=f"exp-quick-{number}", runner=("q",), seconds=1.0) for number in range(10)]
    rows = pack([*slow, *quick], 11)
    assert [len(row.sessions) for row in rows if row.runner == ("q",)] == [10]
    assert [len(row.sessions) for row in rows if not row.runner] == [1] * 10


def test_more_kinds_of_jobs_than_rows_are_refused() -> None:
    with pytest.raises(ConfigurationError, match="2 kinds of jobs do not fit into 1 rows"):
        pack([JOB, replace(JOB, session="exp-b", runner=("q",))], 1)


def test_a_row_has_the_time_of_its_sessions_and_some_for_setting_up() -> None:
    timed = [replace(JOB, session=f"exp-{name}", timeout=90) for name in "ab"]
    assert [row.timeout for row in pack(timed, 2)] == [12, 12]
    assert [row.timeout for row in pack(timed, 1)] == [13]
    assert [row.timeout for row in pack([*timed, JOB], 1)] == [LONGEST]


def test_times_come_from_the_last_whole_run_and_else_from_what_is_usual() -> None:
    def ran(session: str, seconds: float, arguments: tuple[str, ...] = ()) -> Result:
        return Result(
            session=session,
            experiment="",
            status="passed",
            seconds=Seconds(total=seconds),
            counts=Counts(collected=1),
            arguments=arguments,
        )

    results = [ran("exp-a", 1.0), ran("exp-a", 5.0), ran("exp-a", 99.0, ("-k", "x")), ran("exp-b", 7.0)]
    jobs = [JOB, replace(JOB, session="exp-b", part="gpu"), replace(JOB, session="exp-c")]
    assert [job.seconds for job in measured(jobs, results)] == [5.0, 7.0, 6.0]
    assert [job.seconds for job in measured(jobs, [])] == [UNKNOWN_SECONDS] * 3


def test_an_empty_matrix_is_spelled_as_the_workflow_asks_for_it() -> None:
    assert answers.github(Matrix(rows=())) == answers.NO_ROWS


def test_names_are_asked_for_in_labels_and_in_lines_of_commit_messages() -> None:
    messages = "Change\n\nfumehood: rl, distributed/ddp\n\nSee fumehood: not this\nFumehood: ALL\n"
    assert [(wish.name, wish.where) for wish in wishes(["bug", "fumehood: core"], messages)] == [
        ("core", "the label `fumehood: core`"),
        ("rl", "a commit message `fumehood: rl, distributed/ddp`"),
        ("distributed/ddp", "a commit message `fumehood: rl, distributed/ddp`"),
        ("ALL", "a commit message `fumehood: ALL`"),
    ]
    assert wishes([], "fumehood:\n\nnothing") == ()
