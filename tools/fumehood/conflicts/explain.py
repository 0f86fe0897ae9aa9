"""Why an experiment cannot be installed on core: the smallest set of lines, whose they are, and what would mend it."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from fumehood.conflicts.probe import BudgetError
from fumehood.conflicts.remedies import remedies
from fumehood.conflicts.smallest import Smallest, smallest
from fumehood.conflicts.static import clashes
from fumehood.errors import ConflictError, FumehoodError
from fumehood.locking import resolve

if TYPE_CHECKING:
    from pathlib import Path

    from fumehood.conflicts.probe import Prober
    from fumehood.conflicts.remedies import Remedy
    from fumehood.locking.book import LockBook
    from fumehood.model.experiment import Target
    from fumehood.model.requirement import Requirement


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """What there is to say about an experiment on core.

    Attributes:
        lines: The smallest set of lines that cannot hold together.
        proven: Whether it was shown that each of them is needed.
        reason: uv's explanation for these lines, in its own words; or why nothing could be decided.
        remedies: Each was resolved and found to work.
        asked: How many resolutions it took.
        remark: What limits the answer, such as time that was used up.
    """

    subject: str
    status: Literal["conflict", "ok", "undecided"]
    lines: tuple[Requirement, ...] = ()
    proven: bool = True
    reason: str = ""
    remedies: tuple[Remedy, ...] = ()
    asked: int = 0
    remark: str = ""


def explain(book: LockBook, prober: Prober, target: Target, scratch: Path) -> Explanation:
    """Explain why a target's lines and core's cannot hold together, if they cannot.

    Args:
        book: Lines and locks of the repository.
        prober: Answers whether lines hold together; its deadline is the time that the explanation may take.
        target: The experiment.
        scratch: An existing folder for files of this call.
    """
    lines = lines_of(book, target)
    try:
        answer = prober.ask(lines)
        if answer.status == "holds":
            return Explanation(subject=target.subject, status="ok", asked=prober.asked)
        shown = clashes(lines, python=prober.python)
        if not shown and (why := _undecided(book, prober, target, scratch)):
            return Explanation(subject=target.subject, status="undecided", reason=why, asked=prober.asked)
    except BudgetError:
        remark = f"the time was used up after {prober.asked} resolutions"
        return Explanation(subject=target.subject, status="undecided", reason=remark, asked=prober.asked)
    # What clashes in the lines alone is smallest by arithmetic, and needs no search.
    found = Smallest(lines=shown[0].lines, proven=True) if shown else _searched(prober, lines, text=answer.text)
    mended = tuple(remedies(prober, lines, found.lines, core=frozenset(book.core_inputs.requirements)))
    return Explanation(
        subject=target.subject,
        status="conflict",
        lines=found.lines,
        proven=found.proven,
        reason=_plain(_reason(prober, found) or answer.text),
        remedies=mended,
        asked=prober.asked,
        remark=found.remark,
    )


def lines_of(book: LockBook, target: Target) -> list[Requirement]:
    """Core's lines and a target's own, without what only its source could name."""
    inputs = book.core_inputs + book.inputs(target)
    return [line for line in inputs.requirements if line.name is not None or line.url]


def _searched(prober: Prober, lines: list[Requirement], *, text: str) -> Smallest:
    """The smallest set, confirmed with the network: the cache alone may have lacked what makes it hold."""
    found = smallest(prober, lines, text=text)
    with contextlib.suppress(BudgetError):
        if prober.confirm(found.lines).status != "fails":
            found = smallest(prober, lines, text=text)
    return found


def _reason(prober: Prober, found: Smallest) -> str:
    with contextlib.suppress(BudgetError):
        return prober.ask(found.lines).text
    return ""


def _undecided(book: LockBook, prober: Prober, target: Target, scratch: Path) -> str | None:
    """Why a failure is no conflict: a source that cannot be had, or a registry that does not answer."""
    inputs = book.core_inputs + book.inputs(target)
    question = resolve.Question(subject=target.subject, inputs=inputs, python=prober.python)
    try:
        resolve.resolve(prober.uv, question, root=book.repository.root, scratch=scratch)
    except ConflictError:
        return None
    except FumehoodError as error:
        return str(error)
    return None


def _plain(text: str) -> str:
    """The sentences of uv without the frame around them."""
    kept = []
    for line in text.splitlines():
        stripped = line.strip().removeprefix("cause:").strip()
        if stripped and not stripped.startswith(("error:", "hint:")):
            kept.append(stripped)
    return " ".join(kept) or text.strip()
