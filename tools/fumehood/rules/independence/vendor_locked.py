"""``independence/vendor-locked``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fumehood.errors import Place
from fumehood.rules.rule import Rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fumehood.model.finding import Finding
    from fumehood.rules.seen import Seen

_VENDORS = {
    ".cu": "NVIDIA",
    ".cubin": "NVIDIA",
    ".cuh": "NVIDIA",
    ".fatbin": "NVIDIA",
    ".hip": "AMD",
    ".hsaco": "AMD",
    ".metal": "Apple",
    ".metallib": "Apple",
    ".ptx": "NVIDIA",
}
"""Whose hardware each kind of source is for."""


def check(seen: Seen) -> Iterator[Finding]:
    """Experiments with sources that one vendor's hardware alone can run."""
    locked = [(path, vendor) for path in seen.files if (vendor := _vendor(path))]
    for experiment in seen.experiments:
        around = tuple(f"{inner}/" for inner in experiment.inner)
        own = [
            (path, vendor)
            for path, vendor in locked
            if path.startswith(f"{experiment.path}/") and not path.startswith(around)
        ]
        if own:
            *others, last = sorted({vendor for _, vendor in own})
            vendors = f"{', '.join(others)} and {last}" if others else last
            files = "1 source file is" if len(own) == 1 else f"{len(own)} source files are"
            yield RULE.finding(
                experiment.name,
                Place(own[0][0]),
                f"{files} for hardware of {vendors} only",
                remedy="host them in a package of their own and require that, or waive it with the reason",
                details=tuple(path for path, _ in own[1:]),
                subject=vendors,
            )


def _vendor(path: str) -> str:
    return _VENDORS.get(f".{path.rpartition('.')[2].lower()}", "") if "." in path else ""


RULE = Rule(
    id="independence/vendor-locked",
    severity="error",
    summary="Sources inside an experiment that only one vendor's hardware can run.",
    why="""\
Kernels in CUDA, HIP or Metal need a compiler and hardware that most who work on core do not have: nobody else can
build, test or move them when core changes. In a package of their own they have their own builds and releases, and the
experiment pins the one that it works with.""",
    remedy="""\
Move the sources (`.cu`, `.cuh`, `.ptx`, `.cubin`, `.fatbin`, `.hip`, `.hsaco`, `.metal`, `.metallib`) into a package
outside of this repository, and put it into the experiment's requirements. Kernels in Triton or another portable
language may stay.""",
    waive="A few kernels that are the very subject of the experiment, for as long as it is proposed.",
    check=check,
)
