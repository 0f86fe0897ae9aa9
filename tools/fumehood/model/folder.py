"""Where environments are: the folders that nox gives to sessions, found without loading nox.

nox has the rule in ``nox.sessions``; ``tests/test_nox_internals.py`` compares the two.
"""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_LONGEST = 100
"""Characters that nox lets a path have with ``bin/pythonX.Y`` behind it, since longer first lines fail somewhere."""
_HASHED = 8


def environment_folder(envdir: Path, session: str) -> Path:
    """The folder of a session's environment: its name as in `folder_name`, or a digest where the path gets long."""
    name = folder_name(session)
    too_long = len(str(envdir / name)) > _LONGEST - len("bin/pythonX.Y")
    if too_long and len(str(envdir)) < _LONGEST - len("/") - _HASHED:
        name = _digest(name)
    return envdir / name


def folder_name(session: str) -> str:
    """The name of a session with safe characters; sessions with the same one would share an environment."""
    plain = unicodedata.normalize("NFKD", session).encode("ascii", "ignore").decode("ascii")
    spaced = re.sub(r"[^\w\s-]", "-", plain).strip().lower()
    return re.sub(r"[-\s]+", "-", spaced).strip("-") or _digest(session)


def _digest(text: str) -> str:
    import hashlib  # noqa: PLC0415 - see `sha256`; few names need it

    return hashlib.sha1(text.encode("utf-8"), usedforsecurity=False).hexdigest()[:_HASHED]
