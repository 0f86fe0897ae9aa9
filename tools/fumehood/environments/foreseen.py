"""The layers that committed locks ask for, taken at their word, so that they can be made while locks are checked.

A layer is what its name says, whether or not the lock that asks for it turns out to be current: at worst one is made
that nobody uses, and goes with the next `gc`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fumehood.environments import layer
from fumehood.environments.plan import applicable
from fumehood.errors import FumehoodError
from fumehood.locking.store import LockStore

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from fumehood.environments.layer import LayerSpec
    from fumehood.environments.manager import Environments, Wish


def deltas(environments: Environments, wishes: Iterable[Wish]) -> Iterator[LayerSpec]:
    """The delta layers of the environments that are wished for, as far as a glance at their locks tells."""
    locks = LockStore(root=environments.repository.root, cache=environments.cache)
    for wish in wishes:
        if wish.lowest or wish.target.layout == "flat":
            continue
        try:
            lock = locks.committed(wish.target.lock)
            interpreter = environments.interpreter(wish.python)
        except FumehoodError:  # which the draft says
            continue
        pins = applicable(lock.pins, interpreter) if lock and not lock.damage else ()
        if pins and all(pin.version and pin.hashes for pin in pins):
            yield layer.spec(pins, interpreter, compiled=False)
