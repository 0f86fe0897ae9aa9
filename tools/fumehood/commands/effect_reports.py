"""What a change of core would do, for people and for programs: pure functions from values to text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fumehood.commands.people import NOBODY, line_json, line_text
from fumehood.commands.reports import as_json
from fumehood.formats.text import WIDTH, folded
from fumehood.model.plural import counted
from fumehood.reading.sources import without_credentials

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from fumehood.commands.people import People
    from fumehood.conflicts.whatif import Effect

WORDS: Mapping[str, str] = {
    "unchanged": "unchanged",
    "relocks": "lock anew",
    "conflict": "in conflict",
    "undecided": "not decided",
}
"""What is said of an experiment, by its outcome."""


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
        "lines": [line_json(line, people.owners) for line in effect.lines],
        "reason": effect.reason.strip(),
        "already": effect.already,
    }


def effects_text(core: Effect, effects: Sequence[Effect], people: People) -> str:
    """The answer of ``fumehood whatif …`` for people; what several are not decided for is said once."""
    undecided: dict[str, list[str]] = {}
    for effect in effects:
        if effect.outcome == "undecided":
            undecided.setdefault(effect.reason, []).append(people.name(effect.subject))
    lines = []
    for name, effect in [("core", core), *((people.name(effect.subject), effect) for effect in effects)]:
        if effect.outcome == "unchanged" and effect is not core:
            continue
        if effect.outcome == "undecided" and effect is not core:
            names = undecided.pop(effect.reason, [])
            lines += _effect_text(", ".join(names), effect, people) if names else []
        else:
            lines += _effect_text(name, effect, people)
    return "\n".join([*lines, "", summary(effects)])


def _effect_text(name: str, effect: Effect, people: People) -> list[str]:
    head, *moves = _outcome(effect)
    lines = [f"{name}: {head}"]
    for move in moves:  # Each stays on one line.
        if len(lines[-1]) + 1 + len(move) > WIDTH:
            lines.append(f"  {move}")
        else:
            lines[-1] += f" {move}"
    lines = folded(lines[0], "", "  ") + lines[1:]
    lines += [line_text(line, people.owners) for line in effect.lines]
    return lines if effect.outcome == "relocks" else lines + folded(effect.reason, "  | ", "  | ")


def effects_markdown(change: str, core: Effect, effects: Sequence[Effect], people: People) -> str:
    """A report to paste into a pull request."""
    rows = [
        f"| `{people.name(effect.subject)}` | {_cell(effect, people)} | "
        f"{' '.join(sorted(people.owners_of(effect.subject))) or NOBODY} |"
        for effect in effects
        if effect.outcome != "unchanged"
    ]
    listing = ["| experiment | what happens | owners |", "| --- | --- | --- |", *rows] if rows else []
    return "\n".join([f"**{change}**: {summary(effects)}", "", f"Core: {_cell(core, people)}.", "", *listing]).rstrip()


def _cell(effect: Effect, people: People) -> str:
    """What happens, with the lines in conflict or why nothing is decided, for one cell of a table."""
    reason = effect.reason.strip().partition("\n")[0]
    head = f"not decided: {reason}" if effect.outcome == "undecided" else " ".join(_outcome(effect))
    lines = (
        f"`{line.place}: {without_credentials(line.shown)}` {' '.join(sorted(people.owners(line)))}".rstrip()
        for line in effect.lines
    )
    return "<br>".join([head, *lines]).replace("|", "\\|")


def summary(effects: Iterable[Effect]) -> str:
    """One line that counts the outcomes."""
    found = tuple(effects)
    outcomes = [effect.outcome for effect in found]
    parts = {outcome: f"{outcomes.count(outcome)} {words}" for outcome, words in WORDS.items() if outcome in outcomes}
    if already := sum(effect.already for effect in found):
        parts["conflict"] += f" ({'as now' if already == outcomes.count('conflict') else f'{already} of them now too'})"
    return f"{counted(len(outcomes), 'experiment')}: {', '.join(parts.values()) or 'none'}"


def _outcome(effect: Effect) -> list[str]:
    """What happens, in pieces that are not torn apart."""
    match effect.outcome:
        case "unchanged":
            return ["unchanged"]
        case "relocks" if effect.reason:
            return [f"locks anew: {effect.reason}"]
        case "relocks":
            moves = [f"{move.name} {move.before or '(new)'} → {move.after or '(gone)'}" for move in effect.pins]
            return ["locks anew:", *(f"{move}," for move in moves[:-1]), *moves[-1:]]
        case "conflict":
            return ["conflict, as now" if effect.already else "conflict"]
        case "undecided":
            return ["not decided"]
