"""A job to make others from."""

from __future__ import annotations

from fumehood.ci.jobs import Job

JOB = Job(
    session="exp-a",
    experiment="a",
    python="",
    part="all",
    lowest=False,
    runner=(),
    gpus=0,
    required=False,
    timeout=None,
    advisory=False,
    reason="because",
    owners=("@example-owner",),
    lock="core-own",
)
