"""From a full resolution of core and an experiment to the delta: only what core's lock does not already say."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fumehood.model.lock import Header, LayeredLock, Lock, Pin, by_name
from fumehood.model.markers import universal

if TYPE_CHECKING:
    from collections.abc import Iterable


def delta_of(core: Lock, resolved: Iterable[Pin], header: Header) -> LayeredLock:
    """The layered lock whose pins are the resolution's.

    Args:
        core: Core's lock.
        resolved: Everything that core's and the experiment's lines resolve to together.
        header: The delta's header; its ``removes`` is filled in here.

    Two spellings of a package's pins count as the same when every environment that the delta serves gets the same
    pin from both: uv writes markers shorter when it resolves for fewer Python versions.
    """
    core_pins, full = by_name(core.pins), by_name(resolved)
    own = [
        pin for name, pins in full.items() if not _same(core_pins.get(name, ()), pins, header.python) for pin in pins
    ]
    removed = tuple(sorted(name for name in core_pins if name not in full and _served(core_pins[name], header.python)))
    complete = Header(inputs=header.inputs, python=header.python, core=header.core, removes=removed)
    return LayeredLock(core=core, delta=Lock(header=complete, pins=tuple(sorted(own))))


def fit(first: tuple[Pin, ...], second: tuple[Pin, ...], python: str) -> bool:
    """Whether two spellings of a package's pins say the same in every environment in which both say something."""
    if not first or not second or first == second:
        return True
    return all(
        here == there
        for environment in universal(python)
        if (here := [_bare(pin) for pin in first if environment.admits(pin.marker)])
        and (there := [_bare(pin) for pin in second if environment.admits(pin.marker)])
    )


def _same(core: tuple[Pin, ...], own: tuple[Pin, ...], python: str) -> bool:
    if core == own:
        return True
    if not core:
        return False
    return all(
        [_bare(pin) for pin in core if environment.admits(pin.marker)]
        == [_bare(pin) for pin in own if environment.admits(pin.marker)]
        for environment in universal(python)
    )


def _served(pins: tuple[Pin, ...], python: str) -> bool:
    """Whether any environment gets the package at all; one that none gets need not be removed."""
    return any(environment.admits(pin.marker) for pin in pins for environment in universal(python))


def _bare(pin: Pin) -> tuple[str, tuple[str, ...]]:
    return pin.requirement, pin.hashes
