"""A view: a core layer as an experiment sees it that changes or removes some of core's packages.

It is a folder of symbolic links to what stays, itself an immutable layer that all experiments with the same changes
share. So the hidden packages are gone for imports and for ``importlib.metadata`` alike, and core's bytecode is used.
"""

from __future__ import annotations

import hashlib
import os
import secrets
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from fumehood.environments import contents
from fumehood.environments.lease import held
from fumehood.outside.files import disk_errors, remove_tree

if TYPE_CHECKING:
    from fumehood.environments.layer import Layer, LayerStore


def digest_of(core: Layer, hidden: frozenset[str]) -> str:
    """The name of a view."""
    return hashlib.sha256(f"view 1\n{core.digest}\n{' '.join(sorted(hidden))}".encode()).hexdigest()[:40]


def build(store: LayerStore, core: Layer, hidden: frozenset[str]) -> Path:
    """The import path of a view, built if nobody has built it yet.

    Raises:
        WorldError: The disk refused; nothing is left behind.
    """
    digest = digest_of(core, hidden)
    final = store.folder / digest
    if not final.is_dir():
        with held(store.lease(digest), exclusive=True), disk_errors("building a view of the core layer"):
            for leftover in store.folder.glob(f".staging-{digest}-*"):
                remove_tree(leftover)
            if not final.is_dir():
                staging = store.folder / f".staging-{digest}-{os.getpid()}-{secrets.token_hex(4)}"
                try:
                    staging.mkdir()
                    _link(core.import_path, staging, _files_of(core, hidden))
                    os.rename(staging, final)
                except BaseException:
                    remove_tree(staging)
                    raise
    return final


def _files_of(core: Layer, hidden: frozenset[str]) -> set[str]:
    """Every file of the hidden distributions, and their bytecode, relative to site-packages."""
    site = f"{core.site_packages}/"
    files: set[str] = set()
    for distribution in contents.distributions(core.path, core.site_packages):
        if distribution.name in hidden:
            files.update(file.path.removeprefix(site) for file in distribution.files if file.path.startswith(site))
    return files


def _link(source: Path, target: Path, hidden: set[str], inside: str = "") -> None:
    """Link every entry that holds nothing hidden; go into the folders that hold some."""
    folders = {os.fspath(parent) for file in hidden for parent in PurePosixPath(file).parents}
    for entry in sorted(os.scandir(source / inside), key=lambda item: item.name):
        path = f"{inside}{entry.name}"
        if path in folders:
            _link(source, target, hidden, f"{path}/")
        elif entry.name == "__pycache__":
            for compiled in sorted(os.listdir(entry.path)):
                if f"{inside}{compiled.partition('.')[0]}.py" not in hidden:
                    _link_one(source, target, f"{path}/{compiled}")
        elif path not in hidden:
            _link_one(source, target, path)


def _link_one(source: Path, target: Path, path: str) -> None:
    link = target / path
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(source / path)
