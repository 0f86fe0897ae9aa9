"""What was measured, as samples by name and contender, and what was asked for."""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING, Any

from msgspec import Struct, field

if TYPE_CHECKING:
    from collections.abc import Callable

    from bench.measure import Spent

MEGABYTE = 1_000_000


class Results(Struct):
    """Samples and failures of one run.

    Attributes:
        samples: By measure and contender. A measure's name ends with its unit: ``_s``, ``_bytes`` or a count.
        failures: By contender, ``measure: what it said``; nothing that fails is left out of the report.
        stopped: By contender, what was ended since it took too long.
        facts: About the machine, the versions and the run.
    """

    samples: dict[str, dict[str, list[float]]] = field(default_factory=dict)
    failures: dict[str, list[str]] = field(default_factory=dict)
    stopped: dict[str, str] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)

    def add(self, measure: str, contender: str, value: float) -> None:
        """Keep one sample."""
        self.samples.setdefault(measure, {}).setdefault(contender, []).append(value)

    def add_spent(self, measure: str, contender: str, spent: Spent) -> None:
        """Keep a time: seconds of the clock under ``measure_s``, of the processor under ``measure_cpu_s``."""
        self.add(f"{measure}_s", contender, spent.seconds)
        self.add(f"{measure}_cpu_s", contender, spent.processor)

    def fail(self, contender: str, measure: str, why: object) -> None:
        """Keep a failure; `failed` then keeps the contender from being tried again at that."""
        self.failures.setdefault(contender, []).append(f"{measure}: {why}")

    def failed(self, contender: str, measure: str) -> bool:
        """Whether a contender has failed at a measure before."""
        return any(line.startswith(f"{measure}: ") for line in self.failures.get(contender, ()))

    def median(self, measure: str, contender: str) -> float | None:
        """The median of the samples; None where there are none."""
        values = self.samples.get(measure, {}).get(contender)
        return statistics.median(values) if values else None

    def as_json(self) -> dict[str, Any]:
        """Everything as plain data, medians included."""
        medians = {
            measure: {contender: statistics.median(values) for contender, values in by_contender.items()}
            for measure, by_contender in self.samples.items()
        }
        checks = [
            {
                "target": target.text,
                "limit": target.limit,
                "measured": target.measured(self),
                "processor": target.processor(self),
                "met": target.met(self),
            }
            for target in TARGETS
        ]
        return {
            "schema": 1,
            "facts": self.facts,
            "medians": medians,
            "samples": self.samples,
            "failures": self.failures,
            "stopped": self.stopped,
            "targets": checks,
        }


class Target(Struct, frozen=True, kw_only=True):
    """Something that was promised, and how to tell whether it holds.

    Attributes:
        measured: What it is judged by.
        processor: The same by processor time, which says more on a machine that was busy with other things.
    """

    text: str
    limit: float
    unit: str
    measured: Callable[[Results], float | None]
    processor: Callable[[Results], float | None] = lambda _: None

    def met(self, results: Results) -> bool | None:
        """Whether it holds; None where it was not measured."""
        value = self.measured(results)
        return None if value is None else value <= self.limit


def _ratio(measure: str, other: str, *, as_: str | None = None) -> Callable[[Results], float | None]:
    """Ours to another contender's, of the same measure or of what that one was measured as."""

    def measured(results: Results) -> float | None:
        ours, theirs = results.median(measure, "fumehood"), results.median(as_ or measure, other)
        return None if ours is None or not theirs else ours / theirs

    return measured


def _between(measure: str, contract: str, tool: str) -> Callable[[Results], float | None]:
    """Ours to another's with the same contract; of one that was stopped, to the time that it had."""

    def measured(results: Results) -> float | None:
        ours, theirs = results.median(measure, f"fumehood, {contract}"), results.median(measure, f"{tool}, {contract}")
        return None if ours is None or not theirs else ours / theirs

    return measured


def _over(measure: str, ours: str, base: str) -> Callable[[Results], float | None]:
    def measured(results: Results) -> float | None:
        value, floor = results.median(measure, ours), results.median(measure, base)
        return None if value is None or floor is None else value - floor

    return measured


def _median(measure: str, contender: str = "fumehood", *, scale: float = 1) -> Callable[[Results], float | None]:
    def measured(results: Results) -> float | None:
        value = results.median(measure, contender)
        return None if value is None else value / scale

    return measured


def _highest_memory(results: Results) -> float | None:
    values = [results.median(f"memory_tree_{state}_bytes", "fumehood") for state in ("cold", "core", "layers")]
    known = [value for value in values if value is not None]
    return max(known) / MEGABYTE if known else None


