"""What explain, whatif and blockers found, for people and for programs: pure functions from values to text."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any, Protocol

from fumehood.commands.reports import as_json, table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from fumehood.conflicts.blockers import Headroom, Holdback
    from fumehood.conflicts.explain import Explanation
    from fumehood.conflicts.remedies import Remedy
    from fumehood.conflicts.whatif import Effect
    from fumehood.model.requirement import Requirement

    Owners = Callable[[Requirement], tuple[str, ...]]

_WIDTH = 100
NOBODY = "nobody"


class People(Protocol):
    """Names of experiments, and whose things are."""

    def name(self, subject: str) -> str:
        """The name of an experiment, given its path; ``core`` stays what it is."""

    def owners(self, line: Requirement) -> tuple[str, ...]:
        """Whose a line is."""

    def owners_of(self, subject: str) -> tuple[str, ...]:
        """Whose an experiment is, given its path."""


def _line_json(line: Requirement, owners: Owners) -> dict[str, Any]:
    return {
        "file": line.place.file,
        "line": line.place.line,
        "requirement": line.text,
        "owners": sorted(owners(line)),
    }


def _line_text(line: Requirement, owners: Owners) -> str:
    whose = " ".join(sorted(owners(line))) or NOBODY
    return f"  {line.place}: {line.text}   ({whose})"


def explanation_json(found: Explanation, name: str, owners: Owners) -> str:
    """The answer of ``fumehood explain NAME --json``."""
    return as_json(
        experiment=name,
        status=found.status,
        lines=[_line_json(line, owners) for line in found.lines],
        smallest=found.proven,
        reason=found.reason,
        remedies=[
            {
                "file": remedy.place.file,
                "line": remedy.place.line,
                "before": remedy.before,
                "after": remedy.after,
                "pins": [{"name": package, "version": version} for package, version in remedy.pins],
            }
            for remedy in found.remedies
        ],
    )


def explanation_text(found: Explanation, name: str, owners: Owners, *, others: int) -> str:
    """The answer of ``fumehood explain NAME`` for people.

    Args:
        found: The explanation.
        name: The experiment.
        owners: Whose a line is.
        others: How many other experiments a change of core's lines would concern.
    """
    if found.status == "ok":
        return f"{name} fits on core: {found.asked} resolution{'' if found.asked == 1 else 's'}, no conflict"
    if found.status == "undecided":
        return f"{name} is not decided: {found.reason}"
    count = len(found.lines)
    if found.proven:
        head = f"{name} cannot be installed on core: these {count} lines cannot hold together"
        head += ", and without any one of them the rest can" if count > 1 else ""
    else:
        head = f"{name} cannot be installed on core; among these {count} lines are some that cannot hold together"
    parts = [head, "\n".join(_line_text(line, owners) for line in found.lines)]
    if found.remark:
        parts.append(f"not proven smallest: {found.remark}")
    parts.append("because\n" + textwrap.fill(found.reason, _WIDTH, initial_indent="  ", subsequent_indent="  "))
    if found.remedies:
        steps = "\n".join(_remedy_text(remedy, others) for remedy in found.remedies)
        parts.append(f"what would mend it (each was resolved)\n{steps}")
    else:
        parts.append("no change of a single one of these lines was found to mend it")
    return "\n\n".join(parts)


def _remedy_text(remedy: Remedy, others: int) -> str:
    pins = ", ".join(f"{name} {version}" for name, version in remedy.pins)
    line = f"  {remedy.place}: {remedy.before} → {remedy.after}   gives {pins}"
    if remedy.of_core:
        line += f"\n    core's line: the {others} other experiments keep their pins, for every lock admits a wider line"
    return line


def effects_json(core: Effect, effects: Iterable[Effect], people: People) -> str:
    """The answer of ``fumehood whatif … --json``."""
    return as_json(
        core=_effect_json(core, people),
        experiments=[
            {
                "name": people.name(effect.subject),
                **_effect_json(effect, people),
                "owners": sorted(people.owners_of(effect.subject)),
            }
            for effect in effects
        ],
    )


def _effect_json(effect: Effect, people: People) -> dict[str, Any]:
    return {
        "outcome": effect.outcome,
        "pins": [{"name": move.name, "before": move.before, "after": move.after} for move in effect.pins],
        "lines": [_line_json(line, people.owners) for line in effect.lines],
        "reason": effect.reason.strip(),
    }


def effects_text(core: Effect, effects: Sequence[Effect], people: People) -> str:
    """The answer of ``fumehood whatif …`` for people."""
    lines = []
    for name, effect in [("core", core), *((people.name(effect.subject), effect) for effect in effects)]:
        if effect.outcome == "unchanged" and effect is not core:
            continue
        lines.append(f"{name}: {_outcome(effect)}")
        lines += [_line_text(line, people.owners) for line in effect.lines]
        if effect.outcome in {"conflict", "undecided"} and not effect.lines:
            lines += [f"  | {line}" for line in effect.reason.strip().splitlines()]
    return "\n".join([*lines, "", summary(effects)])


def effects_markdown(change: str, core: Effect, effects: Sequence[Effect], people: People) -> str:
    """A report to paste into a pull request."""
    rows = [
        f"| `{people.name(effect.subject)}` | {_outcome(effect)} | "
        f"{' '.join(sorted(people.owners_of(effect.subject))) or NOBODY} |"
        for effect in effects
        if effect.outcome != "unchanged"
    ]
    listing = ["| experiment | what happens | owners |", "| --- | --- | --- |", *rows] if rows else []
    return "\n".join([f"**{change}**: {summary(effects)}", "", f"Core: {_outcome(core)}.", "", *listing]).rstrip()


def summary(effects: Iterable[Effect]) -> str:
    """One line that counts the outcomes."""
    outcomes = [effect.outcome for effect in effects]
    counted = {
        "unchanged": "unchanged",
        "relocks": "lock anew",
        "conflict": "in conflict",
        "undecided": "not decided",
    }
    parts = [f"{outcomes.count(key)} {text}" for key, text in counted.items() if key in outcomes]
    return f"{len(outcomes)} experiments: {', '.join(parts) or 'none'}"


def _outcome(effect: Effect) -> str:
    match effect.outcome:
        case "unchanged":
            return "unchanged"
        case "relocks":
            moves = ", ".join(
                f"{move.name} {move.before or '(new)'} → {move.after or '(gone)'}" for move in effect.pins
            )
            return f"locks anew: {moves}"
        case "conflict":
            return "conflict"
        case "undecided":
            return "not decided"


def headroom_json(rows: Iterable[Headroom], people: People, *, pins: Mapping[str, str], to: str | None) -> str:
    """The answer of ``fumehood blockers [PACKAGE] --json``.

    Args:
        rows: How far each package could go.
        people: Names and owners.
        pins: Core's pins.
        to: The version that was asked about.
    """
    return as_json(
        packages=[
            {
                "name": row.name,
                "current": pins.get(row.name),
                "newest": None if to else row.aim or None,
                "to": to,
                "core": _held_json(row, row.core, people),
                "experiments": [
                    {"name": people.name(held.subject), **_held_json(row, held, people)} for held in row.experiments
                ],
            }
            for row in rows
        ]
    )


def _held_json(row: Headroom, held: Holdback, people: People) -> dict[str, Any]:
    return {
        "allows": held.allows or None,
        "blocks": row.blocks(held),
        "lines": [_line_json(line, people.owners) for line in held.lines],
        "owners": sorted(people.owners_of(held.subject)),
        "reason": held.reason.strip(),
    }


def headroom_text(row: Headroom, people: People, *, pins: Mapping[str, str]) -> str:
    """The answer of ``fumehood blockers PACKAGE`` for people: core first, then who holds it back."""
    lines = [f"{row.name}: core has {pins.get(row.name, 'no pin of it')}; {row.aim or 'no version'} is aimed at"]
    for held in (row.core, *row.experiments):
        name = people.name(held.subject)
        if not held.allows:
            reason = held.reason.strip().splitlines() or ["it does not get the package"]
            lines.append(f"{name}: not decided: {reason[0]}")
        elif row.blocks(held):
            lines.append(f"{name} allows {held.allows}, held back by")
            lines += [_line_text(line, people.owners) for line in held.lines]
    free = sum(bool(held.allows) and not row.blocks(held) for held in row.experiments)
    return "\n".join([*lines, f"{free} of {len(row.experiments)} experiments do not hold it back"])


def headroom_table(rows: Sequence[Headroom], people: People, *, pins: Mapping[str, str], width: int) -> str:
    """The answer of ``fumehood blockers`` for people."""
    cells = [
        (
            row.name,
            pins.get(row.name, ""),
            row.core.allows,
            row.aim,
            ", ".join(f"{people.name(held.subject)} ({held.allows})" for held in row.blockers) or "nobody",
        )
        for row in rows
    ]
    return table(("package", "core has", "core allows", "could be", "held back by"), cells, width=width)
