"""What this machine keeps: listing it, removing what nobody needs, and finding and mending damage."""

from __future__ import annotations

import base64
import hashlib
import os
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fumehood.environments import contents, layer
from fumehood.environments.registry import Registry
from fumehood.outside.files import disk_errors, remove_tree

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from fumehood.environments.contents import RecordedFile
    from fumehood.environments.layer import Layer, LayerStore

_DAY = 86_400
_STAGING_AGE = 3_600
"""Seconds after which a private place of a build is looked at by `collect`; a live build holds its lease anyway."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredEnvironment:
    """An environment on this machine."""

    path: Path
    session: str
    layout: str
    layers: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredLayer:
    """A layer on this machine, with how many environments use it and when it was last used (seconds of the epoch)."""

    path: Path
    kind: str
    distributions: int
    size: int
    users: int
    used: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Removal:
    """Something that `collect` removes, or would remove."""

    what: str
    path: Path
    size: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Damage:
    """A file of a layer that is missing or not what its RECORD says."""

    layer: str
    distribution: str
    path: str
    problem: str


def stored_environments(cache: Path) -> tuple[StoredEnvironment, ...]:
    """Every environment that was made with this cache and still is there."""
    return tuple(
        StoredEnvironment(path=path, session=found.session, layout=found.layout, layers=found.layers)
        for path, found in Registry(cache).environments()
    )


def stored_layers(store: LayerStore) -> tuple[StoredLayer, ...]:
    """Every layer and view of the cache, by digest."""
    users = [digest for environment in stored_environments(store.cache) for digest in environment.layers]
    found = []
    for path in _published(store):
        loaded = layer.load(path)
        found.append(
            StoredLayer(
                path=path,
                kind="layer" if loaded else "view",
                distributions=len(loaded.distributions) if loaded else 0,
                size=_size(path),
                users=users.count(path.name),
                used=_last_used(store, path),
            )
        )
    return tuple(found)


def collect(store: LayerStore, *, older_than: float, dry_run: bool) -> Iterator[Removal]:
    """Remove layers that no environment uses, and what builds that were killed have left.

    A layer that a test run or a build holds is never touched: its lease cannot be taken.

    Args:
        store: The layers.
        older_than: Keep what was used in the last so many days.
        dry_run: Only say what would be removed.
    """
    now = time.time()
    for stored in stored_layers(store):
        if stored.users or now - stored.used < older_than * _DAY:
            continue
        removal = Removal(what=stored.kind, path=stored.path, size=stored.size, reason="no environment uses it")
        if dry_run or _remove(store, stored.path):
            yield removal
    if not store.folder.is_dir():
        return
    for leftover in sorted(store.folder.glob(".staging-*")):
        if now - leftover.stat().st_mtime < min(older_than * _DAY, _STAGING_AGE):
            continue
        removal = Removal(what="leftover", path=leftover, size=_size(leftover), reason="its build was killed")
        if dry_run or _remove(store, leftover, digest=leftover.name.split("-")[1]):
            yield removal


def _remove(store: LayerStore, path: Path, *, digest: str | None = None) -> bool:
    lease = store.lease(digest or path.name)
    if not lease.try_exclusive():
        return False
    try:
        with disk_errors(f"removing {path}"):
            # Renamed first, so that nobody ever sees a layer that lacks half of its files.
            doomed = path.with_name(f".staging-{digest or path.name}-doomed-{os.getpid()}")
            path.rename(doomed)
            remove_tree(doomed)
    finally:
        lease.release()
    return True


def _published(store: LayerStore) -> list[Path]:
    if not store.folder.is_dir():
        return []
    return sorted(path for path in store.folder.iterdir() if not path.name.startswith("."))


def _last_used(store: LayerStore, path: Path) -> float:
    try:
        return max(path.stat().st_mtime, store.lease(path.name).path.stat().st_mtime)
    except OSError:
        return path.stat().st_mtime


def _size(path: Path) -> int:
    return sum(os.lstat(os.path.join(top, name)).st_size for top, _, names in os.walk(path) for name in names)


def verify(store: LayerStore, *, advance: Callable[[str], None]) -> Iterator[Damage]:
    """Compare every file of every layer with its RECORD, hashes included.

    Args:
        store: The layers.
        advance: Called with the digest of each layer that was looked at.
    """
    for path in _published(store):
        loaded = layer.load(path)
        if loaded:
            yield from damages(loaded)
        elif (path / layer.INDEX).exists():
            yield Damage(layer=path.name, distribution="", path=layer.INDEX, problem="cannot be read")
        advance(path.name)


def damages(loaded: Layer) -> Iterator[Damage]:
    """The files of one layer that are missing or changed."""
    expected = {item.name for item in loaded.distributions}
    for distribution in contents.distributions(loaded.path, loaded.site_packages):
        expected.discard(str(distribution.name))
        for file in distribution.files:
            problem = _problem(loaded.path / file.path, file)
            if problem:
                yield Damage(layer=loaded.digest, distribution=str(distribution.name), path=file.path, problem=problem)
    for name in sorted(expected):
        yield Damage(layer=loaded.digest, distribution=name, path="", problem="is missing")


def _problem(path: Path, file: RecordedFile) -> str | None:
    if not path.exists():
        return "is missing"
    algorithm, _, wanted = file.digest.partition("=")
    if not wanted:
        return None
    with path.open("rb") as content:
        found = hashlib.file_digest(content, algorithm).digest()
    return None if base64.urlsafe_b64encode(found).rstrip(b"=").decode() == wanted else "was changed"


def discard(store: LayerStore, digest: str) -> None:
    """Take a damaged layer away, waiting for those who use it; the next build makes it anew."""
    lease = store.lease(digest)
    lease.exclusive()
    try:
        doomed = store.folder / f".staging-{digest}-doomed-{os.getpid()}"
        with disk_errors(f"removing the layer {digest}"):
            (store.folder / digest).rename(doomed)
            remove_tree(doomed)
    finally:
        lease.release()
