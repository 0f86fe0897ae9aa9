"""The folder that environments are in, which is ``.nox`` unless nox is told otherwise."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from fumehood.errors import WorldError
from fumehood.outside.files import write_whole

if TYPE_CHECKING:
    from pathlib import Path

OWN = ".fumehood"
"""The folder in it that is about environments: leases on them, and what came of their tests."""

_MARKS = {".gitignore": "*\n", "CACHEDIR.TAG": "Signature: 8a477f597d28d172789f06886806bc55\n"}


def mark(envdir: Path) -> None:
    """Keep git, and programs that make backups, out of a folder of environments, with the files that nox gives it."""
    for name, content in _MARKS.items():
        if not (envdir / name).exists():
            with contextlib.suppress(WorldError):  # an environment in such a folder works all the same
                # Written first where leases are, so that a run that is killed leaves nothing beside environments.
                write_whole(envdir / name, content, scratch=envdir / OWN, durable=False)
