"""How an experiment is doing, and which step of its life comes next on which day. Arithmetic on dates, no clock."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Literal

from msgspec import Struct

from fumehood.model.experiment import RUNNING_STATES, State

if TYPE_CHECKING:
    from fumehood.model.limits import Limits

What = Literal["warn", "suspend", "remove"]


class Facts(Struct, frozen=True, kw_only=True):
    """What is known of an experiment; times in UTC, None for what is not known.

    Attributes:
        committed: When its folder was last committed to; in a shallow clone perhaps earlier.
        green: When its tests last passed.
        failing: When the first failure was since they did.
        tried: When the first result was that is known.
    """

    state: State
    committed: datetime | None = None
    green: datetime | None = None
    failing: datetime | None = None
    tried: datetime | None = None


class Step(Struct, frozen=True, kw_only=True):
    """A step and its day: its owners are warned, it is to be suspended, or its removal is proposed."""

    what: What
    on: date


class Health(Struct, frozen=True, kw_only=True):
    """What lies before an experiment if nothing happens.

    Attributes:
        reason: Why the first step is taken; empty if there is none.
        steps: By their day.
    """

    reason: str = ""
    steps: tuple[Step, ...] = ()

    def due(self, today: date) -> Step | None:
        """The last step whose day has come."""
        return next((step for step in reversed(self.steps) if step.on <= today), None)

    def coming(self, today: date) -> Step | None:
        """The first step whose day is still to come."""
        return next((step for step in self.steps if step.on > today), None)


def health(facts: Facts, limits: Limits) -> Health:
    """What follows from what is known; what is not known is no reason for anything."""
    if facts.state in RUNNING_STATES:
        onsets = sorted(_onsets(facts, limits))
        if not onsets:
            return Health()
        first, reason = onsets[0]
        suspended = _after(first, limits.suspend)
        steps = (Step(what="warn", on=first), Step(what="suspend", on=suspended))
        return Health(reason=reason, steps=(*steps, Step(what="remove", on=_after(suspended, limits.remove))))
    if facts.committed is None:
        return Health()
    day = facts.committed.date()
    if facts.state == "suspended":
        return Health(
            reason=f"suspended, and no commit since {day}",
            steps=(Step(what="remove", on=_after(day, limits.remove)),),
        )
    return Health(reason=f"{facts.state}, and still here", steps=(Step(what="remove", on=day),))


def _onsets(facts: Facts, limits: Limits) -> list[tuple[date, str]]:
    """Each reason for which an experiment is or will be stale, with the day from which it is."""
    found = []
    if facts.committed:
        day = facts.committed.date()
        found.append((_after(day, limits.commit), f"no commit since {day}"))
    if since := facts.green or facts.tried:
        day = since.date()
        what = f"no green result since {day}" if facts.green else f"no green result since its first run on {day}"
        found.append((_after(day, limits.green), what))
    if facts.failing and not (facts.committed and facts.committed > facts.failing):
        day = facts.failing.date()
        found.append((_after(day, limits.answer), f"it fails since {day}, and no commit has answered"))
    return found


def _after(day: date, days: int) -> date:
    """A day, and the last one there is where arithmetic would leave the calendar."""
    try:
        return day + timedelta(days=days)
    except OverflowError:
        return date.max
