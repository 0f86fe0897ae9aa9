"""``owner/disagree``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fumehood.errors import Place
from fumehood.rules.change import Change
from fumehood.rules.owed import about
from fumehood.rules.owner.lines import deciding, is_agreed, rewritten
from fumehood.rules.rule import Rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fumehood.model.finding import Finding
    from fumehood.rules.seen import Seen


def check(seen: Seen) -> Iterator[Finding]:
    """Experiments of which CODEOWNERS says something else than their manifest."""
    owners = seen.codeowners
    if owners is None:
        return
    for experiment in seen.experiments:
        if not experiment.declared_owners or is_agreed(owners, experiment):
            continue
        rules = deciding(owners, experiment)
        named = " ".join(owners.owners_of(experiment.path)) or "nobody"
        place = about(seen, experiment, "owners")
        yield RULE.finding(
            experiment.name,
            Place(owners.path, rules[-1].line) if rules else place,
            f"CODEOWNERS names {named}, the manifest names {' '.join(experiment.declared_owners)}",
            details=(f"{place}: owners", *(f"{owners.path}:{rule.line}: {rule.pattern}" for rule in rules)),
            remedy="`fumehood check --fix` writes what the manifest says into CODEOWNERS",
        )


def fix(seen: Seen) -> Iterator[Change]:
    """Write the block of CODEOWNERS."""
    if seen.codeowners:
        path = seen.codeowners.path
        yield Change.of(seen.root, path, lambda content: rewritten(content, path, seen.repository.experiments))


RULE = Rule(
    id="owner/disagree",
    severity="error",
    summary="An experiment whose manifest and CODEOWNERS name different owners.",
    why="""\
The forge asks those in CODEOWNERS to review, and people write to those in the manifest. Where these are not the same,
changes are waved through by people who never ran the experiment, or wait for somebody who has left.""",
    remedy="""\
Correct the one that is wrong. `fumehood check --fix` takes the manifest's word and writes, between the two lines
`# fumehood: experiments` and `# fumehood: end of experiments`, a line for each experiment of which no other line says
the same. The last line that matches a file counts, so the block is put at the end of the file: there it counts for the
folders of these experiments, against lines of yours about them or about all files, and for nothing else. Only lines of
yours at the end that are about a part of an experiment, such as `/experiments/unet/docs/ @writers`, stay below the
block and keep counting. A block that is there stays where it is. If a later line of yours decides otherwise, take that
out or move the block below it. Where there is no CODEOWNERS at all, nothing disagrees; see
[`owner/unlisted`](owner-unlisted.md).

GitLab's sections each have owners of their own: it is enough that one of them says what the manifest says.""",
    check=check,
    fix=fix,
)
