"""The GPUs that the tests of an experiment, or core's, need: what their marks say, and the manifest."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fumehood.testing.needs import needs_of_demand, read_needs

if TYPE_CHECKING:
    from pathlib import Path

    from fumehood.model.experiment import Experiment
    from fumehood.repository import Repository
    from fumehood.testing.gpu_values import GpuNeeds
    from fumehood.testing.needs import TestNeeds
    from fumehood.testing.results import Part


def gpu_needs(repository: Repository, experiment: Experiment | None, part: Part = "all") -> GpuNeeds | None:
    """The GPUs that an experiment's tests (or core's) need: what their marks say, and its manifest.

    The manifest speaks of tests without marks, and so not of those of one vendor.

    Args:
        repository: Where they are.
        experiment: Whose; None for core's.
        part: Which of the tests.

    Raises:
        ConfigurationError: The manifest's memory or compute capability cannot be read.
    """
    kind, _, vendor = part.partition("-")
    found = needs_of_tests(repository, experiment).on(vendor) if kind != "other" else None
    demanded = needs_of_manifest(experiment, part)
    return demanded.join(found) if demanded and found else demanded or found


def needs_of_manifest(experiment: Experiment | None, part: Part = "all") -> GpuNeeds | None:
    """The GPUs that an experiment's manifest asks for, if it is for this part of the tests.

    Raises:
        ConfigurationError: Its memory or compute capability cannot be read.
    """
    if experiment is None or experiment.gpus is None or part.partition("-")[2]:
        return None
    return needs_of_demand(experiment.gpus)


def gpu_parts(repository: Repository, experiment: Experiment) -> tuple[Part, ...]:
    """The parts in which an experiment's tests run on machines of their own, whose marks name several vendors."""
    vendors = needs_of_tests(repository, experiment).vendors
    return ("other", *(f"gpu-{needs.vendor}" for needs in vendors)) if vendors else ("all",)


def needs_of_tests(repository: Repository, experiment: Experiment | None) -> TestNeeds:
    """What the test files of an experiment, or core's, need."""
    if experiment is None:
        roots = [repository.root / path for path in repository.core.tests]
        return read_needs(file for root in roots for file in ([root] if root.is_file() else sorted(root.rglob("*.py"))))
    tests = [repository.root / test for test in experiment.tests]
    return read_needs(tests, _beside(tests, repository.root / experiment.path))


def _beside(tests: list[Path], top: Path) -> list[Path]:
    """The other modules in the folders of the tests, and in those around them up to the experiment's own."""
    folders = {folder for test in tests for folder in test.parents if folder == top or top in folder.parents}
    return sorted({module for folder in folders for module in folder.glob("*.py")} - {*tests})
