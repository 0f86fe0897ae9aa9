"""From what is asked for to what has to be run: experiments with what their tests need, whose they are, and why."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from msgspec import Struct, field

from fumehood.ci.jobs import LeftOut, Wanted
from fumehood.ci.overrides import ALL, CORE
from fumehood.model.experiment import RUNNING_STATES, core_target, session_name
from fumehood.outside.files import digest_file
from fumehood.testing.needed import needs_of_tests
from fumehood.testing.needs import TestNeeds

if TYPE_CHECKING:
    from collections.abc import Iterable

    from fumehood.ci.overrides import Wish
    from fumehood.model.experiment import Experiment, RequirementSource
    from fumehood.model.selection import Reason, Selection
    from fumehood.repository import Repository

EVERYTHING = "everything was asked for"


class Why(Struct, frozen=True, kw_only=True):
    """Why something is run, and whether its failure stops nothing."""

    reason: str
    advisory: bool


class Chosen(Struct, kw_only=True):
    """What is to be run, by the names of experiments; core has none.

    Attributes:
        left_out: What was asked for and is not run.
        unknown: Names that were asked for and that nothing has.
    """

    whys: dict[str, Why] = field(default_factory=dict)
    left_out: set[LeftOut] = field(default_factory=set)
    unknown: list[Wish] = field(default_factory=list)


def choose_all(repository: Repository) -> Chosen:
    """Everything that runs; a failure of any of it is one of the run, since no change is to be judged."""
    chosen = Chosen()
    for name in ("", *_running(repository)):
        chosen.whys[name] = Why(reason=EVERYTHING, advisory=False)
    _leave_out_suspended(repository, chosen)
    return chosen


def choose(repository: Repository, selection: Selection, wishes: Iterable[Wish]) -> Chosen:
    """What a change affects, and what was asked for beside it.

    An experiment that the change is in has to hold; of others that fail it is only reported.
    """
    chosen = Chosen()
    if selection.core:
        chosen.whys[""] = Why(reason=_said(selection.core_reasons), advisory=False)
    for one in selection.experiments:
        chosen.whys[one.name] = Why(reason=_said(one.reasons), advisory=not one.is_own)
    running = _running(repository)
    known = {experiment.name for experiment in repository.experiments}
    for wish in wishes:
        match wish.name:
            case str(name) if name.lower() == ALL:
                names: Iterable[str] = ("", *running)
            case str(name) if name == CORE and CORE not in known:
                names = ("",)
            case name:
                names = (name,) if name in running else ()
                if name not in running and name not in known:
                    chosen.unknown.append(wish)
        for name in names:
            chosen.whys.setdefault(name, Why(reason=f"asked for by {wish.where}", advisory=bool(name)))
    _leave_out_suspended(repository, chosen)
    return chosen


def _said(reasons: tuple[Reason, ...]) -> str:
    """The first chain of reasons, as one line."""
    more = f" (and {len(reasons) - 1} more)" if len(reasons) > 1 else ""
    return " → ".join(reasons[0]) + more if reasons else ""


def _running(repository: Repository) -> list[str]:
    names = [one.name for one in repository.experiments if one.state in RUNNING_STATES]
    return sorted([*names, *(broken.name for broken in repository.broken)])


def _leave_out_suspended(repository: Repository, chosen: Chosen) -> None:
    for one in repository.experiments:
        if one.state not in RUNNING_STATES and one.tests:
            chosen.left_out.add(LeftOut(name=one.name, reason=f"it is {one.state} ({one.manifest})"))


def wanted(repository: Repository, chosen: Chosen) -> list[Wanted]:
    """Experiments and core with all that decides about their jobs; test files are read, and nothing is imported.

    Raises:
        ConfigurationError: A manifest's GPUs cannot be read.
    """
    found = []
    by_name = {experiment.name: experiment for experiment in repository.experiments}
    broken = {one.name for one in repository.broken if session_name(one.name).isprintable()}
    for name, why in sorted(chosen.whys.items()):
        if not name:
            found += _core(repository, why)
        elif name in by_name:
            found.append(_experiment(repository, by_name[name], why))
        elif name in broken:
            session = session_name(name)
            found.append(
                Wanted(experiment=name, session=session, needs=TestNeeds(), advisory=why.advisory, reason=why.reason)
            )
        else:
            chosen.left_out.add(LeftOut(name=ascii(name), reason="its name cannot be that of a session"))
    return found


def _core(repository: Repository, why: Why) -> list[Wanted]:
    core = repository.core
    if not core.tests:
        return []
    target = core_target(core)
    return [
        Wanted(
            experiment="",
            session=target.session,
            pythons=core.pythons,
            needs=needs_of_tests(repository, None),
            timeout=core.timeout,
            advisory=why.advisory,
            reason=why.reason,
            lock=_lock_digest(repository, target.lock, target.requirements),
        )
    ]


def _experiment(repository: Repository, experiment: Experiment, why: Why) -> Wanted:
    return Wanted(
        experiment=experiment.name,
        session=experiment.session,
        pythons=experiment.pythons,
        needs=needs_of_tests(repository, experiment),
        demand=experiment.gpus,
        timeout=experiment.timeout,
        advisory=why.advisory,
        reason=why.reason,
        owners=experiment.owners,
        lock=_lock_digest(repository, experiment.lock, experiment.requirements),
    )


def _lock_digest(repository: Repository, lock: str, requirements: tuple[RequirementSource, ...]) -> str:
    """What names the packages of an environment: core's part and its own, from locks, else from requirement files."""
    core = _digest(repository, repository.core.lock, repository.core.requirements)
    return f"{core}-{_digest(repository, lock, requirements)}"


def _digest(repository: Repository, lock: str, requirements: tuple[RequirementSource, ...]) -> str:
    digests = [digest_file(repository.root / lock)]
    if digests == [None]:
        digests = [digest_file(repository.root / source.path) for source in requirements]
    return hashlib.sha256(repr(digests).encode()).hexdigest()[:12]
