"""The lines of CODEOWNERS that fumehood writes: for each experiment what its manifest says and no other line does."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fumehood.model.block import Markers
from fumehood.reading import codeowners

if TYPE_CHECKING:
    from collections.abc import Iterable

    from fumehood.model.experiment import Experiment
    from fumehood.reading.codeowners import CodeOwners, Rule

MARKERS = Markers(begin="# fumehood: experiments", end="# fumehood: end of experiments")
_HEAD = "# Written by `fumehood check --fix` from the manifests of the experiments.\n"
_SECTION = "[Experiments]\n"


def agree(one: Iterable[str], other: Iterable[str]) -> bool:
    """Whether these are the same owners; forges do not tell upper from lower case."""
    return {name.lower() for name in one} == {name.lower() for name in other}


def deciding(owners: CodeOwners, experiment: Experiment) -> tuple[Rule, ...]:
    """The lines that decide whose a new file of an experiment is."""
    return owners.rules_for(f"{experiment.path}/any-file")


def is_agreed(owners: CodeOwners, experiment: Experiment) -> bool:
    """Whether CODEOWNERS says of an experiment what its manifest says."""
    return any(agree(rule.owners, experiment.declared_owners) for rule in deciding(owners, experiment))


def rewritten(content: bytes, path: str, experiments: Iterable[Experiment]) -> bytes:
    """CODEOWNERS with the block as it should be; without one it gets one at its end, where it counts most.

    Args:
        content: Of the file.
        path: Of the file, for messages and because it tells the forge.
        experiments: All that there are.

    Raises:
        ConfigurationError: The block is damaged.
    """
    block = MARKERS.find(content, name=path) or MARKERS.appended(content)
    others = codeowners.parse(block.outside.decode("utf-8-sig", "surrogateescape"), path=path)
    before = {rule.pattern: rule.owners for rule in codeowners.parse(block.body, path=path).rules}
    lines = []
    for experiment in sorted(experiments, key=lambda experiment: experiment.path):
        pattern = f"/{experiment.path.replace(' ', chr(92) + ' ')}/"
        if experiment.declared_owners:
            owners = () if is_agreed(others, experiment) else experiment.declared_owners
        else:
            owners = before.get(pattern, ())
        if owners:
            lines.append(f"{pattern} {' '.join(owners)}\n")
    has_sections = any(rule.section for rule in others.rules)
    return block.rewritten("".join([_HEAD, *([_SECTION] if has_sections else []), *lines]))
