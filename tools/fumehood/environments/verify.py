"""Finding damage in layers and views, and taking away what is damaged so that the next build makes it anew."""

from __future__ import annotations

import base64
import hashlib
import os
from typing import TYPE_CHECKING

from msgspec import Struct

from fumehood.environments import contents, layer, registry, state, view
from fumehood.environments.store import LAYER_INDEX, VIEW_INDEX
from fumehood.outside.files import digest_file

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from fumehood.environments.contents import RecordedFile
    from fumehood.environments.layer import Layer, LayerDistribution
    from fumehood.environments.store import LayerStore
    from fumehood.environments.view import View


class Damage(Struct, frozen=True, kw_only=True):
    """A file of a layer that is missing or not what its RECORD says.

    Attributes:
        layer: The layer's digest; empty where the file is an environment's own.
        distribution: Whose file it is; empty for one of fumehood's own.
        path: The file, relative to the layer; absolute where it is in none.
        problem: ``is missing``, ``was changed`` or ``cannot be read``.
    """

    layer: str
    distribution: str
    path: str
    problem: str


def verify(store: LayerStore, *, advance: Callable[[str], None]) -> Iterator[Damage]:
    """Compare every file of every layer with its RECORD, hashes included, and every link of every view with its core.

    Of environments, the files are looked at that decide what they import.

    Args:
        store: The layers.
        advance: Called with the digest of each layer that was looked at.
    """
    for path in store.published():
        if (seen := view.load(path)) is not None:
            yield from _damages_of_view(store, seen)
        elif (loaded := layer.load(path)) is not None:
            yield from _damages_of_layer(loaded)
        else:
            index = VIEW_INDEX if (path / VIEW_INDEX).exists() else LAYER_INDEX
            problem = "cannot be read" if (path / index).exists() else "is missing"
            yield Damage(layer=path.name, distribution="", path=index, problem=problem)
        advance(path.name)
    for environment, found in registry.environments(store.cache):
        if changed := state.changed_file(environment, found.own):
            path = environment / changed
            problem = "was changed" if path.exists() else "is missing"
            yield Damage(layer="", distribution="", path=str(path), problem=problem)


def _damages_of_view(store: LayerStore, seen: View) -> Iterator[Damage]:
    core = layer.load(store.path(seen.core))
    if core is None:  # damaged or removed: what is built in its place has the same path
        return
    try:
        for path in view.damaged(seen, core):
            yield Damage(layer=seen.path.name, distribution="", path=path, problem="is missing or leads elsewhere")
    except OSError:
        return  # the core layer lacks files, which is its own damage


def _damages_of_layer(loaded: Layer) -> Iterator[Damage]:
    sound = True
    for item in loaded.distributions:
        for path, problem in _problems(loaded.path, item):
            sound = False
            yield Damage(layer=loaded.digest, distribution=item.name, path=path, problem=problem)
    # With all files sound, what is installed can be read, and has to be what the index says.
    if sound and layer.describe(loaded.path, loaded.interpreter, loaded.site_packages) != loaded:
        yield Damage(layer=loaded.digest, distribution="", path=LAYER_INDEX, problem="was changed")


def _problems(prefix: Path, item: LayerDistribution) -> Iterator[tuple[str, str]]:
    record = f"{item.folder}/{contents.RECORD}"
    found = digest_file(prefix / record)
    if found != item.record:
        yield record, "was changed" if found else "is missing"
        return
    for file in contents.recorded(prefix, item.folder):
        problem = _problem(prefix / file.path, file)
        if problem:
            yield file.path, problem


def _problem(path: Path, file: RecordedFile) -> str | None:
    algorithm, _, wanted = file.digest.partition("=")
    if not wanted:
        return None if path.exists() else "is missing"
    try:
        with path.open("rb") as content:
            found = hashlib.file_digest(content, algorithm).digest()
    except OSError:
        return "cannot be read" if os.path.lexists(path) else "is missing"
    return None if base64.urlsafe_b64encode(found).rstrip(b"=").decode() == wanted else "was changed"


def discard(store: LayerStore, digest: str) -> None:
    """Take a damaged layer away, waiting for those who use it; the next build makes it anew.

    Raises:
        WorldError: The disk refused.
    """
    lease = store.lease(digest)
    try:
        if lease.exclusive(unless=lambda: not os.path.lexists(store.path(digest))) and os.path.lexists(
            store.path(digest)
        ):
            store.take_away(digest)
    finally:
        lease.release()
