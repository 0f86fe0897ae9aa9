"""What a change affects, and why."""

from __future__ import annotations

from msgspec import Struct

Reason = tuple[str, ...]
"""One chain of steps from an experiment to what changed, each step a line for people."""


class Affected(Struct, frozen=True, kw_only=True):
    """An experiment that a change can break.

    Attributes:
        reasons: One chain for each changed file (or pin) that reaches it, the shortest; sorted.
        is_own: Whether the change is in the experiment's own folder: what it then breaks is its own affair.
    """

    name: str
    reasons: tuple[Reason, ...]
    is_own: bool = False


class Warned(Struct, frozen=True, kw_only=True):
    """Something about the change that its author should know, and that decides nothing.

    Attributes:
        file: Relative to the repository.
        line: Counted from 1; 0 for the whole file.
    """

    file: str
    line: int
    message: str


class Looked(Struct, frozen=True, kw_only=True):
    """What was looked at to arrive at a selection.

    Attributes:
        changed: How many files differ between the base and the work tree, untracked ones included.
        alike: Those of them that are the same programs still: only comments, docstrings or layout differ.
        without_effect: Those that affect nothing for other reasons, documentation above all.
        unclaimed: Those that belong to nothing and that nothing imports: the settings say what they affect.
        files: Python files whose imports are known.
        experiments: Experiments that could have been selected.
    """

    changed: int
    alike: tuple[str, ...] = ()
    without_effect: tuple[str, ...] = ()
    unclaimed: tuple[str, ...] = ()
    files: int
    experiments: int


class Selection(Struct, frozen=True, kw_only=True):
    """Which experiments a change affects.

    Attributes:
        base: The full name of the commit that the work tree was compared with.
        base_ref: How it came to that commit, for people: ``merge base with origin/main``.
        core: Whether core's own tests are affected.
        core_reasons: Why, as with an experiment.
        experiments: Those that are affected, sorted by name.
    """

    base: str
    base_ref: str
    core: bool
    core_reasons: tuple[Reason, ...] = ()
    experiments: tuple[Affected, ...] = ()
    looked_at: Looked
    warnings: tuple[Warned, ...] = ()
