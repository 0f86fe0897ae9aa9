"""Layers: immutable, content-addressed folders of installed distributions, shared by every environment and checkout.

A layer is installed in a private place beside its final one, checked against its RECORDs, and published by one
rename. Whatever happens before that leaves nothing that could be taken for a layer; nothing is written to it after.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fumehood.environments import contents, install
from fumehood.environments.lease import Lease, held
from fumehood.errors import WorldError
from fumehood.locking import lockfile
from fumehood.outside.files import disk_errors, remove_tree

if TYPE_CHECKING:
    from pathlib import Path

    from fumehood.environments.contents import InstalledDistribution
    from fumehood.model.lock import Pin
    from fumehood.model.requirement import IndexOptions
    from fumehood.outside.interpreter import Interpreter
    from fumehood.outside.uv import Uv

FORMAT = "3"
"""Raised whenever what a layer consists of changes, so that old ones are never taken for new ones."""

INDEX = "layer.json"
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerSpec:
    """What a layer consists of.

    Attributes:
        pins: Without markers: those that apply to the interpreter, none of them local.
        interpreter: What they are installed for.
    """

    pins: tuple[Pin, ...]
    interpreter: Interpreter

    @property
    def digest(self) -> str:
        """The layer's name: the same pins for the same kind of interpreter are the same layer everywhere."""
        state = hashlib.sha256(f"{FORMAT}\n{self.interpreter.identity}\n".encode())
        for pin in sorted(self.pins):
            state.update(f"{lockfile.render_pin(pin)}\n".encode())
        return state.hexdigest()[:40]


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerDistribution:
    """What stacking has to know of a distribution in a layer; see `InstalledDistribution`."""

    name: str
    version: str
    requires: tuple[str, ...]
    commands: tuple[tuple[str, str], ...]
    scripts: tuple[str, ...]
    outside: tuple[str, ...]
    startup: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """A published layer.

    Attributes:
        path: Its prefix.
        distributions: What is installed in it, by name.
        tree: What an import could find in it, by distribution, see `contents.Tree`.
    """

    path: Path
    digest: str
    site_packages: str
    distributions: tuple[LayerDistribution, ...]
    trees: dict[str, contents.Tree]

    @property
    def import_path(self) -> Path:
        """The folder to put on the import path."""
        return self.path / self.site_packages


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerStore:
    """The layers of a cache folder."""

    cache: Path
    say: Say

    @property
    def folder(self) -> Path:
        """Where layers are, each under its digest."""
        return self.cache / "layers"

    def path(self, digest: str) -> Path:
        """Where a layer is, or would be."""
        return self.folder / digest

    def lease(self, digest: str) -> Lease:
        """The lease that building, removing and using a layer take."""
        return Lease(self.cache / "leases" / f"{digest}.lease", self.say)

    def get(self, spec: LayerSpec) -> Layer | None:
        """A published layer; None if there is none."""
        return load(self.path(spec.digest))

    def build(self, spec: LayerSpec, uv: Uv, options: IndexOptions, *, what: str) -> Layer:
        """The layer for a spec, built if nobody has built it yet.

        Args:
            spec: What it consists of.
            uv: The door to uv.
            options: Where packages come from.
            what: How messages call it, such as ``core``.

        Raises:
            HashMismatchError: A download does not have the hash that the lock promises.
            WorldError: It could not be installed; nothing is left behind.
        """
        with held(self.lease(spec.digest), exclusive=True):
            published = self.get(spec)
            if published:
                return published
            self._clear_staging(spec.digest)
            staging = self.folder / f".staging-{spec.digest}-{os.getpid()}-{secrets.token_hex(4)}"
            try:
                self._fill(staging, spec, uv, options, what)
                with disk_errors(f"publishing the layer of {what}"):
                    os.rename(staging, self.path(spec.digest))
            except BaseException:
                remove_tree(staging)
                raise
        layer = self.get(spec)
        if layer is None:
            raise WorldError(f"the layer of {what} was removed while it was being built", remedy="run it again")
        return layer

    def _fill(self, staging: Path, spec: LayerSpec, uv: Uv, options: IndexOptions, what: str) -> None:
        request = install.Request(
            pins=spec.pins, python=spec.interpreter.executable, prefix=staging, options=options, what=what
        )
        install.install(uv, request, self.say)
        installed = tuple(contents.distributions(staging, spec.interpreter.site_packages))
        _check_complete(staging, spec, installed, what)
        index = _describe(installed, spec.interpreter)
        with disk_errors(f"writing the layer of {what}"):
            (staging / INDEX).write_text(json.dumps(index, indent=1, sort_keys=True), encoding="utf-8")

    def _clear_staging(self, digest: str) -> None:
        """Remove what a build that was killed has left; its lease is ours, so nobody is at work there."""
        for leftover in self.folder.glob(f".staging-{digest}-*"):
            remove_tree(leftover)


def load(path: Path) -> Layer | None:
    """Read a published layer; None where there is none."""
    try:
        data = json.loads((path / INDEX).read_bytes())
    except (OSError, ValueError):
        return None
    return Layer(
        path=path,
        digest=path.name,
        site_packages=data["site_packages"],
        distributions=tuple(_distribution(item) for item in data["distributions"]),
        trees=data["trees"],
    )


def _distribution(item: dict[str, Any]) -> LayerDistribution:
    return LayerDistribution(
        name=item["name"],
        version=item["version"],
        requires=tuple(item["requires"]),
        commands=tuple((name, target) for name, target in item["commands"]),
        scripts=tuple(item["scripts"]),
        outside=tuple(item["outside"]),
        startup=tuple(item["startup"]),
    )


def _check_complete(staging: Path, spec: LayerSpec, installed: tuple[InstalledDistribution, ...], what: str) -> None:
    missing = {pin.name for pin in spec.pins} - {distribution.name for distribution in installed}
    broken = [path for distribution in installed for path in contents.damaged(staging, distribution)]
    if missing or broken:
        shown = ", ".join(sorted(missing) or broken[:3])
        raise WorldError(
            f"the layer of {what} came out incomplete: {shown}",
            remedy="run it again; if it stays so, `uv cache clean` the packages named",
        )


def _describe(installed: tuple[InstalledDistribution, ...], interpreter: Interpreter) -> dict[str, Any]:
    site = f"{interpreter.site_packages}/"
    return {
        "interpreter": interpreter.identity,
        "site_packages": interpreter.site_packages,
        "distributions": [_describe_one(distribution, site) for distribution in installed],
        "trees": {
            distribution.name: contents.tree_of(
                file.path.removeprefix(site) for file in distribution.files if file.path.startswith(site)
            )
            for distribution in installed
        },
    }


def _describe_one(distribution: InstalledDistribution, site: str) -> dict[str, Any]:
    commands = {f"bin/{name}" for name, _ in distribution.commands}
    outside = [file.path for file in distribution.files if not file.path.startswith(site)]
    return {
        "name": distribution.name,
        "version": distribution.version,
        "requires": list(distribution.requires),
        "commands": [list(command) for command in distribution.commands],
        "scripts": [path for path in outside if path.startswith("bin/") and path not in commands],
        "outside": [path for path in outside if not path.startswith("bin/")],
        "startup": [
            file.path.removeprefix(site)
            for file in distribution.files
            if file.path.startswith(site) and file.path.endswith(".pth") and file.path.count("/") == site.count("/")
        ],
    }
