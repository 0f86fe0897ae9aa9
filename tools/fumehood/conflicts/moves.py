"""Which pins a change moves: arithmetic on two sets of pins, nothing is resolved here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fumehood.model.lock import PinChange, by_name, what_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from fumehood.model.lock import Pin

    Pins = tuple[Pin, ...]


def models(
    lines: Mapping[str, frozenset[tuple[str, bool]]],
    now: Mapping[str, Pins],
    will: Mapping[str, Pins],
    shared: Mapping[str, PinChange],
) -> dict[str, str]:
    """Experiments, each with a model: one whose lines it has too, and for which the same pins would move.

    More lines can only hold packages back further: what resolving all lines together gives the model, if that is what
    the model would get alone, is the newest that the others could get.

    Args:
        lines: What those lines of each say that core's pins do not satisfy anyway, and whether they are constraints.
        now: What each could have now, as resolving all lines together told.
        will: What each could have then, told in the same way.
        shared: What moves for core anyway, by package.
    """
    groups: dict[tuple[PinChange, ...], list[str]] = {}
    for subject in sorted(now.keys() & will.keys() & lines.keys(), key=lambda subject: (len(lines[subject]), subject)):
        groups.setdefault(own_moves(now[subject], will[subject], shared), []).append(subject)
    return {
        subject: model
        for moves, (model, *others) in groups.items()
        for subject in others
        if moves and lines[model] <= lines[subject]
    }


def own_moves(before: Iterable[Pin], after: Iterable[Pin], shared: Mapping[str, PinChange]) -> tuple[PinChange, ...]:
    """What moves beyond what moves for core anyway."""
    return tuple(move for move in moved_between(before, after) if shared.get(move.name) != move)


def moved_between(before: Iterable[Pin], after: Iterable[Pin]) -> tuple[PinChange, ...]:
    """Every package whose pin differs, sorted by name."""
    old, new = versions_of(before), versions_of(after)
    return tuple(
        PinChange(name=name, before=old.get(name, ""), after=new.get(name, ""))
        for name in sorted(set(old) | set(new))
        if old.get(name) != new.get(name)
    )


def versions_of(pins: Iterable[Pin]) -> Mapping[str, str]:
    """Package and version, or address; several in the order of their pins."""
    return {str(name): what_of(group) for name, group in by_name(pins).items()}
