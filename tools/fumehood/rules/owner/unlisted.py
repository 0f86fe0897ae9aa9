"""``owner/unlisted``."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from fumehood.errors import Place
from fumehood.reading import owners
from fumehood.rules.change import Change
from fumehood.rules.owner import lines, overview
from fumehood.rules.rule import Rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fumehood.model.finding import Finding
    from fumehood.rules.owner.overview import Overview
    from fumehood.rules.seen import Seen


def check(seen: Seen) -> Iterator[Finding]:
    """Owners that only manifests know of: there is no CODEOWNERS, or no table of the experiments."""
    if not seen.is_whole:
        return
    if _lacks_codeowners(seen):
        place = Place(owners.usual_location(seen.root))
        message = "there is no CODEOWNERS, so the forge asks none of the owners in manifests to review"
        yield RULE.finding("", place, message, remedy=_REMEDY, subject="CODEOWNERS")
    for found in overview.untold(seen):
        place = Place(found.path)
        message = f"no README tells whose the experiments in {found.folder} are"
        yield RULE.finding("", place, message, remedy=_REMEDY)


def _lacks_codeowners(seen: Seen) -> bool:
    is_owned = any(experiment.declared_owners for experiment in seen.repository.experiments)
    return is_owned and not owners.is_there(seen.root)


def fix(seen: Seen) -> Iterator[Change]:
    """Begin what is lacking: a CODEOWNERS that holds the block and nothing else, and a block at the end of READMEs."""
    if _lacks_codeowners(seen):
        path = owners.usual_location(seen.root)
        yield Change.of(seen.root, path, lambda content: lines.rewritten(content, path, seen.repository.experiments))
    for found in overview.untold(seen):
        yield Change.of(seen.root, found.path, partial(_begun, found))


def _begun(found: Overview, content: bytes) -> bytes:
    return overview.MARKERS.inserted(content or b"# Experiments\n").rewritten(found.body())


_REMEDY = "`fumehood check --fix` begins it"

RULE = Rule(
    id="owner/unlisted",
    severity="note",
    summary="Owners that are named in manifests, and neither to the forge nor in the experiments' README.",
    why="""\
Nobody opens a manifest to find out whom to ask. The forge asks those in CODEOWNERS to review, and people look into the
README of the folder that the experiments are in.""",
    remedy="""\
`fumehood check --fix` begins both. CODEOWNERS, with a line for each experiment and none for anything else, comes to
`.github/` or `.gitlab/`, where the repository has such a folder, and else to its top. The table of experiments comes to
the end of the README of their folder, or into a new one. Each is a block between two lines that is kept up to date from
then on, as [`owner/disagree`](owner-disagree.md) and [`owner/table`](owner-table.md) tell. The README at the top of the
repository, one that is not Markdown and one with a table of owners that people wrote are left alone.

A repository that wants neither says `"owner/unlisted" = "off"` in `[tool.fumehood.rules]`.""",
    check=check,
    fix=fix,
)
