"""What a check found, as SARIF 2.1.0, which code scanning services read.

Source: "Static Analysis Results Interchange Format (SARIF) Version 2.1.0 Plus Errata 01", OASIS Standard.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import fumehood
from fumehood.formats.plain_json import dump
from fumehood.rules.registry import RULES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fumehood.model.finding import CheckAnswer, Finding, Undecided

_SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_ROOT = "%SRCROOT%"
"""The repository, to which all paths are relative; whoever reads the file knows where that is (section 3.14.14)."""

_BRACES = str.maketrans({"{": "{{", "}": "}}"})


def render(answer: CheckAnswer) -> str:
    """One run: a result for each finding, and a notification for each experiment that is not decided."""
    findings = sorted(answer.findings)
    rules = sorted({finding.rule for finding in findings})
    driver = {"name": "fumehood", "version": fumehood.__version__, "rules": [_rule(rule) for rule in rules]}
    run = {
        "tool": {"driver": driver},
        "invocations": [_invocation(sorted(answer.undecided))],
        "originalUriBaseIds": {_ROOT: {"description": _message("The root of the repository.")}},
        "results": [_result(finding, rules.index(finding.rule)) for finding in findings],
    }
    return dump({"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]})


def _rule(name: str) -> dict[str, Any]:
    """What is known of a rule; of those that other distributions bring, only the id."""
    rule = next((rule for rule in RULES if rule.id == name), None)
    return {"id": name, "shortDescription": _message(rule.summary)} if rule else {"id": name}


def _invocation(undecided: Sequence[Undecided]) -> dict[str, Any]:
    """That something is not decided is no result about a file, but a condition of the run (section 3.58)."""
    notifications = [
        {"level": "warning", "message": _message(f"{one.experiment or 'core'}: not decided: {one.reason}")}
        for one in undecided
    ]
    return {"executionSuccessful": not undecided, "toolExecutionNotifications": notifications}


def _result(finding: Finding, index: int) -> dict[str, Any]:
    remedy = [f"→ {finding.remedy}"] if finding.remedy else []
    result: dict[str, Any] = {
        "ruleId": finding.rule,
        "ruleIndex": index,
        "level": finding.severity,
        "message": _message("\n".join([finding.message, *finding.details, *remedy])),
        "partialFingerprints": {"fumehood/v1": finding.fingerprint},
        "properties": {"experiment": finding.experiment},
    }
    if finding.file:
        result["locations"] = [{"physicalLocation": _location(finding)}]
    return result


def _location(finding: Finding) -> dict[str, Any]:
    uri = quote(finding.file, errors="surrogateescape")
    location: dict[str, Any] = {"artifactLocation": {"uri": uri, "uriBaseId": _ROOT}}
    if finding.line > 0:
        location["region"] = {"startLine": finding.line}
    return location


def _message(text: str) -> dict[str, str]:
    """A plain text message, in which braces would be placeholders if they were not doubled (section 3.11.5)."""
    return {"text": text.translate(_BRACES)}
