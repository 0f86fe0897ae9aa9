"""``RETIRED.md``: what is left of an experiment that is gone, for people, and plain enough to be found again."""

from __future__ import annotations

import re

from msgspec import Struct

FILE = "RETIRED.md"
_HEAD = "# Retired experiments\n\nWhat was here once, why it is not any more, and how to get it back.\n"


class Record(Struct, frozen=True, kw_only=True):
    """One retirement; dates are days in ISO form.

    Attributes:
        path: The folder that was removed.
        began: When its first commit was made that this clone knows.
        ended: When its last commit was made before it was removed.
        commit: That last commit, in full.
        reason: Why, in one line.
        stale: Why it was stale; empty if it was not.
        upstreamed: Where what became of it is; empty if nothing was upstreamed.
        others: Files that went with it, each with the last commit that holds it.
    """

    name: str
    path: str
    summary: str
    theme: str
    owners: tuple[str, ...]
    began: str
    ended: str
    retired: str
    commit: str
    reason: str
    stale: str = ""
    upstreamed: str = ""
    others: tuple[tuple[str, str], ...] = ()

    @property
    def outcome(self) -> str:
        """Whether it served its purpose, as far as is known, and why it was retired."""
        return f"served its purpose: {self.reason}" if self.upstreamed else self.reason


def render(record: Record) -> str:
    """The section of one retirement."""
    rows = [
        ("theme", record.theme or "none"),
        ("owners", ", ".join(record.owners) or "nobody"),
        ("commits", f"from {record.began} to {record.ended}"),
        ("retired", f"{record.retired}, {record.outcome}"),
        ("stale", record.stale),
        ("upstreamed", f"<{record.upstreamed}>" if record.upstreamed else ""),
        ("last commit", record.commit),
        ("get it back", f"`git checkout {record.commit} -- {record.path}`"),
        *(("with it went", f"{file}: `git checkout {commit} -- {file}`") for file, commit in record.others),
    ]
    about = f"{record.summary}\n\n" if record.summary else ""
    return f"## {record.name}\n\n{about}" + "".join(f"- {key}: {value}\n" for key, value in rows if value)


def add(text: str, record: Record) -> str:
    """The file with a retirement more: after those that are there, or in place of the same one."""
    before = text.rstrip("\n") + "\n" if text.strip() else _HEAD
    sections = re.split(r"(?m)^(?=## )", before)
    kept = [part for part in sections if not _is_of(part, record.name, record.path, record.commit)]
    return "\n\n".join(part.strip("\n") for part in [*kept, render(record)]) + "\n"


def find(text: str, name: str) -> tuple[str, str] | None:
    """The name and the path of the last retirement that goes by a name or a path; None if there is none."""
    found = None
    for section in re.split(r"(?m)^(?=## )", text):
        heading = re.match(r"## (.+)", section)
        command = re.search(r"(?m)^- get it back: `git checkout [0-9a-f]+ -- (.+)`$", section)
        if heading and command and name.removesuffix("/") in {heading[1], command[1]}:
            found = heading[1], command[1]
    return found


def _is_of(section: str, name: str, path: str, commit: str) -> bool:
    return section.startswith(f"## {name}\n") and f"`git checkout {commit} -- {path}`" in section
