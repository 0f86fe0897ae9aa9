"""How environments were put together before: the same files ask for the same layers in every checkout.

A new work tree whose committed locks are those of another one needs no lock to be read, nothing to be planned and
nothing to be decided as long as the layers are there: what all that came to is kept in the cache, under a digest of
the files and of everything else that decides.
"""

from __future__ import annotations

import contextlib
import os
import sys
from typing import TYPE_CHECKING

from msgspec import Struct

from fumehood import __version__
from fumehood.environments import frame as frames
from fumehood.environments import state
from fumehood.environments.frame import Frame
from fumehood.environments.manager import deciding_files
from fumehood.environments.prepared import Stack  # noqa: TC001 - msgspec looks it up when it reads a recipe
from fumehood.environments.store import LAYER_FORMAT, LAYER_INDEX, VIEW_INDEX
from fumehood.errors import WorldError
from fumehood.model.digest import sha256
from fumehood.outside.files import read_json, to_json, write_whole

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from contextlib import ExitStack
    from pathlib import Path

    from fumehood.environments.drafting import Drafted
    from fumehood.environments.manager import Environments, Wish
    from fumehood.environments.state import FileState
    from fumehood.environments.store import LayerStore
    from fumehood.model.experiment import Target
    from fumehood.repository import Repository

_FORMAT = "1"
_FOLDER = "recipes"


class _Recipe(Struct, frozen=True, kw_only=True):
    """What is kept of how an environment was put together.

    Attributes:
        files: The digests of those deciding files that its name does not stand for.
        layers: See `frame.layers_of`.
    """

    files: dict[str, str | None]
    layers: tuple[str, ...]
    versions: dict[str, str]
    changes: tuple[str, ...]
    stack: Stack


class Recalled(Struct, frozen=True, kw_only=True):
    """A `renew.Draft`, see there, from a recipe."""

    frame: Frame
    digest: str
    files: Mapping[str, FileState]
    versions: Mapping[str, str]
    changes: tuple[str, ...]
    stack: Stack
    unlocked: bool = False
    lines: str = ""

    def prepare(self, store: LayerStore, leases: ExitStack) -> Stack | None:
        """Take the leases on the layers; None when one of them is gone."""
        for digest in self.stack.layers:
            lease = store.lease(digest)
            leases.callback(lease.release)
            lease.shared()
        return self.stack if _are_there(store, self.stack.layers) else None

    def own(self, prepared: Stack, environment: Path) -> None:
        """There is nothing that belongs to no layer, or there would be no recipe."""

    def done(self, prepared: Stack) -> None:
        """It is remembered already."""


def path_of(environments: Environments, wish: Wish, files: Mapping[str, FileState]) -> Path:
    """Where the recipe for an environment is kept.

    Args:
        environments: Whose cache it is in.
        wish: Which environment.
        files: The deciding files, those that are known without reading any at least.
    """
    names = sorted(_known_files(environments.repository, wish.target))
    interpreter = environments.interpreter(wish.python)
    parts = [
        f"{_FORMAT} {frames.FORMAT} {LAYER_FORMAT} {__version__} {frames.PLUGIN} {sys.version_info[:2]}",
        str(environments.cache),
        repr(wish.target),
        repr(environments.repository.core),
        f"{interpreter.identity} {interpreter.executable} {sorted(interpreter.variables.items())}",
        *(f"{name} {files[name].digest}" for name in names),
    ]
    return place(environments.cache, sha256("\n".join(parts).encode()).hexdigest())


def place(cache: Path, digest: str) -> Path:
    """Where something is kept, until `forget`, under the digest of what it follows from."""
    return cache / _FOLDER / digest[:2] / f"{digest}.json"


def noted(path: Path) -> str | None:
    """The layer that was noted; None where none was."""
    return read_json(path, str)


def note(path: Path, layer: str) -> None:
    """Note a layer, if that is news; where the cache cannot be written to, it is not."""
    if noted(path) != layer:
        with contextlib.suppress(WorldError):
            write_whole(path, to_json(layer), durable=False)


def _known_files(repository: Repository, target: Target) -> frozenset[str]:
    """The deciding files whose content the name of a recipe stands for; it names the others itself."""
    return frozenset(deciding_files(repository, target, ()))


def recall(environments: Environments, wish: Wish) -> Recalled | None:
    """What is remembered of an environment whose layers are all there."""
    root, repository = environments.repository.root, environments.repository
    files = state.look_at(root, _known_files(repository, wish.target))
    path = path_of(environments, wish, files)
    recipe = read_json(path, _Recipe)
    if recipe is None:
        return None
    others = state.look_at(root, recipe.files)
    unlike = any(others[name].digest != digest for name, digest in recipe.files.items())
    if unlike or not _are_there(environments.layers, recipe.stack.layers):
        return None
    frame = Frame.of(repository, wish.target, environments.interpreter(wish.python))
    with contextlib.suppress(OSError):
        os.utime(path)  # when it was last used, for `forget`
    return Recalled(
        frame=frame,
        digest=frame.digest(wish.target.layout, recipe.layers),
        files=dict(sorted({**files, **others}.items())),
        versions=recipe.versions,
        changes=recipe.changes,
        stack=recipe.stack,
    )


def remember(path: Path, draft: Drafted, prepared: Stack) -> None:
    """Keep how an environment was put together; where the cache cannot be written to, it is not."""
    plan, known = draft.plan, _known_files(draft.book.repository, draft.plan.target)
    recipe = _Recipe(
        files={name: file.digest for name, file in draft.files.items() if name not in known},
        layers=frames.layers_of(plan.core, plan.delta, plan.hidden),
        versions=dict(draft.versions),
        changes=draft.changes,
        stack=prepared,
    )
    with contextlib.suppress(WorldError):
        write_whole(path, to_json(recipe), durable=False)


def forget(cache: Path, *, before: float) -> None:
    """Remove the recipes that were last used before an instant, in seconds of the epoch."""
    for path in (cache / _FOLDER).glob("*/*.json"):
        with contextlib.suppress(OSError):
            if path.stat().st_mtime < before:
                path.unlink()


def _are_there(store: LayerStore, digests: Iterable[str]) -> bool:
    return all(_is_there(store.path(digest)) for digest in digests)


def _is_there(path: Path) -> bool:
    """Whether a layer or view is published; an empty index is what a power cut may leave of one."""
    for index in (LAYER_INDEX, VIEW_INDEX):
        with contextlib.suppress(OSError):
            return os.stat(path / index).st_size > 0
    return False
