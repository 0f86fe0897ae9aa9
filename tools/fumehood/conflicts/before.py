"""What experiments have now, to tell what a change of core would move: with as few resolutions as it takes."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from packaging.version import InvalidVersion, Version

from fumehood.conflicts.static import clashes
from fumehood.conflicts.together import versions
from fumehood.errors import FumehoodError
from fumehood.locking.obtain import known, remember
from fumehood.model.lock import LayeredLock, by_name

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fumehood.conflicts.together import Pins
    from fumehood.locking.book import LockBook
    from fumehood.locking.many import Resolutions
    from fumehood.model.experiment import Target
    from fumehood.model.lock import Lock


def locked(book: LockBook, core: Lock, targets: Sequence[Target]) -> dict[str, Pins]:
    """What experiments have by their locks, or by what was resolved before."""
    found: dict[str, Pins] = {}
    for target in targets:
        with contextlib.suppress(FumehoodError):  # Its effect says what is the matter.
            delta = book.store.committed(target.lock)
            lock = LayeredLock(core=core, delta=delta) if delta and not delta.damage else None
            lock = lock or known(book, target, core)
            if lock:
                found[target.subject] = lock.pins
    return found


def resolved(book: LockBook, core: Lock, targets: Sequence[Target], resolutions: Resolutions) -> dict[str, Pins]:
    """What experiments without a lock resolve to; left out where they do not."""
    possible: dict[str, Target] = {}
    for target in targets:
        with contextlib.suppress(FumehoodError):  # Its effect says what is the matter.
            inputs = book.all_inputs(target)
            if not clashes(inputs.requirements, python=book.python(target), settings=inputs.settings):
                possible[target.subject] = target
    found = resolutions.answers(book.question(target, core) for target in possible.values())
    for subject, pins in found.items():
        remember(book, possible[subject], core, pins)
    return found


def is_likely(now: Pins, after: Pins, core: Lock, core_after: Lock) -> bool:
    """Whether pins that an experiment could have now are what it would get alone, given what it would have.

    The same packages are needed, but for those that are new in core, and none is older than it will be: all that other
    experiments can do is to hold a package back.
    """
    in_core = by_name(core.pins)
    here, there = (
        {name: group for name, group in by_name(pins).items() if name not in in_core} for pins in (now, after)
    )
    if not there.keys() - by_name(core_after.pins).keys() <= here.keys() <= there.keys():
        return False
    return not any(_may_be_held_back(here[name], there[name]) for name in here)


def _may_be_held_back(now: Pins, after: Pins) -> bool:
    if versions(now) == versions(after):
        return False
    try:
        return min(Version(pin.version) for pin in now) < max(Version(pin.version) for pin in after)
    except InvalidVersion:
        return True
