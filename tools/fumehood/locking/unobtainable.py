"""What to say of a line whose package cannot be had."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from fumehood.outside.archives import is_damaged
from fumehood.reading.local_project import location
from fumehood.reading.sources import without_credentials
from fumehood.reading.text_file import shown

if TYPE_CHECKING:
    from pathlib import Path

    from fumehood.model.requirement import Requirement

REPLACE = "put a sound copy in its place, or remove it"

_MISSING = "correct the path, which counts from the top of the repository"

_WRONG = "the path is there, and uv says above what is wrong with it, such as a build that fails"

_NOT_OFFERED = "correct the name, or name the registry that has it with --extra-index-url; pin what was yanked with =="

_REFUSED = "check the registry's address, the credentials for it, and what a proxy on the way to it allows"

_REFUSAL = re.compile(r"(?<=[\s(])40[13](?=\s)")
"""HTTP's "unauthorized" and "forbidden" as uv quotes them, which takes such an answer for that of a registry without
the package; what they decide is the advice."""


def unobtainable_because(line: Requirement, root: Path, said: str) -> tuple[str, str]:
    """What is the matter with the line, and what to do.

    Args:
        line: In no version to be had, and for no Python.
        root: The repository.
        said: What uv, or git, has said of it.
    """
    text = without_credentials(line.text)
    if line.url and line.is_local:
        file = location(root, line.url)
        if file.is_file() and is_damaged(file):
            return f"{shown(file, root)} is damaged", REPLACE
        return f"{text} cannot be had", _WRONG if file.exists() else _MISSING
    if line.url:
        return f"{text} cannot be had", "make the address reachable from here, or remove the line"
    if _REFUSAL.search(said):
        return f"a registry in use refuses to say what it has of {line.name}", _REFUSED
    return f"no registry in use offers {line.name}", _NOT_OFFERED
