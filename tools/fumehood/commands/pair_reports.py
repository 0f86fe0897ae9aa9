"""Which experiments could share an environment, for people and for programs: pure functions from values to text."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

from rich.text import Text

from fumehood.commands.reports import as_json
from fumehood.model.plural import counted
from fumehood.reading.sources import without_credentials

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from fumehood.conflicts.pairs import Outcome, Pair, Sharing, Verdict

_CELLS: Mapping[Outcome, str] = {"fits": "·", "conflict": "x", "undecided": "?"}
_STYLES: Mapping[Outcome, str] = {"fits": "green", "conflict": "red", "undecided": "yellow"}
_LEGEND = "· could share   x conflict   ? not decided"
_LONGEST_NAME = 32
_FEWEST_CELLS = 10


def pairs_json(sharing: Sharing) -> str:
    """The answer of ``fumehood check --pairs --format json``."""
    return as_json(
        experiments=[name for name, _ in sharing.alone],
        pairs=[
            {
                "first": pair.first,
                "second": pair.second,
                "outcome": pair.verdict.outcome,
                "reason": _reason(pair.verdict),
            }
            for pair in sharing.pairs
        ],
        groups=[list(group) for group in sharing.groups],
    )


def _reason(verdict: Verdict) -> str:
    if not verdict.lines:
        return verdict.reason
    lines = " and ".join(f"{line.place}: {line.shown}" for line in verdict.lines)
    return without_credentials(f"{lines} cannot hold together")


def pairs_text(sharing: Sharing, *, width: int) -> Text:
    """The answer of ``fumehood check --pairs`` for people: a matrix that reads without its colours."""
    if not sharing.alone:
        return Text("there are no experiments")
    parts = [Text(_summary(sharing)), *_matrix(sharing, width), Text(_LEGEND)]
    parts += [Text(part) for part in (_groups(sharing, width), _alone(sharing, width), _causes(sharing, width)) if part]
    return Text("\n\n").join(parts)


def _summary(sharing: Sharing) -> str:
    outcomes = [pair.verdict.outcome for pair in sharing.pairs]
    words: Mapping[Outcome, str] = {"fits": "could share", "conflict": "in conflict", "undecided": "not decided"}
    parts = [f"{outcomes.count(outcome)} {text}" for outcome, text in words.items() if outcome in outcomes]
    experiments, pairs = counted(len(sharing.alone), "experiment"), counted(len(outcomes), "pair")
    return f"{experiments}, {pairs}: {', '.join(parts)}" if parts else experiments


def _matrix(sharing: Sharing, width: int) -> Iterator[Text]:
    """The matrix, in as many blocks of columns as the width makes necessary."""
    names = [name for name, _ in sharing.alone]
    cells = {frozenset((pair.first, pair.second)): pair.verdict.outcome for pair in sharing.pairs}
    digits = len(str(len(names)))
    longest = min(max(map(len, names)), _LONGEST_NAME, max(width - digits - 3 - _FEWEST_CELLS, 1))
    margin = digits + longest + 3
    margins = [f"{number:>{digits}} {_short(name, longest):{longest}}  " for number, name in enumerate(names, start=1)]
    for columns in _chunks(range(len(names)), max(width - margin, 1)):
        heading = [Text(f"{'':{margin}}{row}".rstrip()) for row in _heading(columns, digits)]
        rows = [_row(margins[number], number, columns, names, cells) for number in range(len(names))]
        yield Text("\n").join([*heading, *rows])


def _heading(columns: Sequence[int], digits: int) -> Iterator[str]:
    """The numbers of the columns, read from top to bottom."""
    for row in range(digits):
        yield "".join(f"{column + 1:>{digits}}"[row] for column in columns)


def _row(
    margin: str, number: int, columns: Sequence[int], names: Sequence[str], cells: Mapping[frozenset[str], Outcome]
) -> Text:
    row = Text(margin)
    for column in columns:
        if column == number:
            row.append("-")
            continue
        outcome = cells[frozenset((names[number], names[column]))]
        row.append(_CELLS[outcome], style=_STYLES[outcome])
    return row


def _short(name: str, length: int) -> str:
    return name if len(name) <= length else f"{name[: length - 1]}…"


def _chunks(numbers: Sequence[int], size: int) -> Iterator[Sequence[int]]:
    for start in range(0, len(numbers), size):
        yield numbers[start : start + size]


def _groups(sharing: Sharing, width: int) -> str:
    if not sharing.groups:
        return ""
    lines = [_wrapped(f"{len(group)}: {', '.join(group)}", width) for group in sharing.groups]
    grouped = {name for group in sharing.groups for name in group}
    rest = [name for name, verdict in sharing.alone if verdict.outcome == "fits" and name not in grouped]
    if rest:
        lines.append(_wrapped(f"with none of these: {', '.join(rest)}", width))
    return "\n".join(["groups that fit into one environment", *lines])


def _alone(sharing: Sharing, width: int) -> str:
    """What keeps experiments from sharing with anybody; what does so for several is said once."""
    found: dict[str, list[str]] = {}
    for name, verdict in sharing.alone:
        if verdict.outcome == "conflict":
            found[f"does not fit on core by itself: see `fumehood explain {name}`"] = [name]
        elif verdict.outcome == "undecided":
            found.setdefault(f"not decided: {_cause(verdict)}", []).append(name)
    lines = [_wrapped(f"{', '.join(names)}: {what}", width) for what, names in found.items()]
    return "\n".join(["what shares with nobody", *lines]) if lines else ""


def _causes(sharing: Sharing, width: int) -> str:
    """Each set of lines that keeps experiments apart, once."""
    found: dict[str, list[Pair]] = {}
    settled = {name for name, verdict in sharing.alone if verdict.outcome != "fits"}
    for pair in sharing.pairs:
        if pair.verdict.outcome != "fits" and not settled & {pair.first, pair.second}:
            found.setdefault(_cause(pair.verdict), []).append(pair)
    lines = [
        _wrapped(f"{cause}: {_shown(pairs)}", width)
        for cause, pairs in sorted(found.items(), key=lambda item: (-len(item[1]), item[0]))
    ]
    return "\n".join(["what keeps others apart", *lines]) if lines else ""


def _cause(verdict: Verdict) -> str:
    if verdict.lines:
        return without_credentials(" and ".join(sorted({line.shown for line in verdict.lines})))
    return (verdict.reason.splitlines() or [""])[0]


def _shown(pairs: Sequence[Pair]) -> str:
    first = f"{pairs[0].first} and {pairs[0].second}"
    return first if len(pairs) == 1 else f"{len(pairs)} pairs, such as {first}"


def _wrapped(text: str, width: int) -> str:
    return textwrap.fill(
        text, width, initial_indent="  ", subsequent_indent="    ", break_on_hyphens=False, break_long_words=False
    )
