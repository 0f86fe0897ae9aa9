"""Machines that CI jobs run on, and how the workflow for them is to be written."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fumehood.model.experiment import GpuDemand

WORKFLOWS: Mapping[str, str] = {"github": ".github/workflows/fumehood.yml", "gitlab": ".gitlab/fumehood.yml"}
"""The file that is written for each platform."""


class GpuRunner(Struct, frozen=True, kw_only=True):
    """A kind of machine with GPUs.

    Attributes:
        label: What the CI platform knows it by: GitHub's labels, GitLab's tags.
        gpus: What it has.
        line: Where the settings say so, counted from 1.
    """

    label: tuple[str, ...]
    gpus: GpuDemand
    line: int = 0


class Runners(Struct, frozen=True, kw_only=True):
    """``[tool.fumehood.runners]``.

    Attributes:
        default: The label of machines for tests that need no GPU; empty for the platform's usual one.
        gpu: Machines with GPUs, in the order in which they are preferred.
    """

    default: tuple[str, ...] = ()
    gpu: tuple[GpuRunner, ...] = ()


class CiSettings(Struct, frozen=True, kw_only=True):
    """``[tool.fumehood.ci]``: what the written workflow needs to know.

    Attributes:
        install: The command that installs fumehood and nox.
        python: The Python that runs them; None for what core supports.
        branches: Those whose pushes are tested.
        schedule: When everything is run, as cron says it; empty for never.
        jobs: The most rows that a matrix may have.
        image: GitLab's container image; None for the official one of `python`.
    """

    install: str = "python -m pip install fumehood"
    python: str | None = None
    branches: tuple[str, ...] = ("main",)
    schedule: str = "23 3 * * 1"
    jobs: int = 256
    image: str | None = None
