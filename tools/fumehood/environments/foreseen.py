"""What committed locks will most likely ask for, taken at their word, so that uv can begin while they are checked.

Nothing is decided by it: a layer is made of what its plan says, and what was foreseen wrongly is thrown away.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from fumehood.environments import layer, recipes
from fumehood.errors import FumehoodError
from fumehood.locking import lockfile
from fumehood.locking.store import LockStore
from fumehood.model.digest import sha256
from fumehood.reading.uv_by_hand import misplaced

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from fumehood.environments.layer import LayerSpec
    from fumehood.environments.manager import Environments, Wish
    from fumehood.environments.store import LayerStore
    from fumehood.model.lock import Pin
    from fumehood.outside.interpreter import Interpreter


class Foreseen(Struct, frozen=True, kw_only=True):
    """What a delta layer is made from, before anybody has looked which markers hold.

    Attributes:
        pins: All of the lock, with their markers.
        note: Where it is kept which layer that is; None where no pin has a marker, and the pins alone tell.
    """

    pins: tuple[Pin, ...]
    interpreter: Interpreter
    note: Path | None

    @property
    def compiled(self) -> bool:
        """See `LayerSpec`."""
        return False

    def is_missing(self, store: LayerStore) -> bool:
        """Whether no such layer is there, as far as is known."""
        if self.note is not None:
            digest = recipes.noted(self.note)
            return digest is None or not store.path(digest).exists()
        return not store.path(layer.spec(self.pins, self.interpreter, compiled=self.compiled).digest).exists()

    def turned_out_to_be(self, spec: LayerSpec) -> None:
        """Keep for the next time which layer it was."""
        if self.note is not None:
            recipes.note(self.note, spec.digest)


def foresee(environments: Environments, wishes: Iterable[Wish]) -> Iterator[Foreseen | None]:
    """The delta layer of each environment that is wished for; None where a glance at its lock does not tell.

    There is none of any where uv has settings that each draft refuses, and would install to wherever they say.
    """
    if any(misplaced(environments.repository.root, environments.uv.environ)):
        return
    locks = LockStore(root=environments.repository.root, cache=environments.cache)
    for wish in wishes:
        yield None if wish.lowest or wish.target.layout == "flat" else _foreseen(environments, wish, locks)


def _foreseen(environments: Environments, wish: Wish, locks: LockStore) -> Foreseen | None:
    try:
        lock, interpreter = locks.committed(wish.target.lock), environments.interpreter(wish.python)
    except FumehoodError:  # which the draft says
        return None
    if lock is None or lock.damage or not lock.pins or not all(pin.version and pin.hashes for pin in lock.pins):
        return None
    note = None
    if any(pin.marker for pin in lock.pins):
        text = "\n".join(["layer", interpreter.identity, *map(lockfile.render_pin, lock.pins)])
        note = recipes.place(environments.cache, sha256(text.encode()).hexdigest())
    return Foreseen(pins=lock.pins, interpreter=interpreter, note=note)
