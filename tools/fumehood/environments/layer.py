"""Layers: immutable, content-addressed folders of installed distributions, shared by every environment and checkout.

A layer is installed in a private place beside its final one, checked against its RECORDs, and published by one
rename. Whatever happens before that leaves nothing that could be taken for a layer; nothing is written to it after.
"""

from __future__ import annotations

import functools
import os
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import asdict

from fumehood.environments import contents
from fumehood.environments.store import LAYER_FORMAT, LAYER_INDEX
from fumehood.errors import WorldError
from fumehood.model.digest import sha256
from fumehood.outside.files import digest_file, disk_errors, read_json, to_json

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from fumehood.environments.contents import InstalledDistribution
    from fumehood.environments.lease import Lease
    from fumehood.environments.store import LayerStore
    from fumehood.model.index_options import IndexOptions
    from fumehood.model.lock import Pin
    from fumehood.outside.interpreter import Interpreter
    from fumehood.outside.uv import Uv


class LayerSpec(Struct, frozen=True, kw_only=True):
    """What a layer consists of.

    Attributes:
        digest: Its name, see `spec`.
        pins: Without markers: those that apply to the interpreter, none of them local.
        interpreter: What they are installed for.
        compiled: Whether the layer holds the bytecode of all its files; else Python adds that of what is imported.
    """

    digest: str
    pins: tuple[Pin, ...]
    interpreter: Interpreter
    compiled: bool


def spec(pins: Iterable[Pin], interpreter: Interpreter, *, compiled: bool) -> LayerSpec:
    """Name a layer: the same pins for the same kind of interpreter are the same layer everywhere."""
    chosen = tuple(sorted(pins))
    digest = _digest(chosen, interpreter.identity, compiled)
    return LayerSpec(digest=digest, pins=chosen, interpreter=interpreter, compiled=compiled)


@functools.lru_cache(maxsize=64)
def _digest(pins: tuple[Pin, ...], identity: str, compiled: bool) -> str:  # noqa: FBT001 - it is kept by position
    from fumehood.locking.lockfile import render_pin  # noqa: PLC0415 - layers that are there need no locks

    state = sha256(f"{LAYER_FORMAT}\n{identity}\n{compiled}\n".encode())
    for pin in pins:
        state.update(f"{render_pin(pin)}\n".encode())
    return state.hexdigest()[:40]


class LayerDistribution(Struct, frozen=True, kw_only=True):
    """What has to be known of a distribution in a layer to stack it, and to check it.

    Attributes:
        folder: Its ``.dist-info``, relative to the prefix.
        record: Digest of its RECORD, which holds the digests of all its other files.
        commands: Its console and GUI scripts, ``(name, "module:attribute")``.
        scripts: Other files of ``bin``, relative to the prefix.
        outside: Files neither in ``bin`` nor in site-packages, relative to the prefix.
        startup: Its ``.pth`` files.
    """

    name: str
    version: str
    folder: str
    record: str
    requires: tuple[str, ...]
    commands: tuple[tuple[str, str], ...]
    scripts: tuple[str, ...]
    outside: tuple[str, ...]
    startup: tuple[str, ...]


class LayerIndex(Struct, frozen=True, kw_only=True):
    """What is written into a layer of what it holds.

    Attributes:
        interpreter: What it was installed for, see `Interpreter.identity`.
        distributions: What is installed in it, by name.
        trees: What an import could find in it, by distribution, see `contents.Tree`.
    """

    interpreter: str
    site_packages: str
    distributions: tuple[LayerDistribution, ...]
    trees: dict[str, contents.Tree]


class Layer(LayerIndex, frozen=True, kw_only=True):
    """A published layer.

    Attributes:
        path: Its prefix.
    """

    path: Path

    @property
    def digest(self) -> str:
        """Its name."""
        return self.path.name

    @property
    def import_path(self) -> Path:
        """The folder to put on the import path."""
        return self.path / self.site_packages


