"""``[tool.fumehood.runners]`` and ``[tool.fumehood.ci]``, and tables that say something about GPUs."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from fumehood.model.experiment import GpuDemand
from fumehood.model.runner import CiSettings, GpuRunner, Runners

if TYPE_CHECKING:
    from fumehood.outside.toml_file import TableReader

MOST_JOBS = 256
"""GitHub's limit for one matrix ("Workflow syntax", ``jobs.<job_id>.strategy.matrix``)."""

_CAPABILITY = re.compile(r"\d+(?:\.\d+)?")
_MEMORY = re.compile(r"\d+(?:\.\d+)?\s*[KMGT]i?B")
_CRON = re.compile(r"[\w*/,-]+(?: [\w*/,-]+){4}")
_PYTHON = re.compile(r"3\.\d+")


def read_runners(reader: TableReader) -> Runners:
    """Read ``[tool.fumehood.runners]``."""
    found = []
    for table in reader.tables("gpu"):
        label = table.strings("label")
        if not label:
            table.complain("label", "a runner without a label", 'name it as the CI platform does: label = "gpu-1"')
        place = reader.file.place(*table.keys)
        found.append(GpuRunner(label=label, gpus=read_demand(table), line=place.line))
    runners = Runners(default=reader.strings("default"), gpu=tuple(found))
    reader.finish()
    return runners


def read_demand(table: TableReader) -> GpuDemand:
    """What a table says about GPUs: ``count``, ``memory``, ``compute_capability``, ``vendor``; nothing else in it."""
    demand = GpuDemand(
        count=table.integer("count", 1) or 1,
        memory=table.string("memory"),
        compute_capability=table.string("compute_capability"),
        vendor=table.string("vendor"),
    )
    if demand.memory and not _MEMORY.fullmatch(demand.memory):
        table.complain("memory", f"memory is {demand.memory!r}", 'write a size such as "40GiB"')
    if demand.compute_capability and not _CAPABILITY.fullmatch(demand.compute_capability):
        capability = demand.compute_capability
        table.complain("compute_capability", f"compute_capability is {capability!r}", 'write a version such as "9.0"')
    table.finish()
    return demand


def read_ci(reader: TableReader) -> CiSettings:
    """Read ``[tool.fumehood.ci]``."""
    usual = CiSettings()
    settings = CiSettings(
        install=reader.string("install") or usual.install,
        python=reader.string("python"),
        branches=reader.strings("branches", usual.branches),
        schedule=reader.string("schedule", usual.schedule) or "",
        jobs=reader.integer("jobs", usual.jobs) or usual.jobs,
        image=reader.string("image"),
    )
    if settings.python is not None and not _PYTHON.fullmatch(settings.python):
        reader.complain("python", f"{settings.python!r} is no Python for fumehood", 'write a version such as "3.12"')
    if settings.schedule and not _CRON.fullmatch(settings.schedule):
        reader.complain("schedule", f"{settings.schedule!r} is no time in cron's form", 'write "23 3 * * 1", or ""')
    if settings.jobs > MOST_JOBS:
        reader.complain("jobs", f"jobs is {settings.jobs}", f"GitHub takes {MOST_JOBS} rows at most")
    reader.finish()
    return settings
