"""The pages of the rules, made from what the rules say of themselves: ``docs/rules/``."""

from __future__ import annotations

import sys
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from fumehood.rules.registry import GROUPS, RULES

if TYPE_CHECKING:
    from fumehood.rules.rule import Rule

_INDEX = """\
# The rules

`fumehood check` keeps all of these. [Checks](../checks.md) says how severities are set, how a finding is waived, how a
repository begins with what it has, and how to add rules of its own. These pages are made from the rules by
`nox -s docs`.
"""
_PAGE = """\
# `{rule.id}`

{rule.summary}

{severity}

## Why

{rule.why}

## What to do

{rule.remedy}

## How to waive it
{waive}
In the experiment's `experiment.toml`, for a finding about core as `[[tool.fumehood.waivers]]` in `pyproject.toml`:

```toml
[[waivers]]
rule = "{rule.id}"
reason = "why it may stay"
until = 2026-12-31
```

[All rules](README.md) · [Checks](../checks.md)
"""
_NO_WAIVER = """\
# `{rule.id}`

{rule.summary}

{severity}

## Why

{rule.why}

## What to do

{rule.remedy}

[All rules](README.md) · [Checks](../checks.md)
"""


def file_name(rule: str) -> str:
    """The file of a rule's page."""
    return f"{rule.replace('/', '-')}.md"


def pages() -> dict[str, str]:
    """The text of each file of ``docs/rules/``."""
    return {"README.md": _index(), **{file_name(rule.id): _page(rule) for rule in RULES}}


def _index() -> str:
    parts = [_INDEX]
    for group, rules in groupby(RULES, key=lambda rule: rule.group):
        rows = "".join(
            f"| [`{rule.id}`]({file_name(rule.id)}) | {rule.severity} | {rule.summary} |\n" for rule in rules
        )
        parts.append(f"## {group}\n\n{GROUPS[group]}\n\n| rule | severity | finds |\n| --- | --- | --- |\n{rows}")
    return "\n".join(parts)


def _page(rule: Rule) -> str:
    severity = f"Severity: {rule.severity}, where the [settings](../checks.md#severities) do not say otherwise."
    if rule.milder:
        severity = f"{severity}\n{rule.milder}"
    if rule.group in {"baseline", "waiver"}:
        return _NO_WAIVER.format(rule=rule, severity=severity)
    return _PAGE.format(rule=rule, severity=severity, waive=f"\n{rule.waive}\n" if rule.waive else "")


def main(folder: str) -> None:
    """Write the pages into a folder, and take out those of rules that there are no longer."""
    wanted = pages()
    for path in Path(folder).glob("*.md"):
        if path.name not in wanted:
            path.unlink()
    for name, text in wanted.items():
        Path(folder, name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1])
