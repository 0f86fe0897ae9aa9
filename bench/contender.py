"""What a contender is: one way to have ten environments."""

from __future__ import annotations

from abc import ABCMeta, abstractmethod
from typing import TYPE_CHECKING, ClassVar, Literal

from msgspec import Struct, StructMeta

from bench.workload import write

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from bench.measure import Command
    from bench.place import Place
    from bench.workload import Workload

State = Literal["cold", "core", "layers"]
"""What is there before ten environments are made.

``cold``: uv's cache. ``core``: what experiments share, too. ``layers``: all but the environments themselves, as in a
clean checkout on a machine that has built them before.
"""


class _Abstract(StructMeta, ABCMeta):
    """Makes values whose class is abstract."""


class Contender(Struct, frozen=True, kw_only=True, metaclass=_Abstract):
    """One way to have ten environments.

    Attributes:
        name: How tables call it.
        states: Those that differ for it. What has no layers starts from nothing in all three.
    """

    place: Place
    workload: Workload
    name: ClassVar[str]
    states: ClassVar[tuple[State, ...]] = ("cold",)

    @property
    def folder(self) -> Path:
        """Its repository."""
        return self.place.folder / type(self).__name__.lower()

    @property
    def environ(self) -> Mapping[str, str]:
        """The environment variables of its processes."""
        return self.place.environ

    def write(self) -> None:
        """Write its repository."""
        for name, lines in self.workload.whole.items():
            write(self.folder, f"pins/{name}.txt", "".join(f"{line}\n" for line in lines))

    @abstractmethod
    def everything(self) -> tuple[Command, ...]:
        """Make the environments of all experiments."""

    @abstractmethod
    def one(self, experiment: str) -> tuple[Command, ...]:
        """Make one environment, or bring the one that is there up to date, as its user would who wants to go on."""

    @abstractmethod
    def strip(self, state: State) -> None:
        """Remove whatever is not there in a state."""

    @abstractmethod
    def environment(self, experiment: str) -> Path:
        """The prefix of an environment."""

    def python(self, experiment: str) -> Command:
        """The interpreter of an environment."""
        return (str(self.environment(experiment) / "bin" / "python"),)

    def prefixes(self, experiment: str) -> tuple[Path, ...]:
        """Every prefix whose distributions an environment uses."""
        return (self.environment(experiment),)
