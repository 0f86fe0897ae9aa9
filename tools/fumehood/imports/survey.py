"""All Python files of a repository, read and connected: where the rules and the selection begin."""

from __future__ import annotations

import hashlib
import os
import posixpath
from typing import TYPE_CHECKING

from msgspec import Struct

from fumehood.imports import graph
from fumehood.imports.cache import IMPORTS, Sources, read_sources
from fumehood.imports.modules import Modules
from fumehood.imports.territory import Territories, territories
from fumehood.outside import hearing
from fumehood.outside.kept import written
from fumehood.outside.remembered import following_each

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from fumehood.imports.graph import Find, ImportGraph, Steps
    from fumehood.outside.work_tree import Listing, WorkTree
    from fumehood.repository import Repository

_NOT_LOOKED_INTO = frozenset({"__pycache__", "build", "dist", "node_modules", "venv"})


class Outline(Struct, frozen=True, kw_only=True):
    """What is known of a repository's files before any of them is read; see `Survey`.

    Attributes:
        python: Those that are Python.
        links: Symbolic links to files and folders of the repository, with those.
        modules: What they are called.
        territories: Whose they are.
    """

    root: Path
    files: tuple[str, ...]
    python: tuple[str, ...]
    links: Mapping[str, str]
    modules: Modules
    territories: Territories

    @property
    def layout(self) -> bytes:
        """All that decides beside a file's imports where they lead: which files there are, and whose they are."""
        links = sorted([*self.modules.links.items(), *self.modules.file_links.items()])
        everybody = repr(self.territories.core), repr(self.territories.experiments)
        return hashlib.blake2b(written([sorted(self.modules.files), links, *everybody])).digest()


class Survey(Struct, frozen=True, kw_only=True):
    """The Python files of a repository.

    Attributes:
        outline: What is known before any of them is read.
        sources: What each Python file says.
        graph: Which leads to which.
    """

    outline: Outline
    sources: Sources
    graph: ImportGraph

    @property
    def root(self) -> Path:
        """The top folder of the repository."""
        return self.outline.root

    @property
    def files(self) -> tuple[str, ...]:
        """Every file, Python or not, relative to the repository with ``/``."""
        return self.outline.files

    @property
    def links(self) -> Mapping[str, str]:
        """Symbolic links to files and folders of the repository, with those."""
        return self.outline.links

    @property
    def territories(self) -> Territories:
        """Core and the experiments."""
        return self.graph.territories


def survey(
    repository: Repository,
    git: WorkTree,
    environ: Mapping[str, str],
    *,
    gone: Iterable[str] = (),
    listing: Listing | None = None,
) -> Survey:
    """Read what has changed since the last time, and connect everything.

    Args:
        repository: Whose files.
        git: The door to git in the repository's folder; in a folder that is no clone all files count.
        environ: Says where the cache is.
        gone: Files that were there before a change; what would import them leads to them still.
        listing: What git lists, from a caller that has it already.
    """
    listing = listing or git.listed()
    found = outline(repository, listing, gone)
    return connected(found, read_sources(found.root, found.python, environ, listing.blobs), environ)


def outline(repository: Repository, listing: Listing, gone: Iterable[str] = ()) -> Outline:
    """The files of a repository, and what they are called."""
    root = repository.root
    files, links = _files(root, listing)
    python = tuple(path for path in files if path.endswith(".py"))
    ends = {link: end for link in links if (end := _end(root, link)) is not None}
    modules = Modules(
        files=frozenset([*python, *(path for path in gone if path.endswith(".py"))]),
        links={link: end for link, end in ends.items() if os.path.isdir(root / end)},
        file_links={link: end for link, end in ends.items() if link.endswith(".py")},
    )
    everybody = territories(repository)
    return Outline(root=root, files=files, python=python, links=ends, modules=modules, territories=everybody)


def connected(found: Outline, sources: Sources, environ: Mapping[str, str]) -> Survey:
    """Find out where files lead that have been read."""

    def recall(find: Find) -> Steps:
        # Sorted, so that of ways equally long the same one is given whatever was remembered.
        contents = dict(sorted(sources.digests.items()))
        # Edits of the import path are for all files around; whatever else decides is in the file itself.
        others = written([IMPORTS.version, sorted(sources.path_edits.items())])
        key = hashlib.blake2b(found.layout + others).digest()
        return following_each("graph", found.root, key, contents, find, environ)

    graph_ = graph.build(sources, found.modules, found.territories, recall)
    return Survey(outline=found, sources=sources, graph=graph_)


def _files(root: Path, listing: Listing) -> tuple[tuple[str, ...], frozenset[str]]:
    if listing.files:
        return listing.files, listing.links
    found = sorted(_walk(str(root), ""))
    for path in found:
        hearing.looked(f"{root}/{path}")
    return tuple(found), frozenset(path for path in found if os.path.islink(root / path))


def _walk(root: str, folder: str) -> Iterator[str]:
    """The files of a folder that is no clone, but for hidden ones and what building leaves."""
    try:
        entries = list(os.scandir(f"{root}/{folder}"))
    except OSError:
        return
    if folder and any(entry.name == "pyvenv.cfg" for entry in entries):
        return
    for entry in entries:
        path = f"{folder}/{entry.name}" if folder else entry.name
        if not entry.is_dir(follow_symlinks=False):
            yield path
        elif not entry.name.startswith(".") and entry.name not in _NOT_LOOKED_INTO:
            yield from _walk(root, path)


def _end(root: Path, link: str) -> str | None:
    """Where a symbolic link leads, if that is in the repository."""
    inside = f"{os.path.realpath(root)}/"
    end = os.path.realpath(root / link)
    return posixpath.normpath(end.removeprefix(inside)) if end.startswith(inside) else None
