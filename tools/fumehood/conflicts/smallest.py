"""The smallest set of lines that cannot hold together: found by halving, with uv's text as a hint where to look first.

Few suspects are left out one by one. For k lines among many it asks about k times log2(n) + 1 questions at most: fewer
than QuickXplain where few lines clash, as is usual. Source: the dichotomic search of F. Hemery et al., "Extracting MUCs
from constraint networks", ECAI 2006. The hint decides nothing: what it points at is tried first, and every line of the
result is proven by resolving without it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from msgspec import Struct
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import canonicalize_name

from fumehood.conflicts.probe import BudgetError
from fumehood.model.plural import counted
from fumehood.reading.sources import without_credentials

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from fumehood.conflicts.probe import Asker
    from fumehood.model.requirement import Requirement

_FEW = 6
"""So many lines are quicker left out one by one than halved."""

_QUOTED = re.compile(r"\b([A-Za-z0-9][A-Za-z0-9._-]*?)((?:[<>=!~]=?=?[A-Za-z0-9.*+!-]*[A-Za-z0-9*],?)+)")
_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


class Smallest(Struct, frozen=True, kw_only=True):
    """Lines that cannot hold together.

    Attributes:
        lines: In the order in which they were given.
        proven: Whether it was shown that without any one of them the rest hold together.
        remark: Why it is not proven.
    """

    lines: tuple[Requirement, ...]
    proven: bool
    remark: str = ""


def smallest(asker: Asker, lines: Sequence[Requirement], *, text: str) -> Smallest:
    """Reduce lines that fail together to those that are needed for it.

    Args:
        asker: Answers whether lines hold together.
        lines: Different lines that fail together.
        text: uv's explanation of that.
    """
    suspects = list(lines)
    try:
        for hint in (_quoted_in(text, lines), named_in(text, lines)):
            if hint and len(hint) < len(suspects) and asker.ask(hint).status == "fails":
                suspects = hint
                break
        found = _without_needless(asker, suspects) if len(suspects) <= _FEW else _needed(asker, suspects)
        suspects = [line for line in lines if line in found]
        unproven = [line for line in suspects if not _holds_without(asker, suspects, line)]
    except BudgetError:
        return _as_far_as(asker, lines)
    if unproven:
        remark = not_needed(unproven[0])
        return Smallest(lines=tuple(suspects), proven=False, remark=remark)
    return Smallest(lines=tuple(suspects), proven=True)


def not_needed(line: Requirement) -> str:
    """A remark about a line that is not shown to be needed, since the others fail without it too."""
    return f"without {without_credentials(line.shown)} it could not be resolved either"


def named_in(text: str, lines: Iterable[Requirement]) -> list[Requirement]:
    """The lines whose package a text names, and those that do not say their name; nothing more than a hint."""
    words = {canonicalize_name(word.rstrip(".")) for word in _WORD.findall(text)}
    return [line for line in lines if line.name is None or line.name in words]


def pointed_at(text: str, lines: Sequence[Requirement]) -> Requirement | None:
    """The line to look at first: one that a text quotes, else one whose package it names, else the first."""
    return next(iter((*_quoted_in(text, lines), *named_in(text, lines), *lines)), None)


def _quoted_in(text: str, lines: Iterable[Requirement]) -> list[Requirement]:
    """The lines that a text quotes with their bounds; a sharper hint than names alone."""
    quoted = {(canonicalize_name(name), _bounds(bounds)) for name, bounds in _QUOTED.findall(text)}
    return [line for line in lines if line.name and line.specifier and (line.name, line.specifier) in quoted]


def _bounds(text: str) -> SpecifierSet:
    try:
        return SpecifierSet(text)
    except InvalidSpecifier:
        return SpecifierSet()


def _holds_without(asker: Asker, lines: Iterable[Requirement], left_out: Requirement) -> bool:
    rest = [line for line in lines if line is not left_out]
    return not rest or asker.ask(rest).status == "holds"


def _as_far_as(asker: Asker, lines: Sequence[Requirement]) -> Smallest:
    """What is known when time runs out: the fewest lines that were seen to fail."""
    fewest = asker.fewest(lines) or lines
    remark = f"the time was used up after {counted(asker.asked, 'resolution')}; fewer of these lines may clash already"
    return Smallest(lines=tuple(fewest), proven=False, remark=remark)


def _without_needless(asker: Asker, lines: Sequence[Requirement]) -> list[Requirement]:
    """The same as `_needed`, for few lines: each is left out once, which shows at the same time that it is needed."""
    kept = list(lines)
    for line in reversed(lines):
        rest = [other for other in kept if other is not line]
        if rest and asker.ask(rest).status == "fails":
            kept = rest
    return kept


def _needed(asker: Asker, lines: Sequence[Requirement]) -> list[Requirement]:
    """The lines of which none can be left out for them to fail, last one first.

    The shortest beginning of the lines that fails ends with a line that is needed. With that one kept, the same is
    asked of the lines before it, until those that are kept fail by themselves.
    """
    kept: list[Requirement] = []
    left = list(lines)
    while left and not (kept and asker.ask(kept).status == "fails"):
        lowest, highest = 1, len(left)
        while lowest < highest:
            middle = (lowest + highest) // 2
            if asker.ask([*kept, *left[:middle]]).status == "fails":
                highest = middle
            else:
                lowest = middle + 1
        kept.append(left[lowest - 1])
        left = left[: lowest - 1]
    return kept
