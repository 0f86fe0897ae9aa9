"""The measures: times, first imports, disk and memory. Each takes contenders in an order that alternates."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from bench import measure, startup
from bench.measure import FailedError
from bench.ours import Fumehood, FumehoodNox
from bench.tools import UvRunAnew
from bench.workload import EXPERIMENTS, HEAVY, write

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from bench.contender import Contender, State
    from bench.results import Results

STATES: tuple[State, ...] = ("cold", "core", "layers")
_REPEATED = "units"
_SAME = (FumehoodNox, UvRunAnew)
"""Those whose environments are the ones of another contender."""
_FIRST, _FURTHER = "boosting", "units"
_IMPORT = f"import {', '.join(HEAVY)}"
_REPEATS = 5
"""How many times more often the short measures are taken than the long ones."""
_LONG = 2
"""How often at most fumehood is timed from nothing, and by nox with layers to build: half a minute and more each."""


class Trial(Struct, frozen=True, kw_only=True):
    """What every measure needs.

    Attributes:
        contenders: Those that are ready to run.
        repetitions: Of the long measures.
        deadline: When no further repetition is begun, as `measure.clock` counts.
        say: Called with one line of progress.
    """

    contenders: tuple[Contender, ...]
    results: Results
    repetitions: int
    deadline: float
    say: Callable[[str], None]

    @property
    def is_over(self) -> bool:
        """Whether the time is used up."""
        return measure.clock() > self.deadline

    def rounds(self, name: str, count: int) -> Iterator[tuple[int, Contender]]:
        """Every contender `count` times, back and forth, so that a slow spell of the machine falls on all alike.

        Once at least; after that, only while there is time.
        """
        for number in range(count):
            if number and self.is_over:
                return
            self.say(f"{name}: {number + 1} of {count}")
            for contender in self.contenders if number % 2 == 0 else reversed(self.contenders):
                if not self.results.failed(contender.name, name):
                    yield number, contender

    def attempt(self, name: str, contender: Contender, action: Callable[..., None], *arguments: object) -> None:
        """Call ``action(results, contender, …)``; a failure is part of the results."""
        try:
            action(self.results, contender, *arguments)
        except (FailedError, OSError) as error:
            self.results.fail(contender.name, name, error)


def warm_up(trial: Trial) -> Trial:
    """Let everybody run once, so that the caches of all hold what they need; the network only where that fails.

    Whoever has done so in an earlier benchmark, for the same pins, need not again.
    """
    ready: list[Contender] = []
    for contender in trial.contenders:
        note = contender.place.folder / "warm" / type(contender).__name__
        pins = repr(contender.workload.whole)
        try:
            contender.write()
            if "cold" not in contender.states or not note.exists() or note.read_text(encoding="utf-8") != pins:
                trial.say(f"warming up {contender.name}")
                _warm(contender)
                write(note.parent, note.name, pins)
        except (FailedError, OSError) as error:
            trial.results.fail(contender.name, "warm-up", error)
        else:
            ready.append(contender)
    return replace(trial, contenders=tuple(ready))


def _warm(contender: Contender) -> None:
    contender.strip("cold")
    try:
        _everything(contender)
    except FailedError:
        _everything(replace(contender, place=replace(contender.place, online=True)))


def _everything(contender: Contender) -> measure.Spent:
    return measure.run(contender.everything(), contender.folder, contender.environ)


def times(trial: Trial) -> None:
    """Ten environments: with only uv's cache there, with the core layer there, with all layers there."""
    for number, contender in trial.rounds("times", trial.repetitions):
        for state in contender.states:
            if number < _LONG or not _takes_long(contender, state):
                trial.attempt("times", contender, _timed, state)


def _takes_long(contender: Contender, state: State) -> bool:
    if isinstance(contender, FumehoodNox):
        return state != "layers"
    return isinstance(contender, Fumehood) and state == "cold"


