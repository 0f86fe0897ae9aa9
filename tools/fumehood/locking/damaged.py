"""A file on this machine that uv fails at because it is damaged.

uv takes it for one that no line may have, and says so as often as it is asked, as it does of a conflict.
"""

from __future__ import annotations

import re
import tomllib
from typing import TYPE_CHECKING

from fumehood.outside.archives import is_damaged
from fumehood.reading.local_project import location

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from fumehood.locking.question import Question
    from fumehood.outside.uv import Uv

_PIN = re.compile(r"(?<![\w.-])([a-z0-9][a-z0-9-]*==\w[\w.!+]*)(?:`|\s+has\s)")
"""A version that something is the matter with: of those in a conflict uv says what they depend on, and who asks."""


def damaged_file(uv: Uv, question: Question, *, scratch: Path, text: str) -> Path | None:
    """The first damaged file of a version that uv names; its text is no more than a hint which ones to read.

    Args:
        uv: It finds packages wherever it is told to, by lines, settings or variables.
        question: What it failed at.
        scratch: An existing folder for files of this call.
        text: Its explanation.
    """
    found = (file for pin in dict.fromkeys(_PIN.findall(text)) for file in _files(uv, question, pin, scratch))
    return next((file for file in found if file.is_file() and is_damaged(file)), None)


def _files(uv: Uv, question: Question, pin: str, scratch: Path) -> Iterator[Path]:
    """The files that uv has of a version on this machine."""
    source, output = scratch / "version.in", scratch / "pylock.version.toml"
    source.write_text(f"{pin}\n", encoding="utf-8")
    output.unlink(missing_ok=True)
    done = uv.files(source, output=output, python=question.python, options=question.inputs.options)
    for package in tomllib.loads(done.answer).get("packages", ()) if done.status == 0 else ():
        for file in (*package.get("wheels", ()), *filter(None, [package.get("sdist")])):
            place = file.get("path") or file.get("url", "")
            if file.get("path") or place.startswith("file:"):
                yield location(scratch, place)
