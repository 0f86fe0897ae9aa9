"""What a check found, as annotations on the lines of a pull request.

Source: GitHub's documentation, "Workflow commands for GitHub Actions"; the escapes are those of its actions toolkit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from fumehood.model.finding import CheckAnswer, Finding, Severity

_COMMANDS: Mapping[Severity, str] = {"error": "error", "warning": "warning", "note": "notice"}
_DATA = str.maketrans({"%": "%25", "\r": "%0D", "\n": "%0A"})
_PROPERTY = {**_DATA, **str.maketrans({":": "%3A", ",": "%2C"})}


def render(answer: CheckAnswer) -> str:
    """One workflow command a line: one for each finding, and a warning for each experiment that is not decided."""
    commands = [_of_finding(finding) for finding in sorted(answer.findings)]
    commands += [
        _command("warning", {"title": f"{one.experiment or 'core'}: not decided"}, one.reason)
        for one in sorted(answer.undecided)
    ]
    return "\n".join(commands).encode("utf-8", "backslashreplace").decode("utf-8")


def _of_finding(finding: Finding) -> str:
    properties = {
        "file": finding.file,
        "line": str(finding.line or ""),
        "title": f"{finding.experiment or 'core'}: {finding.rule}",
    }
    return _command(_COMMANDS[finding.severity], properties, "\n".join(_said(finding)))


def _said(finding: Finding) -> Iterator[str]:
    yield finding.message
    yield from finding.details
    if finding.remedy:
        yield f"→ {finding.remedy}"


def _command(name: str, properties: Mapping[str, str], data: str) -> str:
    shown = ",".join(f"{key}={value.translate(_PROPERTY)}" for key, value in properties.items() if value)
    return f"::{name} {shown}::{data.translate(_DATA)}"
