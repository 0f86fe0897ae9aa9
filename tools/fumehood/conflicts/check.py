"""Can each experiment live on this core? From locks where they hold, from the lines alone, and only then from uv."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from fumehood.conflicts.static import CoreLines, clashes
from fumehood.errors import ConflictError, FumehoodError
from fumehood.locking.many import Resolutions
from fumehood.locking.obtain import core_lock, remember, remembered
from fumehood.model.finding import CheckAnswer, Finding, Undecided
from fumehood.model.lock import LayeredLock, Lock

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from fumehood.locking.book import LockBook
    from fumehood.locking.many import Progress
    from fumehood.model.experiment import Experiment, Target
    from fumehood.outside.uv import Uv

RESOLVED = "conflict/resolved"
STALE = "lock/stale"


@dataclass(slots=True)
class Check:
    """One check of a repository; what it finds is collected.

    Attributes:
        offline: Neither uv nor the network: what locks and lines do not settle stays undecided.
    """

    book: LockBook
    uv: Uv
    scratch: Path
    progress: Progress
    offline: bool
    findings: list[Finding] = field(default_factory=list)
    undecided: list[Undecided] = field(default_factory=list)

    def run(self, experiments: Sequence[tuple[Experiment, Target]]) -> CheckAnswer:
        """Check core's lock and the experiments.

        Raises:
            ConfigurationError: Core's own requirement files are wrong.
        """
        core = self._core(self.book.store.committed(self.book.repository.core.lock))
        lines = CoreLines.of(self.book.core_inputs.requirements, python=self.book.python())
        pending: dict[str, tuple[Experiment, Target]] = {}
        for experiment, target in experiments:
            try:
                if not self._is_settled(experiment, target, core, lines):
                    pending[target.subject] = (experiment, target)
            except FumehoodError as error:
                self.undecided.append(Undecided(experiment=experiment.name, reason=str(error)))
        if core is not None:
            self._resolve(pending, core)
        return CheckAnswer(
            findings=tuple(sorted(self.findings)),
            undecided=tuple(sorted(self.undecided)),
            checked=len(experiments),
        )

    def _core(self, committed: Lock | None) -> Lock | None:
        """The core lock to check against; None where there is none and none can be made."""
        path = self.book.repository.core.lock
        shown = clashes(self.book.core_inputs.requirements, python=self.book.python())
        self.findings += [clash.as_finding("") for clash in shown]
        reasons = self.book.core_reasons(committed) if committed else ()
        self.findings += [_stale("", path, reason) for reason in reasons]
        if shown:
            return None
        uv = replace(self.uv, offline=True) if self.offline else self.uv
        try:
            return core_lock(self.book, uv, committed, locked=False)[0]
        except ConflictError as error:
            self.findings.append(_conflict("", path, error))
        except FumehoodError as error:
            self.undecided.append(Undecided(experiment="", reason=str(error)))
        return None

    def _is_settled(self, experiment: Experiment, target: Target, core: Lock | None, lines: CoreLines) -> bool:
        """Decide from locks and lines, if that can be."""
        shown = lines.clashes_with(self.book.inputs(target).requirements)
        self.findings += [clash.as_finding(experiment.name) for clash in shown]
        if shown:
            return True
        if core is None:
            reason = "core's own requirements have to hold together first"
            self.undecided.append(Undecided(experiment=experiment.name, reason=reason))
            return True
        delta = self.book.store.committed(target.lock)
        layered = LayeredLock(core=core, delta=delta) if delta else None
        reasons = self.book.reasons(target, layered) if layered else ()
        self.findings += [_stale(experiment.name, target.lock, reason) for reason in reasons]
        if (layered and not reasons and self.book.is_proven(layered)) or remembered(self.book, target, core):
            return True
        if self.offline:
            reason = "its lock is missing or not current, so only resolving could tell"
            self.undecided.append(Undecided(experiment=experiment.name, reason=reason))
        return self.offline

    def _resolve(self, pending: dict[str, tuple[Experiment, Target]], core: Lock) -> None:
        """Ask uv about the rest; what it finds is kept in the cache, where sessions find it."""
        resolutions = Resolutions(self.uv, self.book.repository.root, self.scratch, self.progress)
        questions = [
            self.book.question(target, core, self.book.store.committed(target.lock)) for _, target in pending.values()
        ]
        for subject, pins in resolutions.answers(questions).items():
            remember(self.book, pending[subject][1], core, pins)
        for subject, error in resolutions.failures.items():
            experiment, target = pending[subject]
            if isinstance(error, ConflictError):
                file = target.requirements[0].path if target.requirements else target.subject
                self.findings.append(_conflict(experiment.name, file, error))
            else:
                self.undecided.append(Undecided(experiment=experiment.name, reason=str(error)))


def _stale(experiment: str, path: str, reason: str) -> Finding:
    return Finding(
        experiment=experiment,
        file=path,
        line=0,
        rule=STALE,
        severity="error",
        message=f"the lock is not current: {reason}",
        remedy="run `fumehood lock` and commit what it writes",
    )


def _conflict(experiment: str, file: str, error: ConflictError) -> Finding:
    return Finding(
        experiment=experiment,
        file=file,
        line=0,
        rule=RESOLVED,
        severity="error",
        message=error.what,
        remedy=f"`fumehood explain {experiment or 'core'}` finds the lines, and what would mend it",
        details=tuple(line.strip() for line in (error.details or "").strip().splitlines()),
    )
