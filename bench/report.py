"""The tables that people read; pure functions from results."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.table import Table

from bench.results import MEGABYTE, TARGETS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from rich.console import RenderableType

    from bench.results import Results, Target

_SECONDS, _MEGABYTES, _COUNT = 1.0, float(MEGABYTE), 0.0
_SHOWN = 3
_TIMES = (
    ("cold", "cold_s", _SECONDS),
    ("core there", "core_s", _SECONDS),
    ("layers there", "layers_s", _SECONDS),
    ("nothing changed", "repeat_s", _SECONDS),
    ("import, first env.", "import_first_s", _SECONDS),
    ("further env.", "import_further_s", _SECONDS),
    ("again", "import_further_again_s", _SECONDS),
)
_PROCESSOR = tuple((heading, key.replace("_s", "_cpu_s"), scale) for heading, key, scale in _TIMES)
_SIZES = (
    ("further env., MB", "further_bytes", _MEGABYTES),
    ("inodes", "further_inodes", _COUNT),
    ("with its layer, MB", "with_layers_bytes", _MEGABYTES),
    ("inodes", "with_layers_inodes", _COUNT),
    ("first import writes, MB", "import_further_bytes", _MEGABYTES),
    ("memory cold: largest, MB", "memory_largest_cold_bytes", _MEGABYTES),
    ("tree", "memory_tree_cold_bytes", _MEGABYTES),
    ("core there: tree", "memory_tree_core_bytes", _MEGABYTES),
)
_CONFLICTS = (
    ("32 sets online, s", "sets_online_s", _SECONDS),
    ("processor", "sets_online_cpu_s", _SECONDS),
    ("offline, s", "sets_offline_s", _SECONDS),
    ("processor", "sets_offline_cpu_s", _SECONDS),
    ("whatif, s", "whatif_offline_s", _SECONDS),
    ("explain, s", "explain_s", _SECONDS),
    ("resolutions", "explain_resolutions", _COUNT),
    ("1,000 locks, s", "certificates_s", _SECONDS),
    ("unchanged, s", "certificates_again_s", _SECONDS),
    ("MB", "certificates_bytes", _MEGABYTES),
)
_AFFECTED = (
    ("s", "affected_s", _SECONDS),
    ("processor", "affected_cpu_s", _SECONDS),
    ("MB", "affected_bytes", _MEGABYTES),
)
_RULES = tuple((heading, key.replace("affected", "rules"), scale) for heading, key, scale in _AFFECTED)
_KILLS = (
    ("trials", "kill_trials", _COUNT),
    ("damaged", "kill_damaged", _COUNT),
    ("second run failed", "kill_refused", _COUNT),
)


def render(results: Results) -> Iterator[RenderableType]:
    """Everything that was measured, then what was promised, then what failed."""
    for title, columns in (
        ("Ten environments, seconds of the clock (medians)", _TIMES),
        ("Ten environments, seconds of processor time (medians)", _PROCESSOR),
        ("Disk and memory", _SIZES),
        ("Killed and run again", _KILLS),
        ("Conflicts (medians)", _CONFLICTS),
        ("What a change affects, 20,001 files (medians)", _AFFECTED),
        ("Rules, 20,001 files (medians)", _RULES),
    ):
        shown = [column for column in columns if column[1] in results.samples]
        if shown:
            yield _table(title, shown, results)
    if listed := results.samples.get("list_s"):
        yield "nox -l: " + ", ".join(f"{name} {results.median('list_s', name):.3f} s" for name in listed)
    for module, spent in results.facts.get("imports", {}).items():
        yield f"import {module}: " + ", ".join(f"{name} {seconds * 1000:.0f} ms" for name, seconds in spent)
    yield _targets(results)
    for name, places in results.facts.get("found_by_others", {}).items():
        yield f"{name} finds {len(places)} places that fumehood does not: {', '.join(places[:_SHOWN])}"
    for contender, why in results.stopped.items():
        yield f"STOPPED {contender}: {why}"
    for contender, lines in results.failures.items():
        yield f"FAILED {contender}: " + "; ".join(lines)


def _table(title: str, columns: Iterable[tuple[str, str, float]], results: Results) -> Table:
    columns = tuple(columns)
    table = Table("", title=title, title_justify="left", caption="(how often at most)", caption_justify="left")
    for heading, key, _ in columns:
        table.add_column(f"{heading} ({max(map(len, results.samples[key].values()))})", justify="right")
    measured = {name for _, key, _ in columns for name in results.samples[key]}
    for name in dict.fromkeys([*results.facts.get("contenders", ()), *sorted(measured)]):
        if name in measured or name in results.failures:
            table.add_row(name, *(_cell(results, key, name, scale) for _, key, scale in columns))
    return table


def _cell(results: Results, key: str, name: str, scale: float) -> str:
    value = results.median(key, name)
    if value is None:
        return "failed" if name in results.failures else "-"
    if scale == _COUNT:
        return f"{value:.0f}"
    return f"{value / scale:.2f}" if scale == _SECONDS else f"{value / scale:.1f}"


def _targets(results: Results) -> Table:
    table = Table("promised", "at most", "measured", "by processor time", "", title="Targets", title_justify="left")
    for target in TARGETS:
        table.add_row(f"{target.text}, {target.unit}", _number(target, target.limit), *_judged(target, results))
    return table


def _judged(target: Target, results: Results) -> tuple[str, str, str]:
    value, processor, met = target.measured(results), target.processor(results), target.met(results)
    if value is None:
        return "-", "", "not measured"
    return _number(target, value), "" if processor is None else _number(target, processor), "met" if met else "MISSED"


def _number(target: Target, value: float) -> str:
    if target.unit == "ratio":
        return f"{value:.1f} times" if value >= 1 else f"1/{1 / value:.1f}" if value else "0"
    return f"{value:.3f}" if target.unit == "s" else f"{value:.4g}"
