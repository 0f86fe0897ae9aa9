"""What one file has of another: runs of equal tokens, joined where only little was changed between them.

Whether such a run is a copy is told by its names. In a copy most are the same; in a renamed copy each old name has its
new one, again and again. Code that merely has the same shape, such as two tables of settings, has neither. What is
mostly heads of functions is no copy: who overrides a method, or offers another way behind the same call, has to write
them as they are.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING

from msgspec import Struct

from fumehood.copies.fingerprints import ROW, rows
from fumehood.copies.tokens import DEF, KEYWORD

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from fumehood.copies.tokens import Code

SMALLEST = 80
"""Tokens that a copy has at least: ten lines or so, which one would rather import than write again."""

_WIDEST_GAP = 40
"""Tokens that may have been changed between two runs of one copy."""
_SAME_NAMES = 0.8
_SAME_NAMES_IN_A_TABLE = 0.97
_TOKENS_A_KEYWORD = 40
"""Where keywords are rarer, there are no statements: settings, declarations or one long call."""
_CONSISTENT = 0.95
_REPEATED_RENAMINGS = 5
"""How many names have the same new name more than once; a table with another keyword in each row has few."""
_OCCURRENCES = 20
"""How often a row may occur in the original and still be looked at: a table repeats its rows."""
_VALUES = frozenset({"False", "None", "True"})
_WITH_SPELLING = frozenset(b"nsd")
_OPENING, _CLOSING, _COLON = frozenset(b"([{"), frozenset(b")]}"), ord(":")


class Lines(Struct, frozen=True, order=True, kw_only=True):
    """Lines of a file, both ends included, counted from 1."""

    first: int
    last: int

    def __str__(self) -> str:
        return f"{self.first}-{self.last}" if self.last > self.first else str(self.first)


class Copy(Struct, frozen=True, order=True, kw_only=True):
    """A part of one file that another has too.

    Attributes:
        lines: Where it stands in the file that has it from elsewhere.
        original: The other file.
        original_lines: Where it stands there.
        tokens: How many tokens are equal but for their names.
        renamed: Whether it shows itself by its renamings, most names being others.
    """

    lines: Lines
    original: str
    original_lines: Lines
    tokens: int
    renamed: bool


class _Run(Struct, frozen=True):
    """Tokens of equal kinds: from a position in one file and one in the other."""

    here: int
    there: int
    length: int

    @property
    def end(self) -> int:
        return self.here + self.length

    @property
    def end_there(self) -> int:
        return self.there + self.length


def copies_in(code: Code, originals: Mapping[str, Code]) -> tuple[Copy, ...]:
    """The copies in a file, in its order; of each part only the original that it is most like.

    Args:
        code: The file.
        originals: The files that it may have something from, by path.
    """
    heads = _heads(code.kinds)
    chains = [
        (path, chain, verdict)
        for path, original in originals.items()
        for chain in _chains(_runs(code, original))
        if 2 * sum(sum(heads[run.here : run.end]) for run in chain) <= sum(run.length for run in chain)
        and (verdict := _judge(code, original, chain)) is not None
    ]
    chains.sort(key=lambda item: (-item[2].same, item[0], item[1][0].here))
    taken = bytearray(code.size)
    found = []
    for path, chain, verdict in chains:
        size = sum(run.length for run in chain)
        fresh = size - sum(sum(taken[run.here : run.end]) for run in chain)
        if 2 * fresh < size or fresh < SMALLEST:
            continue
        for run in chain:
            taken[run.here : run.end] = b"\1" * run.length
        found.append(_copy(code, originals[path], path, chain, fresh, renamed=verdict.renamed))
    return tuple(sorted(found))


def _copy(code: Code, original: Code, path: str, chain: Sequence[_Run], tokens: int, *, renamed: bool) -> Copy:
    first, last = chain[0], chain[-1]
    return Copy(
        lines=Lines(first=code.lines[first.here], last=code.lines[last.end - 1]),
        original=path,
        original_lines=Lines(first=original.lines[first.there], last=original.lines[last.end_there - 1]),
        tokens=tokens,
        renamed=renamed,
    )


def _heads(kinds: bytes) -> bytearray:
    """A 1 for each token from a `def` up to the colon that ends it."""
    found, inside, depth = bytearray(len(kinds)), False, 0
    for position, kind in enumerate(kinds):
        if kind == DEF:
            inside, depth = True, 0
        found[position] = inside
        depth += (kind in _OPENING) - (kind in _CLOSING)
        inside = inside and not (kind == _COLON and depth <= 0)
    return found


def _runs(code: Code, original: Code) -> list[_Run]:
    """The longest runs first, none of them over another in either file."""
    places: defaultdict[int, list[int]] = defaultdict(list)
    for position, row in rows(original):
        places[row].append(position)
    reached: dict[int, int] = {}
    found: list[_Run] = []
    for here, row in rows(code):
        for there in places.get(row, ())[:_OCCURRENCES]:
            diagonal = here - there
            if reached.get(diagonal, -1) < here:
                run = _extended(code.kinds, original.kinds, here, there)
                reached[diagonal] = max(run.end, here + 1)
                found.append(run)
    found.sort(key=lambda run: (-run.length, run.here, run.there))
    here_taken, there_taken = bytearray(code.size), bytearray(original.size)
    chosen = []
    for run in found:
        if run.length < ROW - 1 or any(here_taken[run.here : run.end]) or any(there_taken[run.there : run.end_there]):
            continue
        here_taken[run.here : run.end] = there_taken[run.there : run.end_there] = b"\1" * run.length
        chosen.append(run)
    return sorted(chosen, key=lambda run: run.here)


def _extended(mine: bytes, theirs: bytes, here: int, there: int) -> _Run:
    """The whole run around two positions with equal tokens."""
    start, start_there = here, there
    while start and start_there and mine[start - 1] == theirs[start_there - 1]:
        start, start_there = start - 1, start_there - 1
    end, end_there = here, there
    while end < len(mine) and end_there < len(theirs) and mine[end] == theirs[end_there]:
        end, end_there = end + 1, end_there + 1
    return _Run(start, start_there, end - start)


def _chains(runs: Iterable[_Run]) -> list[list[_Run]]:
    """Runs that follow each other in both files with little between them are one copy."""
    chains: list[list[_Run]] = []
    for run in runs:
        for chain in reversed(chains):
            last = chain[-1]
            if 0 <= run.here - last.end <= _WIDEST_GAP and 0 <= run.there - last.end_there <= _WIDEST_GAP:
                chain.append(run)
                break
        else:
            chains.append([run])
    return chains


class _Verdict(Struct, frozen=True):
    """Why a chain of runs counts as a copy.

    Attributes:
        same: How many of its tokens are spelled alike.
        renamed: Whether its renamings show it rather than its names.
    """

    same: int
    renamed: bool


def _judge(code: Code, original: Code, chain: Sequence[_Run]) -> _Verdict | None:
    size = sum(run.length for run in chain)
    if size < SMALLEST:
        return None
    pairs = Counter(
        (code.spellings[run.here + step], original.spellings[run.there + step])
        for run in chain
        for step in range(run.length)
        if code.kinds[run.here + step] in _WITH_SPELLING
    )
    total = pairs.total()
    other = {pair: count for pair, count in pairs.items() if pair[0] != pair[1]}
    differing = sum(other.values())
    same = size - differing
    is_table = _statements(code, chain) * _TOKENS_A_KEYWORD < size
    if total - differing >= (_SAME_NAMES_IN_A_TABLE if is_table else _SAME_NAMES) * total:
        return _Verdict(same, renamed=False)
    if is_table:
        return None
    repeated = sum(count > 1 for count in other.values())
    if _consistent(pairs) >= _CONSISTENT * total and repeated >= _REPEATED_RENAMINGS:
        return _Verdict(same, renamed=True)
    return None


def _statements(code: Code, chain: Sequence[_Run]) -> int:
    """How many keywords there are in runs, but for those that are values."""
    return sum(
        kind >= KEYWORD and code.spellings[run.here + step] not in _VALUES
        for run in chain
        for step, kind in enumerate(code.kinds[run.here : run.end])
    )


def _consistent(pairs: Counter[tuple[str, str]]) -> int:
    """How many tokens follow the renaming that their name has most often, seen from either file."""
    counts = []
    for side in (0, 1):
        best: dict[str, int] = {}
        for pair, count in pairs.items():
            best[pair[side]] = max(best.get(pair[side], 0), count)
        counts.append(sum(best.values()))
    return min(counts)