def _timed(results: Results, contender: Contender, state: State) -> None:
    contender.strip(state)
    spent = _everything(contender)
    for shown in STATES if contender.states == ("cold",) else (state,):
        results.add_spent(shown, contender.name, spent)


def repeat(trial: Trial) -> None:
    """One environment once more, with nothing changed."""
    for contender in trial.contenders:
        if not isinstance(contender, UvRunAnew):
            trial.attempt("repeat", contender, _make, _REPEATED)
    for _, contender in trial.rounds("repeat", trial.repetitions * _REPEATS):
        if not isinstance(contender, UvRunAnew):
            trial.attempt("repeat", contender, _repeat)
        if isinstance(contender, FumehoodNox):  # beside what is compared with it, so that both see the same machine
            startup.empty_session(contender.place, trial.results)


def _make(_: Results, contender: Contender, experiment: str) -> None:
    measure.run(contender.one(experiment), contender.folder, contender.environ)


def _repeat(results: Results, contender: Contender) -> None:
    spent = measure.run(contender.one(_REPEATED), contender.folder, contender.environ)
    results.add_spent("repeat", contender.name, spent)


def imports(trial: Trial) -> None:
    """The first import of heavy packages in the first environment and in a further one, with the bytes it writes."""
    for _, contender in trial.rounds("imports", max(1, trial.repetitions // 2)):
        if not isinstance(contender, _SAME):
            trial.attempt("imports", contender, _import)


def _import(results: Results, contender: Contender) -> None:
    contender.strip("cold")
    for experiment, place in ((_FIRST, "first"), (_FURTHER, "further")):
        _make(results, contender, experiment)
        importing = ((*contender.python(experiment), "-c", _IMPORT),)
        before = _footprint(contender)
        spent = measure.run(importing, contender.folder, contender.environ)
        results.add_spent(f"import_{place}", contender.name, spent)
        results.add(f"import_{place}_bytes", contender.name, (_footprint(contender) - before).size)
        spent = measure.run(importing, contender.folder, contender.environ)
        results.add_spent(f"import_{place}_again", contender.name, spent)


def _footprint(contender: Contender) -> measure.Footprint:
    place = contender.place
    return measure.footprint([contender.folder, place.uv_cache, place.fumehood_cache])


def disk(trial: Trial) -> None:
    """What nine further environments add to the first, files shared with uv's cache or between them counted once.

    Twice for fumehood: with the layers that their experiments need, and with all layers there.
    """
    for _, contender in trial.rounds("disk", 1):
        for state in contender.states:
            if not isinstance(contender, FumehoodNox):
                trial.attempt("disk", contender, _disk, state)


def _disk(results: Results, contender: Contender, state: State) -> None:
    contender.strip(state)
    _make(results, contender, _FIRST)
    one = _footprint(contender)
    for experiment in EXPERIMENTS:
        if experiment != _FIRST:
            _make(results, contender, experiment)
    added = _footprint(contender) - one
    further = len(EXPERIMENTS) - 1
    shown = {"cold": "with_layers", "layers": "further"}.get(state)
    for name in ("with_layers", "further") if contender.states == ("cold",) else (shown,):
        if name:
            results.add(f"{name}_bytes", contender.name, added.size / further)
            results.add(f"{name}_inodes", contender.name, added.inodes / further)


def memory(trial: Trial) -> None:
    """The peak while ten environments are made."""
    for _, contender in trial.rounds("memory", 1):
        for state in contender.states:
            trial.attempt("memory", contender, _memory, state)


def _memory(results: Results, contender: Contender, state: State) -> None:
    contender.strip(state)
    peak = measure.peak(contender.everything(), contender.folder, contender.environ)
    for shown in STATES if contender.states == ("cold",) else (state,):
        results.add(f"memory_largest_{shown}_bytes", contender.name, peak.largest)
        results.add(f"memory_tree_{shown}_bytes", contender.name, peak.tree)
