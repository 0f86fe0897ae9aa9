"""``fumehood check``, behind its options."""

from __future__ import annotations

import contextlib
import gc
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from fumehood.commands import baseline as baseline_file
from fumehood.commands.asking import desk
from fumehood.commands.memo import Said, today
from fumehood.commands.progress import Bar
from fumehood.conflicts.check import Check
from fumehood.formats.registry import FOR_PEOPLE, FORMATS
from fumehood.model.experiment import experiment_target
from fumehood.model.finding import CheckAnswer, Undecided, exit_code
from fumehood.rules.registry import Registry
from fumehood.rules.run import run as run_rules
from fumehood.rules.seen import Seen

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from fumehood.extensions import SessionResult
    from fumehood.repository import Repository


class Options(Struct, frozen=True, kw_only=True):
    """What a check was asked for.

    Attributes:
        names: Of experiments; empty for all.
        rules: Ids and groups of rules; empty for all.
        offline: Neither uv nor the network.
        notes: Whether formats for people show notes.
        run_core_alone: Runs core's tests where there are no experiments, if that was asked for.
    """

    names: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()
    offline: bool = False
    notes: bool = False
    run_core_alone: Callable[[], SessionResult | None] = lambda: None


def run(repository: Repository, options: Options, *, format_: str, environ: Mapping[str, str]) -> Said:
    """Check as asked, and say what was found in one of `FORMATS`.

    Args:
        repository: Where to look.
        options: What to look at.
        format_: One of `FORMATS`.
        environ: Where variables are looked up.
    """
    registry = Registry.load()
    answer = ask(repository, options, environ=environ, registry=registry)
    shown = answer.without_notes() if format_ in FOR_PEOPLE and not options.notes else answer
    # What rules of others look at, nobody knows.
    is_final = not answer.undecided and not registry.brought
    return Said(text=FORMATS[format_](shown), code=exit_code(answer), is_final=is_final)


def ask(
    repository: Repository, options: Options, *, environ: Mapping[str, str], registry: Registry | None = None
) -> CheckAnswer:
    """What the rules find; without a registry, all those that there are here.

    Raises:
        UsageError: There is no such experiment or rule.
        ConfigurationError: The settings, the baseline, or core's own requirement files are wrong.
    """
    registry = registry or Registry.load()
    rules = registry.select(options.rules)
    experiments = repository.select(options.names)
    known = baseline_file.read(repository)
    with without_collection(), desk(repository, offline=False, environ=environ) as asking, Bar() as bar:

        def versions() -> CheckAnswer:
            check = Check(asking.book, asking.uv, asking.scratch, bar, options.offline)
            return check.run([(experiment, experiment_target(experiment)) for experiment in experiments])

        seen = Seen(
            repository=repository,
            experiments=experiments,
            is_whole=not options.names,
            today=today(environ),
            check_versions=versions,
            book=asking.book,
            run_core_alone=options.run_core_alone,
        )
        answer = run_rules(seen, rules, registry, baseline=known, progress=bar)
    return answer if options.names else _with_broken(answer, repository)


@contextlib.contextmanager
def without_collection() -> Iterator[None]:
    """Without looking for garbage that refers to itself.

    A check makes hundreds of thousands of small values and no such garbage; looking takes longer than all the rest.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _with_broken(answer: CheckAnswer, repository: Repository) -> CheckAnswer:
    """A folder with a mistake is an experiment about which nothing could be decided."""
    broken = [Undecided(experiment=item.name, reason=str(item.error)) for item in repository.broken]
    return replace(answer, undecided=tuple(sorted([*answer.undecided, *broken])), checked=answer.checked + len(broken))
