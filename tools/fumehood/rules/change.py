"""What a fix would do to a file: decided first, then shown or done."""

from __future__ import annotations

import difflib
import os
from typing import TYPE_CHECKING

from msgspec import Struct

from fumehood.errors import ConfigurationError, Place, WorldError
from fumehood.outside.files import write_inside

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


class Change(Struct, frozen=True, kw_only=True):
    """A file of the repository, as it is and as it should be; one that is not there yet has no `before`."""

    path: str
    before: bytes | None
    after: bytes

    @classmethod
    def of(cls, root: Path, path: str, change: Callable[[bytes], bytes]) -> Change:
        """What a function makes of a file; of nothing, where there is no file.

        Raises:
            ConfigurationError: The file is no text that ASCII is a part of.
            WorldError: It cannot be read.
        """
        try:
            before = (root / path).read_bytes()
        except OSError as error:
            if not os.path.lexists(root / path):
                return cls(path=path, before=None, after=change(b""))
            raise WorldError(f"{path} cannot be read: {error.strerror}", remedy="make the file readable") from None
        if b"\0" in before:
            raise ConfigurationError("is no UTF-8 text", place=Place(path), remedy="save the file as UTF-8 text")
        return cls(path=path, before=before, after=change(before))

    def diff(self) -> str:
        """The difference, as ``diff -u`` shows it; line ends as they are in the file."""
        before, after = (
            data.decode("utf-8", "backslashreplace").splitlines(keepends=True)
            for data in (self.before or b"", self.after)
        )
        old = "/dev/null" if self.before is None else f"a/{self.path}"
        return "".join(
            line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n"
            for line in difflib.unified_diff(before, after, old, f"b/{self.path}")
        )

    def apply(self, root: Path) -> None:
        """Write the file, whole.

        Raises:
            WorldError: It has changed since it was read, or the disk refused.
        """
        try:
            now = (root / self.path).read_bytes()
        except FileNotFoundError:
            now = None
        if now != self.before:
            raise WorldError(f"{self.path} has changed meanwhile", remedy="run it again")
        write_inside(root, self.path, self.after)
