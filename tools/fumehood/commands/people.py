"""Lines that somebody wrote, with whose they are, for people and for programs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from fumehood.reading.sources import without_credentials

if TYPE_CHECKING:
    from collections.abc import Callable

    from fumehood.model.requirement import Requirement

    Owners = Callable[[Requirement], tuple[str, ...]]

NOBODY = "nobody"
CORE = "core"


class People(Protocol):
    """Names of experiments, and whose things are."""

    def name(self, subject: str) -> str:
        """The name of an experiment, given its path; ``core`` stays what it is."""

    def owners(self, line: Requirement) -> tuple[str, ...]:
        """Whose a line is."""

    def owners_of(self, subject: str) -> tuple[str, ...]:
        """Whose an experiment is, given its path."""


def line_json(line: Requirement, owners: Owners) -> dict[str, Any]:
    """A line that somebody wrote, for programs."""
    return {
        "file": line.place.file,
        "line": line.place.line,
        "requirement": without_credentials(line.shown),
        "owners": sorted(owners(line)),
    }


def line_text(line: Requirement, owners: Owners) -> str:
    """A line that somebody wrote, with its place and whose it is."""
    text = f"  {line.place}: {without_credentials(line.shown)}"
    return f"{text}   ({' '.join(sorted(owners(line))) or NOBODY})" if line.place.line else text
