"""fumehood as a contender."""

# What each method is for stands with `Contender`.
# ruff: noqa: D102

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from bench.contender import Contender, State
from bench.place import program
from bench.workload import fumehood_repository
from fumehood.environments import state as environment_state

if TYPE_CHECKING:
    from pathlib import Path

    from bench.measure import Command


class Fumehood(Contender, frozen=True, kw_only=True):
    """``fumehood env build``."""

    name = "fumehood"
    states = ("cold", "core", "layers")

    @property
    def folder(self) -> Path:
        return fumehood_repository(self.place)

    def write(self) -> None:
        """`workload.prepare` has written it."""

    def everything(self) -> tuple[Command, ...]:
        return ((program("fumehood"), "env", "build"),)

    def one(self, experiment: str) -> tuple[Command, ...]:
        return ((program("fumehood"), "env", "build", experiment),)

    def strip(self, state: State) -> None:
        for folder in (self.folder / ".nox", self.place.fumehood_cache / "environments"):
            self.place.move_aside(folder)
        layers = self.place.fumehood_cache / "layers"
        if state == "layers" or not layers.is_dir():
            return
        # Whose layers were never made, nobody has noted how to stack.
        self.place.move_aside(self.place.fumehood_cache / "recipes")
        # The core layer is the one with the longest index; views of it have none, and count as deltas.
        core = max(layers.iterdir(), key=lambda layer: _size(layer / "layer.json")) if state == "core" else None
        for layer in layers.iterdir():
            if layer != core:
                self.place.move_aside(layer)

    def environment(self, experiment: str) -> Path:
        return self.folder / ".nox" / f"exp-{experiment}"

    def prefixes(self, experiment: str) -> tuple[Path, ...]:
        found = environment_state.read(self.environment(experiment))
        layers = [self.place.fumehood_cache / "layers" / digest for digest in (found.layers if found else ())]
        return (self.environment(experiment), *layers)


class FumehoodNox(Fumehood, frozen=True, kw_only=True):
    """``nox -s exp-NAME`` with fumehood's sessions, in the same repository."""

    name = "fumehood, by nox"

    def everything(self) -> tuple[Command, ...]:
        return ((program("nox"), "-t", "exp", "--install-only"),)

    def one(self, experiment: str) -> tuple[Command, ...]:
        return ((program("nox"), "-s", f"exp-{experiment}", "--install-only"),)


def _size(path: Path) -> int:
    with contextlib.suppress(OSError):
        return path.stat().st_size
    return 0
