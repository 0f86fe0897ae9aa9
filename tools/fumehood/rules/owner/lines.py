"""The lines of CODEOWNERS that fumehood writes: for each experiment what its manifest says and no other line does."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fumehood.model.block import Markers
from fumehood.reading import codeowners

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from fumehood.model.experiment import Experiment
    from fumehood.reading.codeowners import CodeOwners, Rule

MARKERS = Markers(begin="# fumehood: experiments", end="# fumehood: end of experiments")
HEAD = "# Written by `fumehood check --fix` from the manifests of the experiments.\n"
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


def _place(content: bytes, owners: CodeOwners, experiments: Collection[Experiment]) -> int | None:
    """Where the last lines begin that are about parts of experiments, if there are some; with the comment above them.

    A block behind them would take these parts from their owners.
    """
    wholes = [rule.line for experiment in experiments for rule in deciding(owners, experiment)]
    own = tuple(f"{experiment.path}/" for experiment in experiments)
    parts = [rule for rule in owners.rules if rule.line > max(wholes, default=0)]
    first = next((rule.line for rule in parts if rule.pattern.lstrip("/").startswith(own) and not rule.section), 0)
    above = content.split(b"\n")[: first - 1] if first else []
    while above and above[-1].startswith(b"#"):
        above.pop()
    return sum(len(line) + 1 for line in above) if first else None


def rewritten(content: bytes, path: str, experiments: Collection[Experiment]) -> bytes:
    """CODEOWNERS with the block as it should be; without one it gets one, at its end, where it counts most.

    Lines at the end about a part of an experiment, such as its documentation, stay behind the block and keep counting.

    Args:
        content: Of the file.
        path: Of the file, for messages and because it tells the forge.
        experiments: All that there are.

    Raises:
        ConfigurationError: The block is damaged.
    """
    block = MARKERS.find(content, name=path)
    if block is None:
        now = codeowners.parse(content.decode("utf-8-sig", "surrogateescape"), path=path)
        block = MARKERS.inserted(content, _place(content, now, experiments))
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
    return block.rewritten("".join([HEAD, *([_SECTION] if has_sections else []), *lines]))
