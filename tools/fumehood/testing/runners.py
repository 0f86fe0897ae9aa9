"""Which machine has the GPUs that tests need."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fumehood.testing.gpu_values import capability
from fumehood.testing.needs import needs_of_demand

if TYPE_CHECKING:
    from fumehood.model.runner import GpuRunner, Runners
    from fumehood.testing.gpu_values import GpuNeeds


def runner_for(needs: GpuNeeds, runners: Runners) -> GpuRunner | None:
    """The first machine that has enough, in the order of the settings; None where there is none.

    Both sides count memory as makers do: a runner with ``memory = "80GiB"`` is one with 80 GiB cards.
    """
    return next((runner for runner in runners.gpu if _has(runner, needs)), None)


def _has(runner: GpuRunner, needs: GpuNeeds) -> bool:
    there = needs_of_demand(runner.gpus)
    if there.count < needs.count or (there.memory or 0) < (needs.memory or 0):
        return False
    if needs.compute_capability is not None and (
        there.compute_capability is None or capability(there.compute_capability) < capability(needs.compute_capability)
    ):
        return False
    return needs.vendor in {None, there.vendor or "nvidia"}
