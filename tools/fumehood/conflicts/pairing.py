"""Which experiments could share one environment: from their locks, from their lines, and from uv where these differ."""

from __future__ import annotations

import contextlib
import functools
import itertools
from typing import TYPE_CHECKING

from msgspec import Struct, field
from msgspec.structs import replace

from fumehood.conflicts.joint import JointQuestion, texts_of
from fumehood.conflicts.pairs import Member, Pair, Sharing, Verdict, common_pythons, groups, is_certified
from fumehood.conflicts.static import CoreLines
from fumehood.errors import FumehoodError
from fumehood.model.lock import by_name
from fumehood.reading.sources import Inputs, without_credentials

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from packaging.utils import NormalizedName

    from fumehood.conflicts.joint import Joint
    from fumehood.conflicts.static import Clash
    from fumehood.locking.book import LockBook
    from fumehood.model.experiment import Experiment, Target
    from fumehood.model.finding import CheckAnswer
    from fumehood.model.lock import LayeredLock, Pin

_NOTHING_IN_COMMON = "they have no Python version in common"


class Pairing(Struct, dict=True):
    """Finds out which experiments could share an environment.

    Attributes:
        locks: Of those that fit on core by themselves, by their paths; all on one core lock.
        joint: Asks uv; None to leave undecided what locks and lines do not settle.
    """

    book: LockBook
    locks: Mapping[str, LayeredLock]
    joint: Joint | None
    _static: dict[str, CoreLines] = field(default_factory=dict)

    @functools.cached_property
    def _core(self) -> Mapping[NormalizedName, tuple[Pin, ...]]:
        """Core's pins, which all locks have in common."""
        return next((by_name(lock.core.pins) for lock in self.locks.values()), {})

    def share(self, experiments: Sequence[tuple[Experiment, Target]], checked: CheckAnswer) -> Sharing:
        """Decide about every pair, and find groups.

        Args:
            experiments: Those to decide about.
            checked: What checking each of them on core came to.
        """
        members = sorted(self._members(experiments, checked), key=lambda member: member.name)
        by_names = {member.name: member for member in members}
        verdicts = self._verdicts(list(itertools.combinations(members, 2)))
        fitting: dict[str, set[str]] = {}
        for (first, second), verdict in verdicts.items():
            if verdict.outcome == "fits":
                fitting.setdefault(first, set()).add(second)
                fitting.setdefault(second, set()).add(first)

        def holds(names: Sequence[str]) -> bool:
            if all(verdicts[pair].certified for pair in itertools.combinations(sorted(names), 2)):
                return True  # Whatever any two of them have in common is the same, so it is for all of them.
            return self._together([by_names[name] for name in names])

        return Sharing(
            alone=tuple((member.name, Verdict(outcome=member.outcome, reason=member.reason)) for member in members),
            pairs=tuple(Pair(first=one, second=two, verdict=verdict) for (one, two), verdict in verdicts.items()),
            groups=groups({name: frozenset(others) for name, others in fitting.items()}, holds),
        )

    def _members(self, experiments: Iterable[tuple[Experiment, Target]], checked: CheckAnswer) -> Iterator[Member]:
        conflicts = {finding.experiment: finding.message for finding in checked.findings if finding.is_conflict}
        undecided = {item.experiment: item.reason for item in checked.undecided}
        if core := undecided.get(""):  # What keeps core from being decided keeps all from it.
            undecided = dict.fromkeys(undecided, f"core is not decided: {core}")
        elif "" in conflicts:
            undecided = dict.fromkeys(undecided, "core cannot be installed by itself: see `fumehood explain core`")
        for experiment, target in experiments:
            name, inputs = experiment.name, Inputs()
            with contextlib.suppress(FumehoodError):  # The check has said why it is not decided.
                inputs = self._own(target)
            if name in conflicts:
                yield Member(name=name, target=target, outcome="conflict", reason=conflicts[name], inputs=inputs)
            elif name in undecided:
                yield Member(name=name, target=target, outcome="undecided", reason=undecided[name], inputs=inputs)
            else:
                delta = self._delta(target)
                yield Member(name=name, target=target, outcome="fits", inputs=inputs, delta=delta)

    def _own(self, target: Target) -> Inputs:
        """A target's own lines; those that it includes from core's files are core's."""
        core = {line.place for line in self.book.core_inputs.requirements}
        inputs = self.book.inputs(target)
        return replace(inputs, requirements=tuple(line for line in inputs.requirements if line.place not in core))

    def _delta(self, target: Target) -> Mapping[NormalizedName, tuple[Pin, ...]]:
        """What a target has instead of core's pins."""
        delta = self.locks[target.subject].delta
        return {**dict.fromkeys(delta.header.removes, ()), **by_name(delta.pins)}

    def _verdicts(self, pairs: Sequence[tuple[Member, Member]]) -> dict[tuple[str, str], Verdict]:
        """A verdict for each pair, in the order given."""
        found: dict[tuple[str, str], Verdict] = {}
        open_: dict[tuple[str, str], JointQuestion] = {}
        for first, second in pairs:
            pair = first.name, second.name
            known = self._by_itself(first, second) or self._from_locks(first, second)
            if known is None:
                open_[pair] = self._question([first, second])
            found[pair] = known or Verdict(outcome="undecided", reason="their locks differ; only resolving could tell")
        if self.joint:
            answers = self.joint.answers(open_.values())
            for pair, question in open_.items():
                verdict = answers[question.key]
                # The same lines stand elsewhere in another pair.
                found[pair] = replace(verdict, lines=question.own(texts_of(verdict.lines)))
        return found

    def _by_itself(self, first: Member, second: Member) -> Verdict | None:
        """What one of them, or the lines of both, tell about a pair; None if nothing."""
        for member in (first, second):
            if member.outcome == "conflict":
                return Verdict(outcome="conflict", reason=f"{member.name} does not fit on core by itself")
        pythons = common_pythons([first.target, second.target])
        if pythons is None:
            return Verdict(outcome="conflict", reason=_NOTHING_IN_COMMON)
        if shown := self._clashes(first, second, self.book.python_for(pythons)):
            return Verdict(outcome="conflict", lines=shown[0].lines)
        for member in (first, second):
            if member.outcome == "undecided":
                return Verdict(outcome="undecided", reason=f"{member.name} is not decided by itself: {member.reason}")
        return None

    def _clashes(self, first: Member, second: Member, python: str) -> tuple[Clash, ...]:
        names = {line.name for line in first.inputs.requirements} & {line.name for line in second.inputs.requirements}
        lines = [line for member in (first, second) for line in member.inputs.requirements if line.name in names]
        if python not in self._static:
            core = self.book.core_inputs
            self._static[python] = CoreLines.of(core.requirements, python=python, settings=core.settings)
        return self._static[python].clashes_with(lines)

    def _from_locks(self, first: Member, second: Member) -> Verdict | None:
        """What the locks of two that fit by themselves tell; None if only resolving could tell."""
        python = self.book.python_for(common_pythons([first.target, second.target]) or ())
        if is_certified(first, second, core=self._core, python=python):
            return Verdict(outcome="fits", certified=True)
        indexes = dict.fromkeys(member.inputs.options.index_url for member in (first, second))
        if len(indexes) > 1 and all(indexes):
            named = without_credentials(" and ".join(map(str, indexes)))
            return Verdict(outcome="undecided", reason=f"their packages come from different places, {named}")
        return None

    def _question(self, members: Sequence[Member]) -> JointQuestion:
        preferred = dict(self._core)
        for member in reversed(members):
            preferred |= {name: pins for name, pins in member.delta.items() if pins}
        return JointQuestion(
            inputs=sum((member.inputs for member in members), self.book.core_inputs),
            python=self.book.python_for(common_pythons(member.target for member in members) or ()),
            preferred=tuple(itertools.chain.from_iterable(preferred.values())),
        )

    def _together(self, members: Sequence[Member]) -> bool:
        """Whether three or more fit together, for certain."""
        if self.joint is None or common_pythons(member.target for member in members) is None:
            return False
        return self.joint.answer(self._question(members)).outcome == "fits"
