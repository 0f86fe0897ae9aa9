"""Folders for the files of one task."""

from __future__ import annotations

import contextlib
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from fumehood.outside.files import remove_tree
from fumehood.outside.interrupts import held_back

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextlib.contextmanager
def scratch_folder(purpose: str) -> Iterator[Path]:
    """A folder below TMPDIR that is gone afterwards, however the task ends.

    Raises:
        OSError: There is no place for it.
    """
    folder: Path | None = None
    try:
        with held_back():
            folder = Path(tempfile.mkdtemp(prefix=f"fumehood-{purpose}-"))
        yield folder
    finally:
        if folder is not None:
            with held_back():
                remove_tree(folder)
