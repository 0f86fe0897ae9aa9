"""What was read of experiments the last time: of a thousand folders, only those that have changed are read again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec import Struct
from msgspec.structs import astuple

from fumehood.model.experiment import Experiment, GpuDemand, RequirementSource
from fumehood.outside.noted import Notes
from fumehood.reading.experiment import looks_like_experiment

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from fumehood.reading.experiment import Shape

_VERSION = 1
"""To be raised when experiments are read in another way."""

_PLAIN = tuple(name for name in Experiment.__struct_fields__ if name not in {"requirements", "gpus", "waivers"})
_GPUS = GpuDemand.__struct_fields__


class NotedExperiments(Struct, frozen=True):
    """Experiments as `read_experiment` gave them, by their folders."""

    notes: Notes

    @classmethod
    def of(cls, root: Path, environ: Mapping[str, str]) -> NotedExperiments:
        """Those of a repository."""
        return cls(Notes.of("discovery", _VERSION, root, environ))

    def recall(self, path: str) -> Experiment | None:
        """The experiment in a folder, if there was one and nothing has changed that it follows from."""
        known: Any = self.notes.recall(path)
        if known is None:
            return None
        values, sources, gpus = known
        return Experiment(
            **dict(zip(_PLAIN, values, strict=True)),
            requirements=tuple(RequirementSource(path=file, groups=some, extras=more) for file, some, more in sources),
            gpus=GpuDemand(**dict(zip(_GPUS, gpus, strict=True))) if gpus else None,
        )

    def note(self, experiment: Experiment, shape: Shape) -> None:
        """Note an experiment; not one with waivers, which few have, nor one that is told by what its folders lack."""
        if not experiment.waivers and looks_like_experiment(shape.names):
            sources = [(source.path, source.groups, source.extras) for source in experiment.requirements]
            gpus = astuple(experiment.gpus) if experiment.gpus else None
            values = tuple(getattr(experiment, name) for name in _PLAIN)
            self.notes.note(experiment.path, (values, sources, gpus), shape.follows_from)
