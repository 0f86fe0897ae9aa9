"""CODEOWNERS, read the way the forge that the file is for reads it: gitignore-like patterns, the last match wins.

GitHub passes over a line with any mistake in it, knows neither ``!`` nor ``[ ]`` nor an escaped ``#``, and a pattern
that ends in ``/*`` is about the files directly in a folder. A pattern without owners takes ownership away. GitLab knows
sections (``[Name][approvals] @default``, ``^[Optional]``): each has a last match of its own, a pattern without owners
gets its section's, and words that are no owners are passed over by themselves. A file with a section, or in
``.gitlab/``, is GitLab's. Sources: GitHub's documentation, "About code owners"; GitLab's, "Code Owners syntax".
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from msgspec import Struct, field

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_BYTES = 3 * 1000 * 1000
"""GitHub loads no larger file."""

_SECTION = re.compile(r"\^?\[(?P<name>[^\]]+)\](?:\[\d+\])?")
_OWNER = re.compile(r"@[A-Za-z0-9_](?:[A-Za-z0-9_.-]*)(?:/[A-Za-z0-9_.-]+)*|@@[a-z]+|[^@\s]+@[^@\s]+\.[^@\s]+")


class Rule(Struct, frozen=True, kw_only=True):
    """One line of CODEOWNERS.

    Attributes:
        section: Of GitLab, in lower case; empty outside any.
        excludes: Whether GitLab takes what matches out of the section (``!pattern``).
    """

    line: int
    pattern: str
    owners: tuple[str, ...]
    regex: re.Pattern[str]
    section: str = ""
    excludes: bool = False


class Mistake(Struct, frozen=True, kw_only=True):
    """A line, or a part of one, that the forge passes over."""

    line: int
    what: str
    remedy: str


class CodeOwners(Struct, frozen=True, kw_only=True):
    """A parsed CODEOWNERS file; `mistakes` are in the order of its lines."""

    path: str
    rules: tuple[Rule, ...] = ()
    mistakes: tuple[Mistake, ...] = ()

    def owners_of(self, folder: str) -> tuple[str, ...]:
        """Who owns a new file in a folder (relative to the repository)."""
        return self.owners_of_file(f"{folder}/any-file")

    def owners_of_file(self, path: str) -> tuple[str, ...]:
        """Who owns a file (relative to the repository): what the last matching rule of each section says."""
        return tuple(dict.fromkeys(owner for rule in self.rules_for(path) for owner in rule.owners))

    def rules_for(self, path: str) -> tuple[Rule, ...]:
        """The rules that decide whose a file is: of each section the last that matches, if it is not excluded there."""
        last: dict[str, Rule] = {}
        excluded: set[str] = set()
        for rule in self.rules:
            if rule.regex.match(path):
                if rule.excludes:
                    excluded.add(rule.section)
                else:
                    last[rule.section] = rule
        return tuple(rule for section, rule in last.items() if section not in excluded)


def parse(text: str, *, path: str) -> CodeOwners:
    """Parse CODEOWNERS."""
    lines = text.split("\n")
    is_gitlab = path.startswith(".gitlab/") or any(_SECTION.match(line.strip()) for line in lines)
    parser = _Parser(is_gitlab)
    if len(text.encode("utf-8", "surrogateescape")) >= MAX_BYTES and not is_gitlab:
        what = "GitHub loads no CODEOWNERS of 3 MB or more"
        parser.mistakes.append(Mistake(line=0, what=what, remedy="put patterns together with wildcards"))
        lines = []
    rules = [rule for number, line in enumerate(lines, start=1) for rule in parser.read(number, line)]
    return CodeOwners(path=path, rules=tuple(rules), mistakes=tuple(parser.mistakes))


class _Parser(Struct):
    """What has to be known about the lines before."""

    is_gitlab: bool
    section: str = ""
    usual: tuple[str, ...] = ()
    mistakes: list[Mistake] = field(default_factory=list)

    def read(self, number: int, line: str) -> Iterator[Rule]:
        """The rule of a line, if it has one."""
        if self.is_gitlab and (header := _SECTION.match(line.strip())):
            words = _words(line.strip()[header.end() :])
            self.section = header["name"].strip().lower()
            self.usual = self._owners(number, words)
            return
        words = _words(line)
        if not words:
            return
        if (why := self._why_not(words)) is not None:
            self.mistakes.append(Mistake(line=number, what=f"{words[0]} {why[0]}", remedy=why[1]))
            return
        excludes = words[0].startswith("!")
        regex = _regex(words[0].removeprefix("!"))
        if regex is None:
            self.mistakes.append(
                Mistake(line=number, what=f"{words[0]} is no pattern", remedy="write a path as in .gitignore")
            )
            return
        owners = self._owners(number, words[1:]) or self.usual
        yield Rule(line=number, pattern=words[0], owners=owners, regex=regex, section=self.section, excludes=excludes)

    def _owners(self, number: int, words: list[str]) -> tuple[str, ...]:
        for word in words:
            if not _OWNER.fullmatch(word):
                remedy = "write @name, @group/subgroup or an address"
                self.mistakes.append(Mistake(line=number, what=f"{word} is no owner and is passed over", remedy=remedy))
        return tuple(word for word in words if _OWNER.fullmatch(word))

    def _why_not(self, words: list[str]) -> tuple[str, str] | None:
        """Why GitHub passes over a line, and what to do; None where it does not, or GitLab reads it."""
        pattern, *owners = words
        if self.is_gitlab:
            return None
        if pattern.startswith("!"):
            return "negates a pattern, which GitHub does not know", "write a later line for what is different"
        if pattern.startswith("\\#"):
            return "escapes a #, which GitHub does not know", "match it with a ? or a *"
        if "[" in pattern:
            return "has a range, which GitHub does not know", "write a line for each path"
        wrong = [owner for owner in owners if not _OWNER.fullmatch(owner)]
        if wrong:
            what = f"is passed over by GitHub, since {wrong[0]} is no owner"
            return what, "write @name, @org/team or an address"
        return None


def _regex(pattern: str) -> re.Pattern[str] | None:
    """What a pattern matches; None where it is none."""
    # Most repositories have no such file, and need not wait for the library.
    from pathspec.patterns.gitignore.spec import GitIgnoreSpecPattern  # noqa: PLC0415 - see above

    if pattern.startswith("#"):
        return None
    try:
        regex = GitIgnoreSpecPattern(pattern).regex
        if regex is None or not pattern.endswith("/*") or pattern.endswith("**/*"):
            return regex
        # Both forges match a folder's own files only, where git would take its folders with all that is in them.
        folder = GitIgnoreSpecPattern(f"/{pattern[:-1].lstrip('/')}").regex
    except ValueError:
        return None
    return re.compile(f"(?:{folder.pattern})[^/]+$") if folder else re.compile(r"[^/]+$")


def _words(line: str) -> list[str]:
    """Split at white space that no backslash escapes, up to a comment."""
    words = re.findall(r"(?:\\.|\S)+", line)
    for index, word in enumerate(words):
        if word.startswith("#"):
            return words[:index]
    return words