TARGETS = (
    Target(
        text="core layer there, of nox + uv",
        limit=1 / 10,
        unit="ratio",
        measured=_ratio("core_s", "nox + uv"),
        processor=_ratio("core_cpu_s", "nox + uv"),
    ),
    Target(
        text="core layer there, of uv run --with",
        limit=1 / 3,
        unit="ratio",
        measured=_ratio("core_s", "uv run --with"),
        processor=_ratio("core_cpu_s", "uv run --with"),
    ),
    Target(
        text="all layers there, of nox + uv",
        limit=1 / 25,
        unit="ratio",
        measured=_ratio("layers_s", "nox + uv"),
        processor=_ratio("layers_cpu_s", "nox + uv"),
    ),
    Target(
        text="all layers there, of uv run --with that makes what it puts on top",
        limit=1 / 8,
        unit="ratio",
        measured=_ratio("layers_s", "uv run --with", as_="core_s"),
        processor=_ratio("layers_cpu_s", "uv run --with", as_="core_cpu_s"),
    ),
    Target(
        text="all layers there, of uv run --with in a clean checkout",
        limit=1 / 8,
        unit="ratio",
        measured=_ratio("layers_s", "uv run --with, clean checkout"),
        processor=_ratio("layers_cpu_s", "uv run --with, clean checkout"),
    ),
    Target(
        text="all layers there, of uv run --with on a project still synced",
        limit=1 / 8,
        unit="ratio",
        measured=_ratio("layers_s", "uv run --with"),
        processor=_ratio("layers_cpu_s", "uv run --with"),
    ),
    Target(
        text="nothing changed, over an empty nox session",
        limit=0.1,
        unit="s",
        measured=_over("repeat_s", "fumehood, by nox", "empty nox session"),
        processor=_over("repeat_cpu_s", "fumehood, by nox", "empty nox session"),
    ),
    Target(text="a further environment", limit=2, unit="MB", measured=_median("further_bytes", scale=MEGABYTE)),
    Target(text="a further environment", limit=200, unit="inodes", measured=_median("further_inodes")),
    Target(text="peak memory, whole process tree", limit=150, unit="MB", measured=_highest_memory),
    Target(
        text="nox -l with 1,000 experiments, over an empty noxfile",
        limit=0.4,
        unit="s",
        measured=_over("list_s", "1,000 experiments", "empty noxfile"),
        processor=_over("list_cpu_s", "1,000 experiments", "empty noxfile"),
    ),
    Target(
        text="check of 32 public sets online, of a plain loop of uv pip compile",
        limit=1 / 4,
        unit="ratio",
        measured=_ratio("sets_online_s", "plain loop"),
        processor=_ratio("sets_online_cpu_s", "plain loop"),
    ),
    Target(
        text="check of 32 public sets offline, of the same loop offline",
        limit=1.2,
        unit="ratio",
        measured=_ratio("sets_offline_s", "plain loop"),
        processor=_ratio("sets_offline_cpu_s", "plain loop"),
    ),
    Target(
        text="whatif over 32 public sets, of the same loop offline",
        limit=1.2,
        unit="ratio",
        measured=_ratio("whatif_offline_s", "plain loop", as_="sets_offline_s"),
        processor=_ratio("whatif_offline_cpu_s", "plain loop", as_="sets_offline_cpu_s"),
    ),
    Target(
        text="explain a conflict among 25 lines offline",
        limit=3,
        unit="s",
        measured=_median("explain_s"),
        processor=_median("explain_cpu_s"),
    ),
    Target(text="explain that conflict", limit=12, unit="resolutions", measured=_median("explain_resolutions")),
    Target(
        text="certificates of 1,000 experiments",
        limit=2,
        unit="s",
        measured=_median("certificates_s"),
        processor=_median("certificates_cpu_s"),
    ),
    Target(text="the same", limit=200, unit="MB", measured=_median("certificates_bytes", scale=MEGABYTE)),
    Target(
        text="the same with nothing changed",
        limit=0.3,
        unit="s",
        measured=_median("certificates_again_s"),
        processor=_median("certificates_again_cpu_s"),
    ),
    Target(text="damaged environments after SIGKILL", limit=0, unit="damaged", measured=_median("kill_damaged")),
    Target(
        text="affected, 20,001 files, nothing remembered",
        limit=8,
        unit="s",
        measured=_median("affected_s", "fumehood, cold"),
        processor=_median("affected_cpu_s", "fumehood, cold"),
    ),
    Target(
        text="affected, one file changed",
        limit=1,
        unit="s",
        measured=_median("affected_s", "fumehood, warm"),
        processor=_median("affected_cpu_s", "fumehood, warm"),
    ),
    Target(
        text="affected, nothing remembered",
        limit=500,
        unit="MB",
        measured=_median("affected_bytes", "fumehood, cold", scale=MEGABYTE),
    ),
    Target(
        text="all rules, 20,001 files, nothing remembered",
        limit=10,
        unit="s",
        measured=_median("rules_s", "fumehood, all rules"),
        processor=_median("rules_cpu_s", "fumehood, all rules"),
    ),
    Target(
        text="all rules once more",
        limit=2,
        unit="s",
        measured=_median("rules_s", "fumehood, nothing changed"),
        processor=_median("rules_cpu_s", "fumehood, nothing changed"),
    ),
    Target(
        text="all rules, nothing remembered",
        limit=600,
        unit="MB",
        measured=_median("rules_bytes", "fumehood, all rules", scale=MEGABYTE),
    ),
    *(
        Target(
            text=f"{contract}, of {tool}",
            limit=1,
            unit="ratio",
            measured=_between("rules_s", contract, tool),
            processor=_between("rules_cpu_s", contract, tool),
        )
        for contract, tool in (
            ("one boundary", "import-linter"),
            ("both boundaries", "import-linter"),
            ("undeclared imports", "deptry"),
        )
    ),
)
"""What the project promised itself, with the numbers it has to reach."""
