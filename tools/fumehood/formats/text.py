"""What a check found, for people: plain text for 80 columns, which needs no colour to be understood."""

from __future__ import annotations

import textwrap
from itertools import groupby
from typing import TYPE_CHECKING

from fumehood.model.plural import counted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fumehood.model.finding import CheckAnswer, Finding

WIDTH = 80
_MANY = 40
"""As many findings hide those that somebody has just made."""
_HINT = "`fumehood check --baseline write` writes these down, so that only new ones count from then on"


def render(answer: CheckAnswer) -> str:
    """One part for each experiment, core first: its findings, and why it is not decided; then a summary line.

    Experiments about which there is nothing to say but that they are not decided, for the same reason, share a part.
    Lines longer than `WIDTH` are folded between words; paths and requirements are never torn apart.
    """
    findings = {
        name: [line for finding in group for line in _finding(finding)]
        for name, group in groupby(sorted(answer.findings), key=lambda finding: finding.experiment)
    }
    undecided = {
        name: [line for one in group for line in folded(f"not decided: {one.reason}", "  ", "    ")]
        for name, group in groupby(sorted(answer.undecided), key=lambda one: one.experiment)
    }
    together: dict[str, list[str]] = {}
    for name in sorted(findings.keys() | undecided.keys()):
        stands_alone = not name or name in findings
        together.setdefault(name if stands_alone else "\n".join(undecided[name]), []).append(name)
    parts = [
        [
            *folded(_visible(", ".join(names)) or "core", "", ""),
            *findings.get(names[0], []),
            *undecided.get(names[0], []),
        ]
        for names in together.values()
    ]
    parts.append(folded(summary(answer), "", ""))
    if len(answer.findings) > _MANY and not answer.known:
        parts[-1] += folded(_HINT, "→ ", "  ")
    return "\n\n".join("\n".join(part) for part in parts)


def summary(answer: CheckAnswer) -> str:
    """How many experiments fit, and what is the matter with the others; each counts once, for the worst of it."""
    errors = [finding for finding in answer.findings if finding.severity == "error"]
    conflicts = {finding.experiment for finding in errors if finding.is_conflict}
    others = {finding.experiment for finding in errors} - conflicts
    undecided = {one.experiment for one in answer.undecided} - conflicts - others
    unfit = {"in conflict": conflicts, "with findings": others, "not decided": undecided}
    clauses = [_experiments(answer.checked, unfit)]
    clauses += [f"core {what}" for what, names in unfit.items() if "" in names]
    for severity in ("warning", "note"):
        if count := sum(finding.severity == severity for finding in answer.findings):
            clauses.append(counted(count, severity))
    if answer.waived:
        clauses.append(f"{len(answer.waived)} waived")
    if answer.known:
        clauses.append(f"{len(answer.known)} in the baseline")
    if answer.left_out:
        clauses.append(f"{counted(answer.left_out, 'note')} (--notes shows them)")
    return "; ".join(clauses)


def _experiments(checked: int, unfit: dict[str, set[str]]) -> str:
    counts = {what: len(names - {""}) for what, names in unfit.items()}
    fit = checked - sum(counts.values())
    if not checked:
        return "no experiments checked"
    if fit == checked:
        return f"{counted(checked, 'experiment')} checked: " + ("it fits" if checked == 1 else "all fit")
    parts = [f"{fit} {'fits' if fit == 1 else 'fit'}"] if fit else []
    parts += [f"{count} {what}" for what, count in counts.items() if count]
    return f"{counted(checked, 'experiment')} checked: {', '.join(parts)}"


def _finding(finding: Finding) -> Iterator[str]:
    place = f"{finding.file}:{finding.line}" if finding.line else finding.file
    head = f"{finding.severity} [{finding.rule}]"
    yield from folded(_visible(f"{place}: {head}" if place else head), "  ", "    ")
    yield from folded(finding.message, "    ", "    ")
    for detail in finding.details:
        yield from folded(detail, "      ", "        ")
    if finding.remedy:
        yield from folded(finding.remedy, "    → ", "      ")


def folded(text: str, first: str, rest: str) -> list[str]:
    """Lines of at most `WIDTH` columns where spaces allow it; what stood on lines of its own stays so.

    A line that is folded keeps its indentation, and the bar in front of what is quoted.
    """
    lines: list[str] = []
    for line in text.strip().splitlines():
        body = line.lstrip(" |")
        frame = line.removesuffix(body)
        lines += textwrap.wrap(
            _visible(body.expandtabs(4)),
            WIDTH,
            initial_indent=(rest if lines else first) + frame,
            subsequent_indent=rest + frame,
            break_long_words=False,
            break_on_hyphens=False,
        )
    return lines


def _visible(text: str) -> str:
    """Text that cannot move the cursor or change colours, whatever file names and packages have in them."""
    return "".join(sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in text)
