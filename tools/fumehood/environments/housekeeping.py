"""What this machine keeps: listing it, and removing what nobody needs."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from msgspec import Struct

from fumehood.environments import envdir, layer, notes, recipes, registry, shelf

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from fumehood.environments.store import LayerStore

_DAY = 86_400


class StoredEnvironment(Struct, frozen=True, kw_only=True):
    """An environment on this machine."""

    path: Path
    session: str
    layout: str
    layers: tuple[str, ...]


class StoredLayer(Struct, frozen=True, kw_only=True):
    """A layer on this machine, with how many environments use it and when it was last used (seconds of the epoch)."""

    path: Path
    kind: str
    distributions: int
    size: int
    users: int
    used: float


class Removal(Struct, frozen=True, kw_only=True):
    """Something that `collect` removes, or would remove."""

    what: str
    path: Path
    size: int
    reason: str


def stored_environments(cache: Path) -> tuple[StoredEnvironment, ...]:
    """Every environment that was made with this cache and still is there."""
    return tuple(
        StoredEnvironment(path=path, session=found.session, layout=found.layout, layers=found.layers)
        for path, found in registry.environments(cache)
    )


def stored_layers(store: LayerStore) -> tuple[StoredLayer, ...]:
    """Every layer and view of the cache, by digest."""
    users = _users(store)
    found = []
    for path in store.published():
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


def _users(store: LayerStore) -> list[str]:
    return [digest for environment in stored_environments(store.cache) for digest in environment.layers]


def collect(store: LayerStore, *, older_than: float, dry_run: bool) -> Iterator[Removal]:
    """Remove layers that no environment uses, and what builds and sessions that were killed have left.

    A layer that a test run or a build holds is never touched: its lease cannot be taken.

    Args:
        store: The layers.
        older_than: Keep what was used in the last so many days.
        dry_run: Only say what would be removed.
    """
    now = time.time()
    if not dry_run:
        recipes.forget(store.cache, before=now - older_than * _DAY)
    for stored in stored_layers(store):
        if stored.users or now - stored.used < older_than * _DAY:
            continue
        removal = Removal(what=stored.kind, path=stored.path, size=stored.size, reason="no environment uses it")
        if _removed(store, stored.path.name, dry_run=dry_run):
            yield removal
    for leftover in store.leftovers():
        removal = Removal(what="leftover", path=leftover, size=_size(leftover), reason="its build was killed")
        if _removed(store, store.digest_of_leftover(leftover), leftover=leftover, dry_run=dry_run):
            yield removal
    if not dry_run:
        shelf.clear(store.cache)
        notes.sweep(store.lease("").path.parent)
        for folder in {environment.path.parent for environment in stored_environments(store.cache)}:
            notes.sweep(folder / envdir.OWN)


def remove_unused(store: LayerStore, digest: str) -> bool:
    """Remove a layer or a view if no environment uses it and nobody holds it; whether it was."""
    return _removed(store, digest, dry_run=False)


def _removed(store: LayerStore, digest: str, *, leftover: Path | None = None, dry_run: bool) -> bool:
    """Whether something was, or would be, removed: nobody holds it, and nobody has begun to use it meanwhile."""
    lease = store.lease(digest)
    if not lease.try_exclusive():
        return False
    try:
        if leftover is None and digest in _users(store):
            return False
        if not os.path.lexists(leftover or store.path(digest)):
            return False
        if not dry_run:
            store.take_away(digest, leftover=leftover)
    finally:
        lease.release()
    return True


def _last_used(store: LayerStore, path: Path) -> float:
    found = []
    for place in (path, store.lease(path.name).path):
        try:
            found.append(place.stat().st_mtime)
        except OSError:
            continue
    return max(found, default=0.0)


def _size(path: Path) -> int:
    size = 0
    for top, _, names in os.walk(path):
        for name in names:
            try:
                size += os.lstat(os.path.join(top, name)).st_size
            except OSError:  # somebody else is removing it
                continue
    return size
