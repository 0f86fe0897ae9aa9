"""What a run of pytest amounts to, from what the plugin has reported of it: never a silent green."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from msgspec import Struct

from fumehood.errors import ExitCode, FumehoodError
from fumehood.outside.files import read_json
from fumehood.testing.results import Counts

if TYPE_CHECKING:
    from fumehood.testing.session import TestRun


class TestsFailedError(FumehoodError):
    """Tests failed, and pytest did not say so."""

    __test__ = False  # pytest would take the class for tests because of its name.
    exit_code = ExitCode.FINDINGS


class TestsMissingError(FumehoodError):
    """Nothing ran although it was required."""

    __test__ = False  # pytest would take the class for tests because of its name.
    exit_code = ExitCode.FINDINGS


class _GpuReport(Struct, frozen=True, kw_only=True):
    """What the plugin reports of GPUs."""

    mode: str


class _Report(Counts, frozen=True, kw_only=True):
    """What the plugin reports."""

    deselected: int
    finished: int
    gpu: _GpuReport
    skip_reasons: dict[str, int]


class Verdict(Struct, frozen=True, kw_only=True):
    """What a run of pytest that did not fail amounts to."""

    status: Literal["passed", "no-tests", "all-skipped", "unknown"]
    sentence: str


def verdict_on(run: TestRun, subject: str) -> Verdict:
    """What a run of pytest amounts to that did not fail by itself, or that never began: never a silent green.

    Args:
        run: The run.
        subject: Whose tests they are, for the sentence.

    Raises:
        TestsFailedError: Some tests failed all the same.
        TestsMissingError: GPUs are required, and nothing ran; or pytest did not come to its end.
    """
    report = read_json(run.report, _Report)
    if report is None and run.has_tests:
        sentence = f"{subject}: pytest ended without reporting its tests"
        if not run.only_shows:
            # With exit code 0 all the same: os._exit, or pytest.exit with that code, before it came to its end.
            raise TestsMissingError(
                sentence, remedy="find what ends pytest while it is at work, or has it only list tests"
            )
        return Verdict(status="unknown", sentence=sentence)
    if report is not None and (bad := _counted(report, "failed", "errors")):
        # As after os._exit(0) in a hook that runs when the tests have.
        raise TestsFailedError(
            f"{subject}: {', '.join(bad)}, and pytest ended with exit code 0 all the same",
            remedy="find what changes its exit code, such as a hook that runs at its end",
        )
    if report is not None and 0 < report.finished < report.collected:
        # As after pytest.exit with that code in a test.
        raise TestsMissingError(
            f"{subject}: {report.finished} of {report.collected} tests have run, "
            "and pytest ended with exit code 0 all the same",
            remedy="find what ends pytest while it is at work",
        )
    result = _summed_up(report, subject)
    # The plugin knows of --gpus in addopts and in PYTEST_ADDOPTS, too.
    if result.status != "passed" and (report.gpu.mode if report else run.gpu_mode) == "require":
        raise TestsMissingError(
            f"{result.sentence}, and --gpus=require asks for tests that run", remedy="add tests, or run --gpus=auto"
        )
    return result


def _summed_up(report: _Report | None, subject: str) -> Verdict:
    """What a run amounts to in which no test failed."""
    if report is None or not (report.collected or report.deselected or report.skipped):
        return Verdict(status="no-tests", sentence=f"{subject}: no tests were found")
    if report.passed or report.xfailed or report.xpassed:
        counts = [f"{report.passed} passed", *_counted(report, "xfailed", "xpassed", "skipped")]
        return Verdict(status="passed", sentence=f"{subject}: {', '.join(counts)}")
    if not (report.collected or report.skipped):
        return Verdict(status="no-tests", sentence=f"{subject}: no test was selected of {report.deselected}")
    if report.skipped < report.collected:
        return Verdict(status="no-tests", sentence=f"{subject}: none of its {report.collected} tests has run")
    # More than were collected, where whole files skip themselves.
    reasons = "; ".join(f"{count}: {reason}" for reason, count in sorted(report.skip_reasons.items()))
    return Verdict(status="all-skipped", sentence=f"{subject}: every test was skipped ({reasons})")


def _counted(report: Counts, *outcomes: str) -> list[str]:
    """How many tests had each of these outcomes, where any had."""
    return [f"{count} {outcome}" for outcome in outcomes if (count := getattr(report, outcome))]
