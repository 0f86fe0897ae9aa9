"""Whether a command looked, or said again what it remembered."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from support.project import Project

_LONG_AGO = 1_000_000_000

_MARK = "remembered: "


def age(project: Project) -> None:
    """Make everything look old, git's own files included, so that a memo of it is believed at once."""
    for folder, folders, files in os.walk(project.root):
        for name in (*folders, *files):
            os.utime(os.path.join(folder, name), (_LONG_AGO, _LONG_AGO), follow_symlinks=False)
    os.utime(project.root, (_LONG_AGO, _LONG_AGO))
    time.sleep(0.01)


def said(project: Project, *arguments: str, env: Mapping[str, str] | None = None) -> tuple[str, bool]:
    """The last line that a command says, and whether it was remembered: then it has the mark that is put there here."""
    cache = {**project.env, **(env or {})}["FUMEHOOD_CACHE"]
    for memo in Path(cache, "memos").glob("*"):
        content = json.loads(memo.read_bytes())
        text, code = content["answer"]
        lines = [_MARK + line.removeprefix(_MARK) for line in text.splitlines(keepends=True)]
        memo.write_text(json.dumps({**content, "answer": ["".join(lines), code]}), encoding="utf-8")
    last = project.fumehood(*arguments, env=env).stdout.splitlines()[-1]
    return last.removeprefix(_MARK), last.startswith(_MARK)
