"""The smallest set of lines that cannot hold together: QuickXplain, with uv's text as a hint where to look first.

Source: U. Junker, "QuickXplain: preferred explanations and relaxations for over-constrained problems", AAAI 2004. The
hint decides nothing: what it points at is tried first, and every line of the result is proven by resolving without it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name

from fumehood.conflicts.probe import BudgetError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from fumehood.conflicts.probe import Asker
    from fumehood.model.requirement import Requirement

_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Smallest:
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
        named = named_in(text, lines)
        if named and len(named) < len(suspects) and asker.ask(named).status == "fails":
            suspects = named
        found = _quick_xplain(asker, [], suspects, grown=False)
        suspects = [line for line in lines if line in found]
        unproven = [line for line in suspects if not _holds_without(asker, suspects, line)]
    except BudgetError:
        return _as_far_as(asker, lines)
    if unproven:
        remark = f"without {unproven[0].text} it could not be resolved either"
        return Smallest(lines=tuple(suspects), proven=False, remark=remark)
    return Smallest(lines=tuple(suspects), proven=True)


def named_in(text: str, lines: Iterable[Requirement]) -> list[Requirement]:
    """The lines whose package a text names, and those that do not say their name; nothing more than a hint."""
    words = {canonicalize_name(word.rstrip(".")) for word in _WORD.findall(text)}
    return [line for line in lines if line.name is None or line.name in words]


def _holds_without(asker: Asker, lines: Iterable[Requirement], left_out: Requirement) -> bool:
    rest = [line for line in lines if line is not left_out]
    return not rest or asker.ask(rest).status == "holds"


def _as_far_as(asker: Asker, lines: Sequence[Requirement]) -> Smallest:
    """What is known when time runs out: the fewest lines that were seen to fail."""
    fewest = asker.fewest() or frozenset(lines)
    remark = f"the time was used up after {_resolutions(asker.asked)}; fewer of these lines may clash already"
    return Smallest(lines=tuple(line for line in lines if line in fewest), proven=False, remark=remark)


def _resolutions(count: int) -> str:
    return f"{count} resolution{'' if count == 1 else 's'}"


def _quick_xplain(
    asker: Asker, background: list[Requirement], lines: list[Requirement], *, grown: bool
) -> list[Requirement]:
    """The lines that together with the background are needed to fail.

    Args:
        asker: Answers whether lines hold together.
        background: Lines that are in the set for certain, or are not to be looked at now.
        lines: Candidates; together with the background they fail.
        grown: Whether the background has grown since it was last asked about.
    """
    if grown and asker.ask(background).status == "fails":
        return []
    if len(lines) == 1:
        return lines
    half = len(lines) // 2
    first, second = lines[:half], lines[half:]
    from_second = _quick_xplain(asker, background + first, second, grown=True)
    from_first = _quick_xplain(asker, background + from_second, first, grown=bool(from_second))
    return from_first + from_second
