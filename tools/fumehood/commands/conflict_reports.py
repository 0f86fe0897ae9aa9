"""What explain and blockers found, for people and for programs: pure functions from values to text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fumehood.commands.effect_reports import WORDS, summary
from fumehood.commands.people import CORE, line_json, line_text
from fumehood.commands.reports import as_json, table
from fumehood.formats.text import folded
from fumehood.model.plural import counted

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from fumehood.commands.people import People
    from fumehood.conflicts.blockers import Headroom, Holdback
    from fumehood.conflicts.explain import Explanation
    from fumehood.conflicts.remedies import Remedy
    from fumehood.conflicts.whatif import Effect


def explanation_json(found: Explanation, name: str, people: People, others: Mapping[Remedy, Sequence[Effect]]) -> str:
    """The answer of ``fumehood explain NAME --json``."""
    return as_json(
        experiment=name,
        status=found.status,
        lines=[line_json(line, people.owners) for line in found.lines],
        smallest=found.proven,
        reason=found.reason,
        resolutions=found.asked,
        remedies=[_remedy_json(remedy, people, others.get(remedy)) for remedy in found.remedies],
        notes=[text for text in (found.remark, _cut_short(found), *found.notes) if text],
    )


def _remedy_json(remedy: Remedy, people: People, others: Sequence[Effect] | None) -> dict[str, Any]:
    content: dict[str, Any] = {
        "file": remedy.place.file,
        "line": remedy.place.line,
        "before": remedy.before,
        "after": remedy.after,
        "pins": [{"name": package, "version": version} for package, version in remedy.pins],
    }
    if others is not None:
        content["others"] = [{"name": people.name(one.subject), "outcome": one.outcome} for one in others]
    return content


def explanation_text(found: Explanation, name: str, people: People, others: Mapping[Remedy, Sequence[Effect]]) -> str:
    """The answer of ``fumehood explain NAME`` for people.

    Args:
        found: The explanation.
        name: The experiment.
        people: Names and owners.
        others: What a change of core's line would do to the other experiments, by remedy, where that was tried.
    """
    origins = [f"{package} comes from {index}" for package, index in found.indexes]
    if found.status == "ok":
        head = f"{name} fits on core" if name != CORE else "core's lines hold together"
        return "\n".join([f"{head}: {counted(found.asked, 'resolution')}, no conflict", *origins])
    if found.status == "undecided":
        return "\n".join(folded(f"{name}: not decided: {found.reason}", "", "  "))
    parts = [
        "\n".join(folded(_head(found, name), "", "")),
        "\n".join(line_text(line, people.owners) for line in found.lines),
    ]
    if found.remark:
        parts.append("\n".join(folded(f"not proven smallest: {found.remark}", "", "  ")))
    parts.append("\n".join(["because", *folded(found.reason, "  ", "  ")]))
    if origins:
        parts.append("\n".join(origins))
    if found.remedies:
        steps = [line for remedy in found.remedies for line in _remedy_text(remedy, people, others.get(remedy))]
        parts.append("\n".join(["what would mend it (each was resolved)", *steps]))
    if found.is_cut_short:
        parts.append("\n".join(folded(_cut_short(found), "", "")))
    elif not found.remedies:
        parts.append("no change of a single one of these lines was found to mend it")
    return "\n\n".join([*parts, *("\n".join(folded(note, "", "  ")) for note in found.notes)])


def _cut_short(found: Explanation) -> str:
    if not found.is_cut_short:
        return ""
    known = "; other changes may mend it too" if found.remedies else ", before any change was seen to mend it"
    return f"the time was used up after {counted(found.asked, 'resolution')}{known}"


def _head(found: Explanation, name: str) -> str:
    what = f"{name} cannot be installed on core" if name != CORE else "core cannot be installed"
    count = len(found.lines)
    if count == 1:
        return f"{what}: this line cannot hold"
    rest = ", and without any one of them the rest can" if found.proven else ""
    return f"{what}: these {count} lines cannot hold together{rest}"


def _remedy_text(remedy: Remedy, people: People, others: Sequence[Effect] | None) -> list[str]:
    pins = ", ".join(f"{name} {version}" for name, version in remedy.pins)
    lines = folded(f"{remedy.place}: {remedy.before} → {remedy.after}", "  ", "      ")
    lines += folded(f"gives {pins}", "    ", "      ")
    if not remedy.of_core:
        return lines
    if remedy.is_wider:
        what = "it only becomes wider, so every pin of the other experiments still fits"
    elif others is None:
        what = f"`fumehood whatif '{remedy.after}'` says what that does to the other experiments"
    else:
        touched = [f"{people.name(one.subject)} {WORDS[one.outcome]}" for one in others if one.outcome != "unchanged"]
        what = f"of {summary(others)}" + (f" ({', '.join(touched)})" if touched else "")
    return [*lines, *folded(f"core's line: {what}", "    ", "      ")]


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
        "lines": [line_json(line, people.owners) for line in held.lines],
        "owners": sorted(people.owners_of(held.subject)),
        "reason": held.reason.strip(),
    }


def headroom_text(row: Headroom, people: People, *, pins: Mapping[str, str]) -> str:
    """The answer of ``fumehood blockers PACKAGE`` for people: core first, then who holds it back."""
    lines = [f"{row.name}: core has {pins.get(row.name, 'no pin of it')}; {row.aim or 'no version'} is aimed at"]
    for held in (row.core, *row.experiments):
        name = people.name(held.subject)
        if held.is_conflict or not held.allows:
            lines += _why_unknown(name, held)
        elif row.blocks(held):
            unknown = "" if held.lines else " what was not found out"
            lines.append(f"{name} allows {held.allows}, held back by{unknown}")
            lines += [line_text(line, people.owners) for line in held.lines]
    free = sum(bool(held.allows) and not row.blocks(held) for held in row.experiments)
    verb = "does" if 1 in {free, len(row.experiments)} else "do"
    return "\n".join([*lines, f"{free} of {counted(len(row.experiments), 'experiment')} {verb} not hold it back"])


def _why_unknown(name: str, held: Holdback) -> list[str]:
    reason, _, _ = held.reason.strip().partition("\n")
    what = f"its lines cannot hold together: see `fumehood explain {name}`"
    return folded(f"{name}: {what if held.is_conflict else f'not decided: {reason}'}", "", "  ")


def _blockers(row: Headroom, people: People) -> list[str]:
    core = [CORE] if row.blocks(row.core) else []  # What its lines allow has a column of its own.
    return [*core, *(f"{people.name(held.subject)} ({held.allows})" for held in row.blockers)]


def headroom_table(rows: Sequence[Headroom], people: People, *, pins: Mapping[str, str], width: int) -> str:
    """The answer of ``fumehood blockers`` for people."""
    cells = [
        (
            row.name,
            pins.get(row.name, ""),
            row.core.allows,
            row.aim,
            ", ".join(_blockers(row, people)) or "nobody",
        )
        for row in rows
    ]
    shown = table(("package", "core has", "core allows", "could be", "held back by"), cells, width=width)
    unknown = {held.subject: held for row in rows for held in row.everybody if held.reason or held.is_conflict}
    notes = [line for subject, held in unknown.items() for line in _why_unknown(people.name(subject), held)]
    return "\n".join([shown, "", *notes]) if notes else shown
