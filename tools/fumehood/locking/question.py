"""What is asked of uv, apart from how it is asked: whoever finds the answer in a lock needs no uv."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from fumehood.model.lock import Pin
    from fumehood.model.requirement import Requirement
    from fumehood.reading.sources import Inputs


class Question(Struct, frozen=True, kw_only=True):
    """What uv is asked to resolve.

    Attributes:
        subject: Whose requirements these are, for messages: ``core`` or ``experiments/foo``.
        inputs: All the lines that have to hold together.
        python: Lower bound of the Python versions.
        preferred: Pins that are kept wherever the lines admit them.
        former: Pins to fall back on where those of `preferred` cannot be kept, so that nothing moves without need.
        essential: The lines that matter, if it is known that `preferred` satisfies all others.
        settled: The answer where no resolution is needed to know it.
    """

    subject: str
    inputs: Inputs
    python: str
    preferred: tuple[Pin, ...] = ()
    former: tuple[Pin, ...] = ()
    essential: tuple[Requirement, ...] | None = None
    settled: tuple[Pin, ...] = ()

    @property
    def key(self) -> object:
        """What is equal for two questions where the answer to one is likely to be the other's."""
        if self.essential is None:
            return self.subject
        lines = tuple(
            (line.text, line.unexpanded, line.editable, line.constraint, line.hashes) for line in self.essential
        )
        return lines, self.inputs.options, self.python, self.preferred, self.former
