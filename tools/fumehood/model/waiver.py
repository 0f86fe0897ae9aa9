"""A dated, reasoned permission for a finding."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from fumehood.model.globs import matches

if TYPE_CHECKING:
    from datetime import date

    from fumehood.errors import Place
    from fumehood.model.finding import Finding


class Waiver(Struct, frozen=True, order=True, kw_only=True):
    """What somebody decided to live with for a while.

    Attributes:
        place: Where it is written.
        rule: The id of a rule; whether there is one of that name is not known here.
        until: The last day on which it holds.
        path: A glob of files or of folders that hold them, relative to `folder` or to the repository; empty for any.
        folder: The experiment's; empty for core.
    """

    place: Place
    rule: str
    reason: str
    until: date
    path: str = ""
    folder: str = ""

    def covers(self, finding: Finding) -> bool:
        """Whether it is about a finding of the experiment that it belongs to, whatever the day."""
        if finding.rule != self.rule:
            return False
        inside = finding.file.removeprefix(f"{self.folder}/") if self.folder else finding.file
        return not self.path or matches(finding.file, self.path) or matches(inside, self.path)

    def has_ended(self, today: date) -> bool:
        """Whether it no longer holds."""
        return self.until < today
