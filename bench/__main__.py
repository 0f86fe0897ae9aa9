"""``python -m bench``: options, order of measures, output."""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import os
import platform
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from bench import affected, conflicts, kills, report, rules, startup, trials, workload
from bench.measure import FailedError, clock
from bench.ours import Fumehood
from bench.place import RESULTS, Place, base_python, install
from bench.results import Results
from bench.tools import CONTENDERS
from bench.trials import Trial

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.contender import Contender

MEASURES = ("times", "repeat", "imports", "disk", "memory", "list", "kills", "conflicts", "affected", "rules")
_ALONE = frozenset({"list", "conflicts", "affected", "rules"})
"""Measures that need none of the environments."""

_LONG = 3
"""Repetitions at most of what takes minutes."""

_TOOLS = ("fumehood", "nox", "uv", "virtualenv", "tox", "tox-uv", "hatch")


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, write; 1 when a contender failed, since its row then says nothing."""
    options = _options(arguments)
    results = Results()
    progress = Console(stderr=True)
    place = Place(folder=options.work.absolute())
    place.folder.mkdir(parents=True, exist_ok=True)
    try:
        install()
        load, contenders = _contenders(place, options)
    except (FailedError, subprocess.CalledProcessError) as error:
        progress.print(f"nothing could be measured: {error}", markup=False)
        return 3
    results.facts = _facts(options, load, [contender.name for contender in contenders])
    trial = Trial(
        contenders=contenders,
        results=results,
        repetitions=options.repetitions,
        deadline=clock() + 60 * options.minutes,
        say=lambda line: progress.print(line, markup=False, highlight=False),
    )
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _end)
    place.sweep()
    try:
        _measure(trials.warm_up(trial), place, options)
    except KeyboardInterrupt as ended:
        # What was measured until then is not lost, and nobody has to guess why there is no more.
        how = str(ended) or "SIGINT"
        results.fail("the benchmark itself", "all", f"was ended by {how} before everything was measured")
    place.sweep()
    _write(results, options.output)
    console = Console(width=None if sys.stdout.isatty() else 150)
    for part in report.render(results):
        console.print(part, markup=False) if isinstance(part, str) else console.print(part)
    return 1 if results.failures else 0


def _contenders(place: Place, options: argparse.Namespace) -> tuple[workload.Workload, tuple[Contender, ...]]:
    """What is installed, and by whom; nothing by nobody where no environment is measured."""
    if options.measure and _ALONE.issuperset(options.measure):
        return workload.Workload(core=(), whole={}, added={}), ()
    load = workload.prepare(Place(folder=place.folder, online=True))
    chosen = (kind for kind in CONTENDERS if not options.contender or kind.name in options.contender)
    return load, tuple(kind(place=place, workload=load) for kind in chosen)


def _end(number: int, _: object) -> None:
    raise KeyboardInterrupt(signal.Signals(number).name)


def _measure(trial: Trial, place: Place, options: argparse.Namespace) -> None:
    wanted = options.measure or MEASURES
    for name in wanted:
        match name:
            case "list":
                trial.say("list")
                startup.listing(place, trial.results, trial.repetitions * 5)
                trial.results.facts["imports"] = {
                    module: startup.breakdown(place, module) for module in ("fumehood.nox", "fumehood.commands.env")
                }
            case "kills":
                _kills(trial, options)
            case "conflicts":
                conflicts.conflicts(place, trial.results, trial.repetitions, trial.say)
            case "affected" | "rules":
                trial.say(name)
                long = min(trial.repetitions, _LONG) if clock() < trial.deadline else 1
                {"affected": affected.affected, "rules": rules.rules}[name](place, trial.results, long)
            case _:
                getattr(trials, name)(trial)


def _kills(trial: Trial, options: argparse.Namespace) -> None:
    for contender in trial.contenders:
        if type(contender) in kills.KILLED:
            count = options.kills if isinstance(contender, Fumehood) else options.other_kills
            trial.attempt("kills", contender, kills.kills, trial, count, options.seed)


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="2 repetitions, 20 kills and 3 of each other tool")
    parser.add_argument(
        "--repetitions", type=int, help="of each long measure (default 5); short ones take five times as many"
    )
    parser.add_argument("--kills", type=int, help="SIGKILL trials of fumehood (default 200)")
    parser.add_argument("--other-kills", type=int, help="SIGKILL trials of each other tool (default 10)")
    parser.add_argument(
        "--minutes",
        type=float,
        default=35,
        help="begin no further repetition and no further kill after so long (default 35); each measure is taken once",
    )
    parser.add_argument("--measure", action="append", choices=MEASURES, help="only this one; may be repeated")
    names = [kind.name for kind in CONTENDERS]
    parser.add_argument("--contender", action="append", choices=names, help="only this one; may be repeated")
    parser.add_argument("--seed", type=int, default=1, help="for the instants of the kills")
    parser.add_argument("--work", type=Path, default=RESULTS / "work", help="the folder to work in, kept for next time")
    parser.add_argument("--output", type=Path, help="the JSON file; by default one named by the time in bench/results")
    options = parser.parse_args(arguments)
    defaults = (2, 20, 3) if options.quick else (5, 200, 10)
    for name, default in zip(("repetitions", "kills", "other_kills"), defaults, strict=True):
        if getattr(options, name) is None:
            setattr(options, name, default)
    return options


def _facts(options: argparse.Namespace, load: workload.Workload, contenders: list[str]) -> dict[str, object]:
    return {
        "begun": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "machine": {"cores": os.cpu_count(), "architecture": platform.machine(), "system": platform.platform()},
        "python": platform.python_version(),
        "interpreter": base_python(),
        "versions": {name: _version(name) for name in _TOOLS},
        "repetitions": options.repetitions,
        "contenders": contenders,
        "core": list(load.core),
        "added": {name: list(lines) for name, lines in load.added.items()},
    }


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "from this checkout" if name == "fumehood" else "not installed"


def _write(results: Results, output: Path | None) -> None:
    text = json.dumps(results.as_json(), indent=1) + "\n"
    path = output or RESULTS / f"{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
