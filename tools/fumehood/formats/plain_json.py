"""What a check found, for programs; described by ``schemas/check.schema.json``."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fumehood.model.finding import CheckAnswer, Finding, Waived

SCHEMA = 1


def render(answer: CheckAnswer) -> str:
    """An object with the version of its schema, the findings, those that do not count, and what is not decided."""
    return dump(
        {
            "schema": SCHEMA,
            "findings": [_finding(finding) for finding in sorted(answer.findings)],
            "waived": [_waived(one) for one in sorted(answer.waived)],
            "known": [_finding(finding) for finding in sorted(answer.known)],
            "undecided": [{"experiment": one.experiment, "reason": one.reason} for one in sorted(answer.undecided)],
        }
    )


def dump(value: dict[str, Any]) -> str:
    """JSON text that any stream can take: names of files that are no Unicode are written as escapes."""
    text = json.dumps(value, indent=2, ensure_ascii=False)
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def _finding(finding: Finding) -> dict[str, Any]:
    return {
        "rule": finding.rule,
        "severity": finding.severity,
        "experiment": finding.experiment,
        "file": finding.file,
        "line": finding.line,
        "message": finding.message,
        "remedy": finding.remedy,
        "details": list(finding.details),
        "fingerprint": finding.fingerprint,
    }


def _waived(one: Waived) -> dict[str, Any]:
    return {**_finding(one.finding), "reason": one.waiver.reason, "until": one.waiver.until.isoformat()}
