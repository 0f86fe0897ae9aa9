"""How quickly conflicts are found: beside a plain loop that resolves one set of lines after the other, and by figures.

Everything happens in a folder, and with a cache of uv's, of its own: only metadata is ever downloaded.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from bench import measure, sets
from bench.measure import FailedError, Spent
from bench.place import Place, base_python, program

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from bench.results import Results

OURS, LOOP = "fumehood", "plain loop"
_AT_ONCE = 2
"""How many resolutions the loop has running."""

_CHANGE = "torch<2.12"
_VERSIONS = ("--offline", "--rule", "conflict", "--rule", "lock")
_FEWER = 3
"""How many times less often the measures with the network are taken."""


def conflicts(place: Place, results: Results, repetitions: int, say: Callable[[str], None]) -> None:
    """All measures about conflicts; one that fails is left to the report."""
    here = Place(folder=place.folder / "conflicts")
    for name, action in (("public sets", _public), ("long conflict", _long), ("a thousand experiments", _thousand)):
        try:
            action(here, results, repetitions, say)
        except (FailedError, OSError) as error:
            results.fail(OURS, name, error)


def _public(place: Place, results: Results, repetitions: int, say: Callable[[str], None]) -> None:
    """32 sets from nothing but uv's warm cache: a check and a what-if, and the loop, with the network and without."""
    root = sets.examples(place.folder / "examples")
    online = replace(place, online=True)
    say("public sets: warming up")
    _loop(online, root)
    _check(online, root)
    _whatif(online, root)
    for number in range(max(1, repetitions // _FEWER)):
        say(f"public sets, online: {number + 1} of {max(1, repetitions // _FEWER)}")
        _in_turn(
            number,
            results,
            ("sets_online", OURS, partial(_check, online, root)),
            ("sets_online", LOOP, partial(_loop, online, root)),
        )
    for number in range(repetitions * _FEWER):
        say(f"public sets, offline: {number + 1} of {repetitions * _FEWER}")
        _in_turn(
            number,
            results,
            ("sets_offline", OURS, partial(_check, place, root)),
            ("sets_offline", LOOP, partial(_loop, place, root)),
            ("whatif_offline", OURS, partial(_whatif, place, root)),
        )


def _in_turn(number: int, results: Results, *actions: tuple[str, str, Callable[[], Spent]]) -> None:
    """Each once, forwards and backwards in turn, so that a slow spell of the machine falls on all."""
    for name, contender, action in actions if number % 2 == 0 else actions[::-1]:
        results.add_spent(name, contender, action())


def _loop(place: Place, root: Path) -> Spent:
    """What anybody would write: ``uv pip compile`` for one set after the other, two at a time."""
    output = place.folder / "loop"
    shutil.rmtree(output, ignore_errors=True)
    output.mkdir(parents=True)
    common = ("--universal", "--generate-hashes", "--quiet", "--python", base_python())
    commands = [
        (program("uv"), "pip", "compile", "requirements.txt", f"{name}/requirements.txt", *common)
        for name in sets.EXAMPLES
    ]

    def one(number: int) -> int:
        command = (*commands[number], "--output-file", str(output / f"{number}.txt"))
        return subprocess.run(command, cwd=root, env=place.environ, capture_output=True, check=False).returncode

    with measure.spending() as spent, ThreadPoolExecutor(max_workers=_AT_ONCE) as pool:
        statuses = dict(zip(sets.EXAMPLES, pool.map(one, range(len(commands))), strict=True))
    failed = {name for name, status in statuses.items() if status}
    if not failed >= sets.CONFLICTING or len(failed) > len(sets.CONFLICTING) + 1:
        raise FailedError(f"the plain loop failed at {', '.join(sorted(failed))}")
    return spent()


def _check(place: Place, root: Path) -> Spent:
    _forget(place)
    spent, answer = _asked(place, root, "check", "--rule", "conflict", "--format", "json")
    # Offline only a conflict that the lines show is certain; one address may be out of reach.
    unfit = {one["experiment"] for one in [*answer["findings"], *answer["undecided"]]}
    if not unfit >= sets.CONFLICTING or len(unfit) > len(sets.CONFLICTING) + 1 or not answer["findings"]:
        raise FailedError(f"check says that these do not fit: {', '.join(sorted(unfit))}")
    return spent


def _whatif(place: Place, root: Path) -> Spent:
    _forget(place)
    spent, answer = _asked(place, root, "whatif", _CHANGE, "--format", "json")
    outcomes = [one["outcome"] for one in answer["experiments"]]
    if answer["core"]["outcome"] != "relocks" or outcomes.count("undecided") > 1 or "unchanged" not in outcomes:
        raise FailedError(f"whatif told {answer['core']['outcome']} for core, and {', '.join(outcomes)}")
    return spent


def _long(place: Place, results: Results, repetitions: int, say: Callable[[str], None]) -> None:
    """Explaining a conflict between two of 25 lines, remedies included."""
    root = sets.long(place.folder / "long")
    say("long conflict: warming up")
    _asked(replace(place, online=True), root, "explain", "long", "--json")
    for number in range(repetitions * _FEWER):
        say(f"long conflict: {number + 1} of {repetitions * _FEWER}")
        spent, answer = _asked(place, root, "explain", "long", "--json", "--offline")
        lines = [one["requirement"] for one in answer["lines"]]
        if lines != ["torch>=2.7", "torchvision==0.20.0"] or not answer["smallest"]:
            raise FailedError(f"explain found {', '.join(lines)}")
        results.add_spent("explain", OURS, spent)
        results.add("explain_resolutions", OURS, answer["resolutions"])


def _thousand(place: Place, results: Results, repetitions: int, say: Callable[[str], None]) -> None:
    """Locks as certificates: what every session and every check begins with."""
    say("a thousand experiments")
    root = sets.thousand(place.folder / "thousand")
    command = (program("fumehood"), "check", *_VERSIONS)
    for _ in range(repetitions):
        _forget(place)
        results.add_spent("certificates", OURS, measure.run([command], root, place.environ))
        results.add_spent("certificates_again", OURS, measure.run([command], root, place.environ))
    _forget(place)
    results.add("certificates_bytes", OURS, measure.peak([command], root, place.environ).tree)


def _forget(place: Place) -> None:
    shutil.rmtree(place.fumehood_cache, ignore_errors=True)


def _asked(place: Place, root: Path, *arguments: str) -> tuple[Spent, Any]:
    """What a command of fumehood's takes, and its answer; that it found something is no failure."""
    command = (program("fumehood"), *arguments)
    with measure.spending() as spent:
        done = subprocess.run(command, cwd=root, env=place.environ, capture_output=True, text=True, check=False)
    try:
        return spent(), json.loads(done.stdout)
    except json.JSONDecodeError as error:
        raise FailedError(f"{' '.join(command)} ended with {done.returncode}\n{done.stderr}") from error
