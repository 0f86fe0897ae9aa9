"""What a rule finds in a project, without a process for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fumehood.commands.check import Options, ask
from fumehood.repository import open_repository

if TYPE_CHECKING:
    from fumehood.model.finding import Finding
    from support.project import Project


def findings(project: Project, *rules: str) -> tuple[Finding, ...]:
    """What rules find, or groups of rules."""
    return ask(open_repository(project.root), Options(rules=rules, offline=True), environ=project.env).findings


def said(project: Project, *rules: str) -> list[str]:
    """Place and message of what rules find, one line for each finding, with its details."""
    return [
        "\n  ".join([f"{found.file}:{found.line}: {found.message}", *found.details])
        for found in findings(project, *rules)
    ]
