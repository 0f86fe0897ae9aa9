"""The smallest set of lines in conflict, held against brute force over families of sets that fail."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Struct, field

from fumehood.conflicts.probe import Answer, BudgetError
from fumehood.conflicts.smallest import Smallest, smallest
from fumehood.errors import Place
from fumehood.reading.requirement_line import parse_line

if TYPE_CHECKING:
    from collections.abc import Iterable

    from fumehood.model.requirement import Requirement


class Family(Struct):
    """Answers from sets of lines of which each fails, and every larger set with it; counts what it is asked."""

    failing: tuple[frozenset[Requirement], ...]
    limit: int = 1000
    asked: int = 0
    known: dict[frozenset[Requirement], bool] = field(default_factory=dict)

    def ask(self, lines: Iterable[Requirement]) -> Answer:
        chosen = frozenset(lines)
        for seen, fails in self.known.items():
            if (fails and seen <= chosen) or (not fails and chosen <= seen):
                return Answer(status="fails" if fails else "holds")
        if self.asked >= self.limit:
            raise BudgetError
        self.asked += 1
        self.known[chosen] = any(conflict <= chosen for conflict in self.failing)
        return Answer(status="fails" if self.known[chosen] else "holds")

    def fewest(self, lines: Iterable[Requirement]) -> list[Requirement]:
        fewest = min((seen for seen, fails in self.known.items() if fails), key=len, default=frozenset())
        return [line for line in lines if line in fewest]


def lines(count: int) -> list[Requirement]:
    return [parse_line(f"package-{number}>=1", place=Place("requirements.txt", number + 1)) for number in range(count)]


def family(given_lines: list[Requirement], *conflicts: Iterable[int], limit: int = 1000) -> Family:
    failing = tuple(frozenset(given_lines[index] for index in conflict) for conflict in conflicts)
    return Family(failing, limit)


FAMILIES = st.integers(1, 9).flatmap(
    lambda count: st.tuples(
        st.just(count),
        st.lists(st.sets(st.integers(0, count - 1), min_size=1), min_size=1, max_size=4),
        st.sets(st.integers(0, count - 1)),
    )
)


@settings(deadline=None)
@given(FAMILIES)
def test_the_result_fails_and_without_any_one_line_it_does_not(made: tuple[int, list[set[int]], set[int]]) -> None:
    count, conflicts, hinted = made
    every = lines(count)
    asker = family(every, *conflicts)
    text = " and ".join(str(every[index].name) for index in hinted)
    found = smallest(asker, every, text=text)
    irreducible = [
        set(some)
        for size in range(1, count + 1)
        for some in combinations(every, size)
        if any(conflict <= set(some) for conflict in asker.failing)
        and not any(conflict <= set(some) - {line} for line in some for conflict in asker.failing)
    ]
    assert found.proven
    assert set(found.lines) in irreducible
    assert list(found.lines) == [line for line in every if line in found.lines]


@settings(deadline=None)
@given(FAMILIES, st.integers(0, 12))
def test_when_time_runs_out_the_lines_still_fail_and_are_not_called_smallest(
    made: tuple[int, list[set[int]], set[int]], limit: int
) -> None:
    count, conflicts, _ = made
    every = lines(count)
    asker = family(every, *conflicts, limit=limit)
    found = smallest(asker, every, text="")
    assert any(conflict <= set(found.lines) for conflict in asker.failing)
    if not found.proven:
        resolutions = f"{limit} resolution{'' if limit == 1 else 's'}"
        assert found.remark == f"the time was used up after {resolutions}; fewer of these lines may clash already"


@pytest.mark.parametrize("size", [2, 3])
def test_a_truthful_hint_keeps_a_conflict_among_25_lines_below_12_questions(size: int) -> None:
    every = lines(25)
    most = 0
    for conflict in combinations(range(25), size):
        asker = family(every, conflict)
        hint = "because " + " and ".join(f"package-{index}" for index in conflict)
        found = smallest(asker, every, text=hint)
        assert found == Smallest(lines=tuple(every[index] for index in conflict), proven=True)
        most = max(most, asker.asked)
    assert most <= {2: 3, 3: 5}[size]


@pytest.mark.parametrize("size", [2, 3])
def test_without_a_hint_a_conflict_among_25_lines_takes_a_few_questions_more(size: int) -> None:
    every = lines(25)
    most = 0
    for conflict in combinations(range(25), size):
        asker = family(every, conflict)
        assert set(smallest(asker, every, text="").lines) == {every[index] for index in conflict}
        most = max(most, asker.asked)
    assert most <= {2: 12, 3: 18}[size]


def test_a_hint_that_lies_costs_questions_and_changes_nothing() -> None:
    every = lines(25)
    asker = family(every, (3, 20))
    found = smallest(asker, every, text="package-1 and package-7 disagree about package-24")
    assert found.lines == (every[3], every[20])
    assert found.proven


def test_lines_without_a_name_are_always_suspects() -> None:
    every = [*lines(3), parse_line("./lib", place=Place("requirements.txt", 4))]
    asker = family(every, (0, 3))
    assert smallest(asker, every, text="package-0").lines == (every[0], every[3])
    assert asker.asked == 3


def test_what_cannot_be_resolved_without_a_line_either_is_not_called_proven() -> None:
    every = lines(2)

    class Unsure(Family):
        def ask(self, lines: Iterable[Requirement]) -> Answer:
            chosen = frozenset(lines)
            return Answer(status="fails") if len(chosen) == 2 else Answer(status="undecided")

    found = smallest(Unsure(()), every, text="")
    remark = "without package-0>=1 it could not be resolved either"
    assert found == Smallest(lines=tuple(every), proven=False, remark=remark)
