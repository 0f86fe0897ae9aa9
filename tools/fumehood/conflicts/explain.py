"""Why an experiment cannot be installed on core: the smallest set of lines, whose they are, and what would mend it."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Literal

from msgspec import Struct
from msgspec.structs import replace

from fumehood.conflicts.probe import Answer, BudgetError
from fumehood.conflicts.remedies import Search
from fumehood.conflicts.smallest import Smallest, not_needed, smallest
from fumehood.conflicts.static import clashes
from fumehood.errors import ConflictError, FumehoodError
from fumehood.locking.question import Question
from fumehood.locking.resolve import resolve
from fumehood.model.plural import counted
from fumehood.outside.uv import OutOfTimeError
from fumehood.reading.sources import without_credentials

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from fumehood.conflicts.probe import Prober
    from fumehood.conflicts.remedies import Remedy
    from fumehood.conflicts.static import Clash
    from fumehood.locking.book import LockBook
    from fumehood.model.experiment import Target
    from fumehood.model.requirement import Requirement

ELSEWHERE = (
    "the other lines cannot be resolved either: what is said to mend it was tried without them, so explain it once "
    "more afterwards"
)
OFFLINE = "found in uv's cache alone: a version that it lacks may make the lines hold together"
_MORE_INDEXES = ("UV_EXTRA_INDEX_URL", "UV_INDEX")
_LACKING = "uv's cache alone does not tell"


class Explanation(Struct, frozen=True, kw_only=True):
    """What there is to say about an experiment on core.

    Attributes:
        lines: The smallest set of lines that cannot hold together.
        proven: Whether it was shown that each of them is needed.
        reason: uv's explanation for these lines, in its own words; or why nothing could be decided.
        remedies: Each was resolved and found to work.
        asked: How many resolutions it took.
        remark: Why the set is not proven smallest.
        is_cut_short: Whether the time was used up before all changes that might mend it were tried.
        notes: What else limits the answer.
        indexes: Where there are several indexes: package, and the one that answered for it.
    """

    subject: str
    status: Literal["conflict", "ok", "undecided"]
    lines: tuple[Requirement, ...] = ()
    proven: bool = True
    reason: str = ""
    remedies: tuple[Remedy, ...] = ()
    asked: int = 0
    remark: str = ""
    is_cut_short: bool = False
    notes: tuple[str, ...] = ()
    indexes: tuple[tuple[str, str], ...] = ()


def explain(book: LockBook, prober: Prober, target: Target | None, scratch: Path) -> Explanation:
    """Explain why a target's lines and core's cannot hold together, if they cannot.

    Args:
        book: Lines and locks of the repository.
        prober: Answers whether lines hold together; its deadline is the time that the explanation may take.
        target: The experiment; None for core's own lines.
        scratch: An existing folder for files of this call.
    """
    return _Explaining(book, prober, target, scratch).explanation()


def lines_of(book: LockBook, target: Target | None) -> list[Requirement]:
    """Core's lines and a target's own, each once, without what only its source could name.

    A line that is read again with ``-r`` or ``-c`` is the same line: whoever wrote it can change it only once.
    """
    found: dict[tuple[object, str], Requirement] = {}
    for line in book.all_inputs(target).requirements:
        known = found.get((line.place, line.text))
        if (line.name or line.url) and (known is None or known.constraint):
            found[line.place, line.text] = line
    return list(found.values())


def found_offline(prober: Prober, lines: Sequence[Requirement], *, text: str) -> Smallest | None:
    """The smallest set of lines as far as the cache alone can tell; None where it lacks what it takes to tell.

    One line that fails by itself may only be missing from the cache, and what is at an address most likely is.
    """
    if any(line.url and prober.ask([line]).status != "holds" for line in lines):
        return None
    found = smallest(prober, lines, text=text)
    return found if found.proven and len(found.lines) > 1 else None


def diagnosed(prober: Prober, lines: Sequence[Requirement], question: Question, *, scratch: Path) -> Answer:
    """What it is that lines fail with the network: a conflict, or that something outside failed.

    Args:
        prober: It has seen them fail.
        lines: The lines.
        question: The same, in the way that tells one from the other.
        scratch: An existing folder for files of this call.

    Raises:
        BudgetError: There is no time left to ask.
    """
    try:
        pins = resolve(prober.uv, question, scratch=scratch)
    except ConflictError:
        prober.is_fresh = True
        return prober.ask(lines)
    except OutOfTimeError:
        raise BudgetError from None
    except FumehoodError as error:
        return Answer(status="undecided", text=without_credentials(error.reason))
    return prober.learn(lines, Answer(status="holds", pins=pins))


class _Explaining(Struct, frozen=True):
    book: LockBook
    prober: Prober
    target: Target | None
    scratch: Path

    @property
    def subject(self) -> str:
        return self.target.subject if self.target else "core"

    def explanation(self) -> Explanation:
        lines = lines_of(self.book, self.target)
        shown = clashes(lines, python=self.prober.python, settings=self.book.core_inputs.settings)
        try:
            return self._clash(lines, shown) if shown else self._resolved(lines)
        except BudgetError:
            reason = f"the time was used up after {counted(self.prober.asked, 'resolution')}"
            return Explanation(subject=self.subject, status="undecided", reason=reason, asked=self.prober.asked)

    def _clash(self, lines: list[Requirement], shown: tuple[Clash, ...]) -> Explanation:
        """What clashes in the lines alone is smallest by arithmetic, and needs no search."""
        first, *more = shown
        remark = "" if self.prober.uv.is_offline else self._needless(first)
        several = f"{len(more)} more such sets: `fumehood check` lists them"
        one = "1 more such set: `fumehood check` lists it"
        notes = (one if len(more) == 1 else several,) if more else ()
        found = Smallest(lines=first.lines, proven=not remark, remark=remark)
        # Where a file is named, uv may say of it that it is not there, which is not what keeps these lines apart.
        has_address = any(line.url for line in first.lines)
        return self._conflict(lines, found, text=first.as_finding("").message, notes=notes, is_shown=has_address)

    def _needless(self, clash: Clash) -> str:
        """What speaks against each line being needed: which versions exist, the lines alone do not know."""
        with contextlib.suppress(BudgetError):
            for line in clash.lines:
                rest = [other for other in clash.lines if other is not line]
                if rest and self.prober.ask(rest).status == "fails":
                    return not_needed(line)
        return ""

    def _resolved(self, lines: list[Requirement]) -> Explanation:
        answer = self.prober.ask(lines)
        if answer.status != "holds" and not self.prober.uv.is_offline:
            answer = self._diagnosed(lines)
        match answer.status:
            case "holds":
                indexes = self._indexes(lines, answer)
                return Explanation(subject=self.subject, status="ok", asked=self.prober.asked, indexes=indexes)
            case "undecided":
                return self._undecided(answer.text)
            case "fails" if self.prober.uv.is_offline:
                found = smallest(self.prober, lines, text=answer.text)
                if len(found.lines) == 1 or (not found.proven and not found.remark.startswith("the time")):
                    return self._undecided(f"{_LACKING}\n{answer.text}")
                return self._conflict(lines, found, text=answer.text, notes=(OFFLINE,))
            case "fails":
                return self._conflict(lines, smallest(self.prober, lines, text=answer.text), text=answer.text)

    def _undecided(self, reason: str) -> Explanation:
        asked = self.prober.asked
        return Explanation(subject=self.subject, status="undecided", reason=reason.strip(), asked=asked)

    def _diagnosed(self, lines: list[Requirement]) -> Answer:
        """What a failure is: a conflict, or a source that cannot be had, or a registry that does not answer."""
        inputs = self.book.all_inputs(self.target)
        question = Question(subject=self.subject, inputs=inputs, python=self.prober.python)
        return diagnosed(self.prober, lines, question, scratch=self.scratch)

    def _conflict(
        self,
        lines: list[Requirement],
        found: Smallest,
        *,
        text: str,
        notes: tuple[str, ...] = (),
        is_shown: bool = False,
    ) -> Explanation:
        mended: list[Remedy] = []
        reason, is_cut_short = "", False
        indexes: tuple[tuple[str, str], ...] = ()
        core = frozenset(self.book.core_inputs.requirements)
        search = Search(prober=self.prober, lines=lines, conflict=found.lines, core=core, folder=self.subject)
        try:
            answer = self.prober.ask(found.lines)
            reason = answer.text if answer.status == "fails" and not is_shown else ""
            for remedy in search.remedies():
                mended.append(remedy)  # noqa: PERF402 - what was found before the time is used up is kept
            indexes = self._indexes(found.lines, None)
        except BudgetError:
            is_cut_short = True
        return Explanation(
            subject=self.subject,
            status="conflict",
            lines=found.lines,
            proven=found.proven,
            reason=plain(reason or text),
            remedies=tuple(mended),
            asked=self.prober.asked,
            remark=found.remark,
            is_cut_short=is_cut_short,
            notes=(ELSEWHERE, *notes) if any(remedy.is_alone for remedy in mended) else notes,
            indexes=indexes,
        )

    def _indexes(self, lines: Sequence[Requirement], answer: Answer | None) -> tuple[tuple[str, str], ...]:
        """Which index answers for the packages of lines, where more than one could."""
        options, environ = self.prober.options, self.prober.uv.environ
        several = [options.index_url, *options.extra_index_urls, *(environ.get(name) for name in _MORE_INDEXES)]
        if not any(several[1:]):
            return ()
        names = {str(line.name) for line in lines if line.name and not line.url}
        known = dict(answer.indexes) if answer else {}
        for line in lines:
            if answer is None and line.name and not line.url:
                bare = replace(line, text=str(line.name), constraint=False)
                known |= dict(self.prober.ask([bare]).indexes)
        return tuple((name, known[name]) for name in sorted(names & known.keys()))


def plain(text: str) -> str:
    """The sentences of uv without the frame around them."""
    kept = []
    for line in text.splitlines():
        stripped = line.strip().removeprefix("cause:").strip()
        if stripped and not stripped.startswith(("error:", "hint:")):
            kept.append(stripped)
    return " ".join(kept) or text.strip()
