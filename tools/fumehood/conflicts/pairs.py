"""Which experiments could share one environment: what locks and lines tell of that, without any resolution.

Two locks on one core are a certificate for both experiments together, if they agree on every package that both
environments have. Then what either of them was resolved with is there at the very versions it was resolved to, so every
package has what it requires; what is left to look at are the lines of each about packages that only the other brings.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal

from msgspec import Struct, field

from fumehood.locking.certificate import breaches
from fumehood.locking.delta import fit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from packaging.utils import NormalizedName

    from fumehood.model.experiment import Target
    from fumehood.model.lock import Pin
    from fumehood.model.requirement import Requirement
    from fumehood.reading.sources import Inputs

Outcome = Literal["fits", "conflict", "undecided"]

_PYTHON = re.compile(r"(?:python)?(pypy)?-?(\d+(?:\.\d+)?)[.\d]*(t?)")


class Member(Struct, frozen=True, kw_only=True):
    """One experiment, as it is on core by itself.

    Attributes:
        outcome: Whether it fits on core by itself.
        reason: Why it does not, or why that could not be decided.
        inputs: Its own lines.
        delta: What it has instead of core's pins; nothing for a package of core's that it removes.
    """

    name: str
    target: Target
    outcome: Outcome
    reason: str = ""
    inputs: Inputs
    delta: Mapping[NormalizedName, tuple[Pin, ...]] = field(default_factory=dict)


class Verdict(Struct, frozen=True, kw_only=True):
    """Whether experiments could share an environment.

    Attributes:
        reason: Of a conflict, or why nothing could be decided.
        lines: The lines that cannot hold together, where they are known.
        certified: Whether locks told it.
    """

    outcome: Outcome
    reason: str = ""
    lines: tuple[Requirement, ...] = ()
    certified: bool = False


class Pair(Struct, frozen=True, kw_only=True):
    """Two experiments; the first is named before the second in the order of names."""

    first: str
    second: str
    verdict: Verdict


class Sharing(Struct, frozen=True, kw_only=True):
    """Which experiments could share an environment.

    Attributes:
        alone: Each experiment on core by itself, sorted by name.
        pairs: Every pair once, sorted.
        groups: Experiments that fit into one environment together, the largest group first; each experiment is in one
            group at most.
    """

    alone: tuple[tuple[str, Verdict], ...]
    pairs: tuple[Pair, ...]
    groups: tuple[tuple[str, ...], ...]


def common_pythons(targets: Iterable[Target]) -> tuple[str, ...] | None:
    """The Python versions that all of them run on; empty for any that core supports, None where they have none."""
    named = [dict.fromkeys(map(_python, target.pythons)) for target in targets if target.pythons]
    if not named:
        return ()
    return tuple(python for python in named[0] if all(python in other for other in named)) or None


def _python(text: str) -> str:
    """An interpreter in one spelling: ``python3.12`` and ``3.12.1`` are ``3.12``."""
    match = _PYTHON.fullmatch(text)
    return "".join(part or "" for part in match.groups()) if match else text


def is_certified(first: Member, second: Member, *, core: Mapping[NormalizedName, tuple[Pin, ...]], python: str) -> bool:
    """Whether the locks of two experiments prove that they fit together.

    Args:
        first: An experiment that fits on core.
        second: Another.
        core: The pins of the core lock that both were resolved on.
        python: Lower bound of the Python versions that they have in common.
    """
    one, other = first.delta, second.delta
    if _nameless(one) != _nameless(other):
        return False  # Only the source knows which package it is, so the other may have that very package.
    for name in {**one, **other}:
        pins = core.get(name, ())
        if not fit(one.get(name, pins), other.get(name, pins), python):
            return False
    # What one of them removes from core's packages, the other brings along with core.
    brought = {**{name: core.get(name, ()) for name in one if not one[name]}, **other}
    back = {**{name: core.get(name, ()) for name in other if not other[name]}, **one}
    return not (_broken(first, brought, python) or _broken(second, back, python))


def _nameless(delta: Mapping[NormalizedName, tuple[Pin, ...]]) -> set[str]:
    return {pin.url for pins in delta.values() for pin in pins if pin.is_local and pin.name == pin.url}


def _broken(member: Member, brought: Mapping[NormalizedName, tuple[Pin, ...]], python: str) -> bool:
    """Whether a line of an experiment does not admit what another brings; a constraint may not, or a marked line."""
    own = member.delta
    about = {name: pins for name, pins in brought.items() if pins and own.get(name) != pins}
    lines = [line for line in member.inputs.requirements if line.name in about]
    together = {name: (*own.get(name, ()), *pins) for name, pins in about.items()}
    return bool(lines) and bool(breaches(lines, together, python=python))


def groups(
    fitting: Mapping[str, frozenset[str]], holds: Callable[[Sequence[str]], bool]
) -> tuple[tuple[str, ...], ...]:
    """Sets of experiments that fit into one environment, the largest first: greedy, and in an order of its own.

    Args:
        fitting: For each experiment those that it fits with, pair by pair.
        holds: Whether three or more fit together, all at once; what holds does so without some of them too.
    """
    left, found = set(fitting), list[tuple[str, ...]]()
    while left:
        order = sorted(left, key=lambda name: (-len(fitting[name] & left), name))
        clique, candidates = [order[0]], fitting[order[0]] & left
        for name in order:
            if name in candidates:
                clique.append(name)
                candidates &= fitting[name]
        group = _longest(clique, holds)
        left.difference_update(group)
        if len(group) > 1:
            found.append(tuple(sorted(group)))
    return tuple(sorted(found, key=lambda group: (-len(group), group)))


def _longest(clique: list[str], holds: Callable[[Sequence[str]], bool]) -> list[str]:
    """The longest beginning of a clique that holds as a whole; of what fits in pairs, two always do."""
    if len(clique) <= 2 or holds(clique):  # noqa: PLR2004 - a pair
        return clique
    good, bad = 2, len(clique)
    while bad - good > 1:
        middle = (good + bad) // 2
        if holds(clique[:middle]):
            good = middle
        else:
            bad = middle
    return clique[:good]
