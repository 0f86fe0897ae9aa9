"""Keys that pyproject.toml and the manifests of experiments may both have: ``python``, ``timeout``, ``waivers``."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from fumehood.model.duration import parse_duration

if TYPE_CHECKING:
    from fumehood.model.waiver import Waiver
    from fumehood.outside.toml_file import TableReader

PYTHON_VERSION = re.compile(r"(?:python|pypy-?)?\d+(?:\.\d+){0,2}t?")
"""What nox takes for an interpreter: ``3.12``, ``python3.12``, ``pypy3.11``, ``3.13t``."""


def read_waivers(reader: TableReader, *, folder: str) -> tuple[Waiver, ...]:
    """The array of tables ``waivers``; each needs a rule, a reason and a day.

    Args:
        reader: Of the table that holds it.
        folder: The experiment's; empty for core.
    """
    found = []
    for table in reader.tables("waivers"):
        rule, reason, until = table.string("rule"), table.string("reason"), table.day("until")
        path = table.string("path")
        for key, value, remedy in (
            ("rule", rule, 'name the rule that it waives, such as rule = "owner/missing"'),
            ("reason", (reason or "").strip(), "say why the finding may stay"),
            ("until", until, "say how long it may stay, such as until = 2026-12-31"),
        ):
            if not value and (key not in table.table or value == ""):
                table.complain(key, f"a waiver without {'a day' if key == 'until' else f'a {key}'}", remedy)
        table.finish()
        if rule and reason and until:
            from fumehood.model.waiver import Waiver  # noqa: PLC0415 - most files have none

            place = reader.file.place(*table.keys)
            found.append(
                Waiver(place=place, rule=rule, reason=reason.strip(), until=until, path=path or "", folder=folder)
            )
    return tuple(found)


def check_pythons(reader: TableReader, pythons: tuple[str, ...]) -> None:
    """Complain about what is no Python version, and about one that is named twice."""
    for python in pythons:
        if not PYTHON_VERSION.fullmatch(python):
            reader.complain("python", f"{python!r} is no Python version", 'write a version such as "3.12"')
    for python in sorted({python for python in pythons if pythons.count(python) > 1}):
        reader.complain("python", f"{python!r} is named twice", "remove one of them")


def read_timeout(reader: TableReader) -> int | None:
    """Seconds of a text such as ``45m``; None where it is not written, or wrong, which is complained about."""
    text = reader.string("timeout")
    if text is None:
        return None
    try:
        return parse_duration(text)
    except ValueError as error:
        reader.complain("timeout", f"timeout: {error}", 'write timeout = "45m"')
        return None
