"""``fumehood env …``, behind its options."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from fumehood.commands import reports, terminal
from fumehood.commands.progress import Bar
from fumehood.environments import registry
from fumehood.environments.manager import Environment, Environments, Wish
from fumehood.environments.store import LayerStore
from fumehood.errors import ExitCode, FumehoodError, UsageError, WorldError
from fumehood.model.experiment import RUNNING_STATES, Target, core_target, experiment_target, session_name
from fumehood.model.folder import environment_folder
from fumehood.outside.files import cache_folder

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from fumehood.repository import Repository

Say = Callable[[str], None]


def build(  # noqa: PLR0913 - one keyword for each option of the command
    repository: Repository,
    names: tuple[str, ...],
    *,
    envdir: Path | None,
    python: str | None,
    locked: bool,
    rebuild: bool,
    offline: bool,
    as_json: bool,
    say: Say,
) -> int:
    """Build or find the environments of the named experiments, or of all that run."""
    environments = _environments(repository, say, offline=offline)
    wishes = [
        Wish(target=target, folder=folder, python=spec, locked=locked or bool(os.environ.get("CI")), fresh=rebuild)
        for target in _targets(repository, names)
        for spec, folder in folders(repository, target, envdir, python)
    ]
    if not (wishes or repository.experiments or repository.broken):
        say(reports.no_experiments_text(repository))
    with Bar() as bar:
        bar.begin("environments", len(wishes))
        results = tuple(_in_order(environments, wishes, bar))
    made = [result for result in results if isinstance(result, Environment)]
    if made or as_json:
        terminal.answer(reports.environment_json(made) if as_json else reports.environments_built_text(made))
    obtained = [(wish.target.session, result) for wish, result in zip(wishes, results, strict=True)]
    broken = [] if names else [(session_name(item.name), item.error) for item in repository.broken]
    return _report_failures([*obtained, *broken], say)


def _report_failures(results: Iterable[tuple[str, object]], say: Say) -> ExitCode:
    """Say each failure once, with the sessions that it stopped beside the first, and find the exit code."""
    stopped: dict[str, dict[str, None]] = {}
    worst = ExitCode.OK
    for session, result in results:
        if isinstance(result, FumehoodError):
            stopped.setdefault(str(result), {})[session] = None
            worst = max(worst, result.exit_code)
    for failure, (_, *others) in stopped.items():
        say(failure)
        if others:
            say(f"not built for the same reason: {', '.join(others)}")
    return worst


def _in_order(environments: Environments, wishes: list[Wish], bar: Bar) -> Iterator[Environment | FumehoodError]:
    """One by one what is quick; else the first by itself, since it makes the core layer, and the rest side by side."""

    def obtain(wish: Wish) -> Environment | FumehoodError:
        try:
            environment = environments.obtain(wish)
        except FumehoodError as error:
            return error
        finally:
            bar.advance(wish.target.session)
        # Given back at once: whoever holds one environment while waiting for another may wait for ever.
        environment.release()
        return environment

    quick = len(wishes) == 1 or environments.prepare(wishes)
    yield from map(obtain, wishes if quick else wishes[:1])
    if quick:
        return
    from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415 - one environment needs no threads

    with ThreadPoolExecutor(max_workers=os.cpu_count() or 2) as pool:
        yield from pool.map(obtain, wishes[1:])


def path(repository: Repository, name: str, *, envdir: Path | None) -> int:
    """Print where an environment is, whether or not it is there."""
    (target,) = _targets(repository, (name,))
    for _, folder in folders(repository, target, envdir, None):
        terminal.answer(str(folder))
    return ExitCode.OK


def shell(repository: Repository, name: str, *, envdir: Path | None, say: Say) -> int:
    """Run the user's shell with an environment's commands first on the path."""
    import subprocess  # noqa: PLC0415 - of these commands only this one needs it

    environments = _environments(repository, say)
    (target,) = _targets(repository, (name,))
    spec, folder = folders(repository, target, envdir, None)[0]
    environment = environments.obtain(Wish(target=target, folder=folder, python=spec))
    try:
        program = os.environ.get("SHELL") or "/bin/sh"
        say(f"{program} in {target.session}; leave it with `exit`")
        variables = {key: value for key, value in os.environ.items() if key not in {"PYTHONHOME", "PYTHONPATH"}}
        variables["VIRTUAL_ENV"] = str(folder)
        variables["PATH"] = os.pathsep.join([str(folder / "bin"), os.environ.get("PATH", "")])
        try:
            code = subprocess.run([program], env=variables, check=False).returncode
        except OSError as error:
            raise WorldError(f"{program} cannot be run: {error.strerror}", remedy="set SHELL to your shell") from error
        return code if code >= 0 else 128 - code  # of a signal, as shells say it
    finally:
        environment.release()


def show(*, as_json: bool, width: int) -> int:
    """List the environments and layers of this machine."""
    from fumehood.environments import housekeeping  # noqa: PLC0415 - reusing an environment needs none of it

    cache = cache_folder(os.environ)
    store = LayerStore(cache=cache, say=lambda _: None)
    environments = housekeeping.stored_environments(cache)
    layers = housekeeping.stored_layers(store)
    if as_json:
        terminal.answer(reports.stored_json(environments, layers))
    else:
        terminal.answer(reports.stored_text(environments, layers, cache=cache, width=width))
    return ExitCode.OK


def gc(*, older_than: float, dry_run: bool, say: Say) -> int:
    """Remove what nobody needs."""
    from fumehood.environments import housekeeping  # noqa: PLC0415 - reusing an environment needs none of it

    store = LayerStore(cache=cache_folder(os.environ), say=say)
    removals = tuple(housekeeping.collect(store, older_than=older_than, dry_run=dry_run))
    terminal.answer(reports.removals_text(removals, dry_run=dry_run))
    return ExitCode.OK


def verify(repository: Repository | None, *, as_json: bool, keep: bool, offline: bool, say: Say) -> int:
    """Check all layers; take damaged ones away, and build the repository's environments on them anew."""
    from fumehood.environments import verify as verification  # noqa: PLC0415 - reusing an environment needs none of it

    store = LayerStore(cache=cache_folder(os.environ), say=say)
    with Bar() as bar:
        bar.begin("layers", len(store.published()))
        damages = tuple(verification.verify(store, advance=lambda digest: bar.advance(digest[:12])))
    results: list[tuple[str, Environment | FumehoodError]] = []
    if damages and not keep:
        # Layers share files with uv's cache by hard links, so what was changed here was changed there.
        changed = {damage.distribution for damage in damages if damage.problem == "was changed"} - {""}
        if changed:
            from fumehood.outside.uv import Uv  # noqa: PLC0415 - only damage needs it

            Uv(cwd=repository.root if repository else Path.cwd(), offline=offline).forget(sorted(changed))
        for digest in sorted({damage.layer for damage in damages} - {""}):
            verification.discard(store, digest)
        results += _rebuilt(repository, say, offline=offline) if repository else ()
    rebuilt = [session for session, result in results if isinstance(result, Environment)]
    terminal.answer(
        reports.damages_json(damages, rebuilt) if as_json else reports.damages_text(damages, rebuilt, keep=keep)
    )
    return max(ExitCode.FINDINGS if damages else ExitCode.OK, _report_failures(results, say))


