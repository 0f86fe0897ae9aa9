"""The file of the baseline: findings known by what they are about, not by their line.

One entry a line, sorted, so that a difference reads well and two branches seldom touch the same lines.
"""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any

from msgspec import Struct, convert
from msgspec.structs import replace

from fumehood.errors import ConfigurationError, Place

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from fumehood.model.finding import Finding

SCHEMA = 1
_FIRST = 4
"""The line of the first entry."""
_OWN = ("baseline/", "waiver/")
"""What is said about the exceptions themselves can be no exception."""


class Entry(Struct, frozen=True, order=True, kw_only=True):
    """So many findings of one rule about one thing.

    Attributes:
        subject: What they are about within the file, as in `Finding.identity`.
        line: Of the baseline's file.
    """

    rule: str
    experiment: str
    file: str
    subject: str
    count: int = 1
    line: int = 0

    @property
    def identity(self) -> tuple[str, ...]:
        """By which its findings are known again."""
        return self.rule, self.experiment, self.file, self.subject


class Split(Struct, frozen=True, kw_only=True):
    """Findings, held against a baseline.

    Attributes:
        new: Those that are not in it.
        known: Those that are.
        gone: What is in it and no longer found, with how often.
    """

    new: tuple[Finding, ...]
    known: tuple[Finding, ...]
    gone: tuple[Entry, ...]


def split(findings: Iterable[Finding], baseline: Iterable[Entry], *, is_judged: Callable[[Entry], bool]) -> Split:
    """Hold findings against a baseline; of equal ones, as many are known as it says.

    Args:
        findings: Sorted.
        baseline: Its entries.
        is_judged: Whether the run could have found an entry's findings: only then may they be called gone.
    """
    entries = {entry.identity: entry for entry in baseline}
    left = {identity: entry.count for identity, entry in entries.items()}
    new, known = [], []
    for finding in findings:
        if left.get(finding.identity, 0) and not finding.rule.startswith(_OWN):
            left[finding.identity] -= 1
            known.append(finding)
        else:
            new.append(finding)
    gone = [replace(entries[identity], count=count) for identity, count in left.items() if count]
    return Split(new=tuple(new), known=tuple(known), gone=tuple(entry for entry in gone if is_judged(entry)))


def entries_of(findings: Iterable[Finding]) -> tuple[Entry, ...]:
    """The entries for findings, sorted."""
    counts = Counter(finding.identity for finding in findings if not finding.rule.startswith(_OWN))
    return tuple(
        Entry(rule=rule, experiment=experiment, file=file, subject=subject, count=count)
        for (rule, experiment, file, subject), count in sorted(counts.items())
    )


def without(baseline: Iterable[Entry], gone: Iterable[Entry]) -> tuple[Entry, ...]:
    """What stays of a baseline."""
    fewer = {entry.identity: entry.count for entry in gone}
    shrunk = [replace(entry, count=entry.count - fewer.get(entry.identity, 0)) for entry in baseline]
    return tuple(entry for entry in shrunk if entry.count > 0)


def together(*entries: Entry) -> tuple[Entry, ...]:
    """Entries, those about the same findings as one."""
    found: dict[tuple[str, ...], Entry] = {}
    for entry in entries:
        before = found.get(entry.identity)
        found[entry.identity] = replace(entry, count=entry.count + before.count) if before else entry
    return tuple(found.values())


def render(entries: Iterable[Entry]) -> str:
    """The text of the file."""
    lines = [
        json.dumps(
            {
                "rule": entry.rule,
                "experiment": entry.experiment,
                "file": entry.file,
                "subject": entry.subject,
                "count": entry.count,
            },
            ensure_ascii=False,
        )
        for entry in sorted(entries)
    ]
    listed = "".join(f"    {line}{',' if number < len(lines) else ''}\n" for number, line in enumerate(lines, start=1))
    text = f'{{\n  "schema": {SCHEMA},\n  "findings": [\n{listed}  ]\n}}\n'
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def parse(text: str, *, path: str) -> tuple[Entry, ...]:
    """Read the file.

    Args:
        text: Its content.
        path: Its path, for messages.

    Raises:
        ConfigurationError: It is no baseline.
    """
    remedy = "take it from the last commit, or remove it and write it anew with `fumehood check --baseline write`"
    try:
        data: Any = json.loads(text)
        if data["schema"] != SCHEMA:
            raise ConfigurationError(
                f"it has schema {data['schema']!r}, not {SCHEMA}",
                place=Place(path),
                remedy="use the fumehood that wrote it",
            )
        entries = convert(data["findings"], tuple[Entry, ...])
        return tuple(replace(entry, line=number) for number, entry in enumerate(entries, start=_FIRST))
    except json.JSONDecodeError as error:
        raise ConfigurationError(
            f"not valid JSON: {error.msg}", place=Place(path, error.lineno), remedy=remedy
        ) from None
    except (KeyError, TypeError, ValueError, RecursionError):
        raise ConfigurationError("it is no baseline", place=Place(path), remedy=remedy) from None
