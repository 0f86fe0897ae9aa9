"""What the results of an experiment's sessions add up to."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from fumehood.testing.results import Result


class Standing(Struct, frozen=True, kw_only=True):
    """How an experiment stands.

    Attributes:
        last: Its last result; of several sessions that of one that fails, if one does.
        green: The last result in which all tests passed that ran.
        failing: The first failure since that session was last green; the earliest of several sessions.
        tried: The first result that is known.
    """

    last: Result
    green: Result | None
    failing: Result | None
    tried: Result


def standings(results: Iterable[Result]) -> Mapping[str, Standing]:
    """How each experiment stands, by name; core's results count for none.

    Runs of a part of the tests that a user chose, and runs on the lowest versions, say nothing about the whole.

    Args:
        results: Oldest first.
    """
    by_name: dict[str, list[Result]] = {}
    for result in results:
        if result.experiment is not None and not result.is_partial and not result.lowest and when(result):
            by_name.setdefault(result.experiment, []).append(result)
    return {name: _standing(own) for name, own in by_name.items()}


def _standing(results: list[Result]) -> Standing:
    sessions: dict[object, list[Result]] = {}
    for result in results:
        sessions.setdefault(result.key, []).append(result)
    failures = [first for own in sessions.values() if (first := _first_failure(own))]
    failing = min(failures, key=lambda result: result.started, default=None)
    bad = [own[-1] for own in sessions.values() if own[-1].failed]
    return Standing(
        last=max(bad or results, key=lambda result: result.started),
        green=next((result for result in reversed(results) if result.status == "passed"), None),
        failing=failing,
        tried=results[0],
    )


def _first_failure(results: list[Result]) -> Result | None:
    """The first failure after the last pass of one session; None where it does not fail."""
    first = None
    for result in results:
        if result.failed:
            first = first or result
        elif result.status == "passed":
            first = None
    return first


def when(result: Result) -> datetime | None:
    """When a run started, in UTC; None where that cannot be read."""
    try:
        found = datetime.fromisoformat(result.started)
    except ValueError:
        return None
    return found if found.tzinfo else None
