"""``coverage/no-job``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fumehood.errors import Place
from fumehood.model.experiment import RUNNING_STATES
from fumehood.model.runner import WORKFLOWS
from fumehood.rules.owed import about
from fumehood.rules.rule import Rule
from fumehood.testing.runners import runner_for

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fumehood.model.experiment import Experiment
    from fumehood.model.finding import Finding
    from fumehood.rules.seen import Seen
    from fumehood.testing.gpu_values import GpuNeeds


def check(seen: Seen) -> Iterator[Finding]:
    """Experiments that run and have no tests, and GPU tests that no machine of CI can run."""
    has_ci = any((seen.root / path).exists() for path in WORKFLOWS.values())
    for experiment in seen.experiments:
        if experiment.state not in RUNNING_STATES:
            continue
        if not experiment.tests:
            yield RULE.finding(
                experiment.name,
                about(seen, experiment, "tests"),
                "it has no tests, so nothing notices when core breaks it",
                remedy="add a test_*.py, or say in its manifest where its `tests` are",
                severity="note" if experiment.manifest is None else "warning",
            )
            continue
        if has_ci and (needs := _without_machine(seen, experiment)):
            yield RULE.finding(
                experiment.name,
                Place(experiment.manifest or experiment.path),
                f"no machine of CI has {needs}, so its GPU tests run nowhere",
                remedy="name one that has, with [[tool.fumehood.runners.gpu]] in pyproject.toml",
            )


def _without_machine(seen: Seen, experiment: Experiment) -> GpuNeeds | None:
    """The GPUs that an experiment's tests need, if no machine of CI has them."""
    from fumehood.testing.needed import gpu_needs, gpu_parts  # noqa: PLC0415 - as above

    for part in gpu_parts(seen.repository, experiment):
        needs = gpu_needs(seen.repository, experiment, part)
        if needs and runner_for(needs, seen.settings.runners) is None:
            return needs
    return None


RULE = Rule(
    id="coverage/no-job",
    severity="warning",
    summary="An experiment without tests, or with GPU tests that CI has no machine for.",
    why="""\
Its session is skipped, and is not red: nothing is wrong, because nothing was looked at. A change of core can break it,
and the first to notice is whoever needs it next.""",
    remedy="""\
Write one test that imports it and runs a step. For GPU tests, name the machines in `[tool.fumehood.runners]`; see
[continuous integration](../ci.md#settings).""",
    check=check,
    waive="While the machine for its GPU tests is being bought.",
)
