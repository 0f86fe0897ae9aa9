"""``reuse/copied``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fumehood.errors import Place
from fumehood.rules.rule import Rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fumehood.copies.matching import Copy
    from fumehood.model.finding import Finding
    from fumehood.rules.seen import Seen


def check(seen: Seen) -> Iterator[Finding]:
    """Code of core's that stands in an experiment once more: one finding for each pair of files."""
    for name, files in seen.copies.items():
        for file in files:
            by_original: dict[str, list[Copy]] = {}
            for copy in file.copies:
                by_original.setdefault(copy.original, []).append(copy)
            for original, copies in by_original.items():
                count = sum(copy.lines.last - copy.lines.first + 1 for copy in copies)
                renamed = "renamed " if all(copy.renamed for copy in copies) else ""
                if seen.parts.is_core_test(original):  # Importing these would be a finding too.
                    remedy = f"ask core's owners to move it from {original} to where others may use it"
                else:
                    remedy = "import it, or ask core's owners to offer it"
                yield RULE.finding(
                    name,
                    Place(file.path, copies[0].lines.first),
                    f"{count} lines are a {renamed}copy of {original}",
                    remedy=f"{remedy}; `fumehood reuse {name}` says more",
                    details=tuple(f"{copy.lines}: {original}:{copy.original_lines}" for copy in copies),
                    subject=original,
                )


RULE = Rule(
    id="reuse/copied",
    severity="warning",
    summary="Code of core's stands in an experiment once more.",
    why="""\
A copy does not get the corrections that its original gets, and its results stop being comparable with core's on a day
that nobody notices. Counted are at least 80 tokens, about ten lines, that are the same but for their formatting,
comments and a few changes; or the same but for names that are replaced throughout. Imports, docstrings, what more than
eight of core's files have alike, and what is mostly heads of functions, as overridden methods have, do not count.""",
    remedy="""\
Import it. Where core's code does not quite fit, ask core's owners for an extension point: a parameter, a method to
override, a function that is split in two; for what stands among core's tests, for a place where others may use it.
`fumehood reuse NAME` lists each copy with its original, and whether core has changed the original since.""",
    waive="The copy is what the experiment changes, and its original is to be replaced by it.",
    check=check,
    reads="copies",
)