def _rebuilt(repository: Repository, say: Say, *, offline: bool) -> Iterator[tuple[str, Environment | FumehoodError]]:
    """Build this repository's environments again that have lost a layer; others do it at their next run."""
    environments = _environments(repository, say, offline=offline)
    here = {path for path, _ in registry.environments(environments.cache)}
    for target in _targets(repository, ()):
        for spec, folder in folders(repository, target, None, None):
            if folder not in here:
                continue
            try:
                environment = environments.obtain(Wish(target=target, folder=folder, python=spec))
            except FumehoodError as error:
                yield target.session, error
                continue
            environment.release()
            if environment.action != "reused":
                yield target.session, environment


def _environments(repository: Repository, say: Say, *, offline: bool = False) -> Environments:
    return Environments(
        repository=repository, cache=cache_folder(os.environ), environ=os.environ, say=say, offline=offline
    )


def _targets(repository: Repository, names: tuple[str, ...]) -> tuple[Target, ...]:
    if names == ("core",):
        return (core_target(repository.core),)
    wanted = tuple(name for name in names if name != "core")
    chosen = [
        experiment_target(experiment)
        for experiment in repository.select(wanted)
        if wanted or experiment.state in RUNNING_STATES
    ]
    with_core = "core" in names or (not names and repository.core.tests)
    return (*([core_target(repository.core)] if with_core else []), *chosen)


def folders(
    repository: Repository, target: Target, envdir: Path | None, python: str | None
) -> list[tuple[str | None, Path]]:
    """The interpreters of a target with the folder that nox gives each."""
    if python:
        several = len(target.pythons) > 1
        if target.pythons and python not in target.pythons:
            raise UsageError(
                f"{target.subject} does not run on Python {python}, only on {', '.join(target.pythons)}",
                remedy="choose one of these, or change `python` in its experiment.toml",
            )
        session = f"{target.session}-{python}" if several else target.session
        return [(python, _folder_of(repository, envdir, session))]
    if len(target.pythons) > 1:
        return [(spec, _folder_of(repository, envdir, f"{target.session}-{spec}")) for spec in target.pythons]
    return [(next(iter(target.pythons), None), _folder_of(repository, envdir, target.session))]


def _folder_of(repository: Repository, envdir: Path | None, session: str) -> Path:
    """Where nox, which is run in the repository, makes the environment of a session.

    nox shortens names where the path gets long, and its default path is a relative one.
    """
    if envdir is None:
        return repository.root / environment_folder(Path(".nox"), session)
    return Path.cwd() / environment_folder(envdir, session)
