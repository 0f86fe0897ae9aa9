"""``experiment.toml``: what an experiment says about itself."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, cast

from msgspec import Struct

from fumehood.errors import FumehoodError, raise_all
from fumehood.model.experiment import LAYOUTS, STATES, GpuDemand, Layout, State
from fumehood.outside.toml_file import TableReader, load
from fumehood.settings import PYPROJECT
from fumehood.shared_keys import check_pythons, read_timeout, read_waivers

if TYPE_CHECKING:
    from fumehood.model.waiver import Waiver

MANIFEST = "experiment.toml"
_OWNER = re.compile(r"@[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?(?:/[A-Za-z0-9._-]+)?|[^@\s]+@[^@\s]+\.[^@\s]+")


class Manifest(Struct, frozen=True, kw_only=True):
    """A checked ``experiment.toml``; paths are relative to the experiment's folder.

    Attributes:
        requirements: Requirement files or ``pyproject.toml``; empty to look for them.
        groups: Dependency groups of the experiment's own pyproject.toml.
        extras: Optional dependencies of the experiment's own pyproject.toml.
        tests: Test files or folders; empty to look for them.
        python: Python versions of its session.
        layout: ``flat`` to keep its environment from being stacked.
        timeout: Seconds that its tests may take.
    """

    theme: str = ""
    summary: str = ""
    owners: tuple[str, ...] = ()
    state: State = "active"
    python: tuple[str, ...] = ()
    requirements: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    extras: tuple[str, ...] = ()
    tests: tuple[str, ...] = ()
    layout: Layout = "auto"
    gpus: GpuDemand | None = None
    timeout: int | None = None
    waivers: tuple[Waiver, ...] = ()


def read(path: str, *, name: str) -> Manifest:
    """Read and check a manifest.

    Raises:
        ConfigurationError: All its mistakes at once, each with file and line.
    """
    file = load(path, name=name)
    mistakes: list[FumehoodError] = []
    reader = TableReader(file, (), mistakes)
    manifest = Manifest(
        theme=reader.string("theme") or "",
        summary=reader.string("summary") or "",
        owners=reader.strings("owners"),
        state=cast("State", reader.string("state", "active", choices=STATES)),
        python=reader.strings("python"),
        requirements=reader.strings("requirements"),
        groups=reader.strings("groups"),
        extras=reader.strings("extras"),
        tests=reader.strings("tests"),
        layout=cast("Layout", reader.string("layout", "auto", choices=LAYOUTS)),
        gpus=_gpus(reader),
        timeout=read_timeout(reader),
        waivers=read_waivers(reader, folder=name.rpartition("/")[0]),
    )
    _check(reader, manifest, os.path.dirname(path))
    reader.finish()
    raise_all(mistakes)
    return manifest


def _gpus(reader: TableReader) -> GpuDemand | None:
    if "gpus" not in reader.table:
        return None
    if not isinstance(reader.table["gpus"], dict):
        count = reader.integer("gpus")
        return GpuDemand(count=count) if count else None
    from fumehood.ci_settings import read_demand  # noqa: PLC0415 - few experiments say more than a number

    return read_demand(reader.subtable("gpus"))


def is_owner(text: str) -> bool:
    """Whether something can be an owner: a handle, @name or @org/team, or an address."""
    return _OWNER.fullmatch(text) is not None


def _check(reader: TableReader, manifest: Manifest, folder: str) -> None:
    for owner in manifest.owners:
        if not is_owner(owner):
            reader.complain("owners", f"{owner!r} is no owner", "write a handle, @name or @org/team, or an address")
    check_pythons(reader, manifest.python)
    if "\n" in manifest.summary.strip():
        reader.complain("summary", "summary has several lines", "keep it to one line; the README has room for more")
    _check_files(reader, "requirements", manifest.requirements, folder)
    _check_files(reader, "tests", manifest.tests, folder)
    for key, named in (("groups", manifest.groups), ("extras", manifest.extras)):
        if named and not os.path.exists(f"{folder}/{PYPROJECT}"):
            reader.complain(
                key, f"{key} are those of {PYPROJECT}, and there is none beside it", "add it, or remove this"
            )


def _check_files(reader: TableReader, key: str, paths: tuple[str, ...], folder: str) -> None:
    for path in paths:
        if path.startswith(("/", "~")) or ".." in path.split("/"):
            reader.complain(key, f"{path!r} leaves the experiment's folder", "give a path inside the folder")
        elif not os.path.exists(f"{folder}/{path}"):
            reader.complain(key, f"{path!r} does not exist", "correct the path, or add the file")
        elif key == "requirements" and os.path.isdir(f"{folder}/{path}"):
            reader.complain(key, f"{path!r} is a folder", "name a requirements file")
