"""A view: a core layer as an experiment sees it that changes or removes some of core's packages.

It is a prefix of symbolic links to what stays, itself an immutable layer that all experiments with the same changes
share. So the hidden packages are gone for imports and for ``importlib.metadata`` alike, and core's bytecode is used.
It has all of the prefix, since a RECORD leads from site-packages to commands and data.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from msgspec import Struct

from fumehood.environments import contents, shelf
from fumehood.environments.store import LAYER_INDEX, VIEW_INDEX
from fumehood.model.digest import sha256
from fumehood.outside.files import disk_errors, read_json, to_json

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from fumehood.environments.layer import Layer
    from fumehood.environments.lease import Lease
    from fumehood.environments.store import LayerStore

CORE = ".core"
"""A link to the core layer, and in site-packages to its site-packages, by which all other links lead there.

So their targets are short, and a file system keeps a short target in the link's inode: it costs no block, and a tenth
of the time.
"""


class _Index(Struct, frozen=True, kw_only=True):
    """The file with which a view is whole."""

    core: str
    hidden: frozenset[str]


class View(Struct, frozen=True, kw_only=True):
    """A published view.

    Attributes:
        path: Its folder.
        core: The digest of the layer that its links lead to.
        hidden: The distributions that it leaves out.
    """

    path: Path
    core: str
    hidden: frozenset[str]

    def import_path(self, core: Layer) -> Path:
        """The folder to put on the import path."""
        return self.path / core.site_packages


def digest_of(core: Layer, hidden: frozenset[str]) -> str:
    """The name of a view."""
    return sha256(f"view 4\n{core.digest}\n{' '.join(sorted(hidden))}".encode()).hexdigest()[:40]


def obtain(store: LayerStore, core: Layer, hidden: frozenset[str]) -> tuple[View, Lease]:
    """A view, built if nobody has built it yet, with a shared lease that keeps it.

    Raises:
        WorldError: The disk refused; nothing is left behind.
    """
    digest = digest_of(core, hidden)

    def fill(staging: Path) -> None:
        with disk_errors("building a view of the core layer"):
            _link(store.cache, staging, core, hidden)
            index = _Index(core=core.digest, hidden=hidden)
            (staging / VIEW_INDEX).write_text(to_json(index), encoding="utf-8")

    lease = store.hold(digest, name="a view of the core layer", is_there=lambda path: load(path) is not None, fill=fill)
    return View(path=store.path(digest), core=core.digest, hidden=hidden), lease


def _link(cache: Path, folder: Path, core: Layer, hidden: frozenset[str]) -> None:
    """Fill a folder beside the core layer with links to it."""
    made = set()
    for path, target in (*_anchors(folder, core), *((path, _target(core, path)) for path in links(core, hidden))):
        here = f"{folder}/{path}"
        parent = os.path.dirname(here)
        if parent not in made:
            os.makedirs(parent, exist_ok=True)
            made.add(parent)
        shelf.symlink(cache, target, here)


def _anchors(folder: Path, core: Layer) -> list[tuple[str, str]]:
    """The links by which the others lead to the core layer, with their targets."""
    up = "../" * (core.site_packages.count("/") + 1)
    return [
        (CORE, os.path.relpath(core.path, folder)),
        (f"{core.site_packages}/{CORE}", f"{up}{CORE}/{core.site_packages}"),
    ]


def _target(core: Layer, path: str) -> str:
    """Where the link at a path of a view leads to."""
    below = path.removeprefix(f"{core.site_packages}/")
    return f"{'../' * below.count('/')}{CORE}/{below}"


def load(path: Path) -> View | None:
    """Read a published view; None where there is none that can be read."""
    index = read_json(path / VIEW_INDEX, _Index)
    return View(path=path, core=index.core, hidden=index.hidden) if index else None


def links(core: Layer, hidden: frozenset[str]) -> Iterator[str]:
    """The paths, relative to the prefix, of a view's links: as few as leave out the hidden distributions."""
    files = {
        file.path
        for item in core.distributions
        if item.name in hidden
        for file in contents.recorded(core.path, item.folder)
    }
    # Site-packages is always a folder of the view's own, since `..` leads from a linked one to the layer.
    folders: set[str] = set()
    for file in (*files, f"{core.site_packages}/x"):
        folder = os.path.dirname(file)
        while folder and folder not in folders:
            folders.add(folder)
            folder = os.path.dirname(folder)
    yield from _links(core.path, {*files, LAYER_INDEX}, folders, "")


def _links(prefix: Path, hidden: set[str], folders: set[str], inside: str) -> Iterator[str]:
    """Every entry that holds nothing hidden; below the folders that hold some, what they hold beside it."""
    for entry in sorted(os.scandir(prefix / inside), key=lambda item: item.name):
        path = f"{inside}{entry.name}"
        if path in folders:
            yield from _links(prefix, hidden, folders, f"{path}/")
        elif entry.name == "__pycache__":
            for compiled in sorted(os.listdir(entry.path)):
                if f"{inside}{compiled.partition('.')[0]}.py" not in hidden:
                    yield f"{path}/{compiled}"
        elif path not in hidden:
            yield path


def damaged(view: View, core: Layer) -> Iterator[str]:
    """The links of a view that are missing or lead elsewhere; bytecode, which may be added later, is left out."""
    wanted = ((path, _target(core, path)) for path in links(core, view.hidden) if "__pycache__" not in path)
    for path, target in (*_anchors(view.path, core), *wanted):
        link = view.path / path
        if not link.is_symlink() or os.readlink(link) != target:
            yield path
