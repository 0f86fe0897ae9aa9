"""``evidence/unknown-commit``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fumehood.outside.git_walk import known_commits
from fumehood.rules.evidence.readme import sections
from fumehood.rules.owed import MILDER, owed
from fumehood.rules.rule import Rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fumehood.model.experiment import Experiment
    from fumehood.model.finding import Finding
    from fumehood.rules.evidence.readme import Readme
    from fumehood.rules.seen import Seen


def check(seen: Seen) -> Iterator[Finding]:
    """Commits that numbers were taken on, and that there are not."""
    named: dict[tuple[str, str], tuple[Experiment, Readme, int]] = {}
    for experiment, readme, section in sections(seen, "performance", "convergence"):
        for commit, line in readme.commits(section):
            named.setdefault((experiment.name, commit), (experiment, readme, line))
    known = known_commits(seen.git, (commit for _, commit in named)) if named else frozenset[str]()
    if known is None:
        return  # A shallow clone lacks most commits, and a plain folder has none.
    for (_, commit), (experiment, readme, line) in named.items():
        if commit not in known:
            yield RULE.finding(
                experiment.name,
                readme.at(line),
                f"there is no commit {commit} in this repository",
                remedy="name the commit of this repository that the numbers were taken on, once it is pushed",
                severity=owed(experiment),
            )


RULE = Rule(
    id="evidence/unknown-commit",
    severity="error",
    summary="Numbers taken on a commit that this repository does not have.",
    why="""\
The commit was rebased away, never pushed, or mistyped: nobody can go back to it, and how far core has moved since
cannot be told.""",
    remedy="""\
Name a commit that is in the history of this repository. In a shallow clone nothing is checked: fetch the whole
history (`fetch-depth: 0` for `actions/checkout`) where this rule should have a say.""",
    check=check,
    milder=MILDER,
)