def obtain(store: LayerStore, spec: LayerSpec, uv: Uv, options: IndexOptions, *, what: str) -> tuple[Layer, Lease]:
    """The layer for a spec, built if nobody has built it yet, with a shared lease that keeps it.

    Args:
        store: Where layers are.
        spec: What it consists of.
        uv: The door to uv.
        options: Where packages come from.
        what: How messages call it, such as ``core``.

    Raises:
        HashMismatchError: A download does not have the hash that the lock promises.
        WorldError: It could not be installed; nothing is left behind.
    """
    from fumehood.environments import install  # noqa: PLC0415 - layers that are there need no installer

    python, compiled = spec.interpreter.executable, spec.compiled
    request = install.Request(pins=spec.pins, python=python, options=options, compiled=compiled, what=what)
    name = f"the layer of {what}"

    def fill(staging: Path) -> None:
        install.into_prefix(uv, request, staging, store.say)
        with disk_errors(f"writing {name}"):
            installed = tuple(contents.distributions(staging, spec.interpreter.site_packages))
            complete(staging, spec, installed, name)

    lease = store.hold(spec.digest, name=name, is_there=lambda path: load(path) is not None, fill=fill)
    found = load(store.path(spec.digest))
    if found is None:
        lease.release()
        raise WorldError(f"{name} was taken away while it was in use", remedy="run it again")
    return found, lease


def complete(staging: Path, spec: LayerSpec, installed: tuple[InstalledDistribution, ...], name: str) -> None:
    """Check what was installed for a layer, and write its index, with which it is whole.

    Raises:
        OSError: The disk refused.
        WorldError: Something is missing.
    """
    _check_complete(staging, spec, installed, name)
    index = _index(staging, spec.interpreter.identity, spec.interpreter.site_packages, installed)
    (staging / LAYER_INDEX).write_text(to_json(index), encoding="utf-8")


def load(path: Path) -> Layer | None:
    """Read a published layer, once a run; None where there is none that can be read."""
    try:
        status = os.stat(path / LAYER_INDEX)
    except OSError:
        return None
    return _load(path, (status.st_ino, status.st_mtime_ns, status.st_size))


@functools.lru_cache(maxsize=64)
def _load(path: Path, _: tuple[int, int, int]) -> Layer | None:
    index = read_json(path / LAYER_INDEX, LayerIndex)
    return Layer(path=path, **asdict(index)) if index else None


def describe(path: Path, interpreter: str, site_packages: str) -> Layer:
    """The layer that a prefix holds, read from what is installed in it.

    Raises:
        OSError: Metadata is missing.
    """
    index = _index(path, interpreter, site_packages, tuple(contents.distributions(path, site_packages)))
    return Layer(path=path, **asdict(index))


def _index(
    path: Path, interpreter: str, site_packages: str, installed: tuple[InstalledDistribution, ...]
) -> LayerIndex:
    site = f"{site_packages}/"
    return LayerIndex(
        interpreter=interpreter,
        site_packages=site_packages,
        distributions=tuple(_describe_one(path, item, site) for item in installed),
        trees={
            item.name: contents.tree_of(
                file.path.removeprefix(site) for file in item.files if file.path.startswith(site)
            )
            for item in installed
        },
    )


def _describe_one(prefix: Path, distribution: InstalledDistribution, site: str) -> LayerDistribution:
    commands = {f"bin/{name}" for name, _ in distribution.commands}
    inside = [file.path.removeprefix(site) for file in distribution.files if file.path.startswith(site)]
    outside = [file.path for file in distribution.files if not file.path.startswith(site)]
    return LayerDistribution(
        name=distribution.name,
        version=distribution.version,
        folder=distribution.folder,
        record=digest_file(prefix / distribution.folder / contents.RECORD) or "",
        requires=distribution.requires,
        commands=distribution.commands,
        scripts=tuple(path for path in outside if path.startswith("bin/") and path not in commands),
        outside=tuple(path for path in outside if not path.startswith("bin/")),
        startup=tuple(path for path in inside if path.endswith(".pth") and "/" not in path),
    )


def _check_complete(staging: Path, spec: LayerSpec, installed: tuple[InstalledDistribution, ...], name: str) -> None:
    missing = {str(pin.name) for pin in spec.pins} - {str(item.name) for item in installed}
    broken = [f"{path} of {item.name}" for item in installed for path in contents.damaged(staging, item.files)]
    if missing or broken:
        shown = ", ".join(sorted(missing) or broken[:3])
        raise WorldError(
            f"{name} came out incomplete: {shown}",
            remedy="run it again; if it stays so, `uv cache clean` the packages named",
        )
