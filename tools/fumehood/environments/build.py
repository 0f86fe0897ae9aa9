"""Carrying out a plan: layers first, where all that can fail does; then the thin environment, in milliseconds."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from fumehood.environments import bare, binaries, contents, layer, source_metadata, stack, state, view
from fumehood.environments.plan import PLUGIN
from fumehood.environments.replace import replacing
from fumehood.environments.stack import Side
from fumehood.errors import ConfigurationError, Place, StaleLockError
from fumehood.outside.files import disk_errors

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from contextlib import ExitStack

    from fumehood.environments.layer import Layer, LayerSpec
    from fumehood.environments.plan import EnvironmentPlan, Frame
    from fumehood.environments.state import EnvironmentState
    from fumehood.environments.store import LayerStore
    from fumehood.model.lock import Pin
    from fumehood.outside.uv import Uv

PTH = "_fumehood.pth"
_FENCE = 'import os; os.environ.get("FUMEHOOD_FENCE") and __import__("fumehood_pytest").raise_fence()'


@dataclass(frozen=True, slots=True, kw_only=True)
class Workshop:
    """What building needs beside a plan.

    Attributes:
        store: Where layers are.
        uv: The door to uv.
        leases: Keeps the layers until the environment that uses them is known to everybody.
    """

    store: LayerStore
    uv: Uv
    leases: ExitStack


@dataclass(frozen=True, slots=True, kw_only=True)
class Stack:
    """The layers of an environment, ready to be put together.

    Attributes:
        paths: Folders of installed distributions for the import path, first wins.
        layers: The digests of what `paths` belong to.
        startup: Those of `paths` that have ``.pth`` files of their own.
        commands: See `stack.Commands`.
        why_flat: Why the layers are not stacked; the environment then holds its distributions itself.
    """

    paths: tuple[Path, ...]
    layers: tuple[str, ...]
    startup: tuple[Path, ...]
    commands: stack.Commands
    why_flat: str | None


def prepare(plan: EnvironmentPlan, workshop: Workshop) -> Stack:
    """Build the layers that are missing and decide how they are put together.

    Raises:
        HashMismatchError: A download does not have the hash that the lock promises.
        StaleLockError: The delta no longer fits the core that it is stacked on.
        WorldError: A layer could not be installed.
    """
    if plan.target.layout == "flat":
        return _flat('experiment.toml says layout = "flat"')
    core = _layer(plan, plan.core, workshop, "core")
    delta = _layer(plan, plan.delta, workshop, plan.target.subject)
    visible, hidden = Side.of(core, plan.hidden), _hidden(core, plan.hidden)
    added = Side.of(delta)
    if not plan.proven:
        check_fit(plan, [*visible.distributions, *added.distributions])
    if (why := stack.obstacle(visible, added, hidden)) is not None:
        return _flat(why)
    return _stacked(plan, workshop, core, delta, [visible, added])


def _layer(plan: EnvironmentPlan, spec: LayerSpec | None, workshop: Workshop, what: str) -> Layer | None:
    if spec is None:
        return None
    found, lease = layer.obtain(workshop.store, spec, workshop.uv, plan.options, what=what)
    workshop.leases.callback(lease.release)
    return found


def check_fit(plan: EnvironmentPlan, distributions: Iterable[stack.Described]) -> None:
    """Prove from the metadata of what is installed that core and delta hold together.

    Raises:
        StaleLockError: They do not.
    """
    variables = plan.interpreter.variables
    problems = sorted(stack.unmet(distributions, variables, elsewhere=plan.names_elsewhere))
    if problems:
        raise StaleLockError(
            f"core's lock has moved, and {plan.target.lock} does not fit it any more: {problems[0]}",
            details="\n".join(problems[1:]) or None,
            remedy=f"run `fumehood lock {plan.target.subject}`",
        )


def _hidden(core: Layer | None, names: frozenset[str]) -> Side:
    everything = Side.of(core)
    return Side(
        distributions=tuple(item for item in everything.distributions if item.name in names),
        trees={name: tree for name, tree in everything.trees.items() if name in names},
    )


def _flat(why: str) -> Stack:
    return Stack(paths=(), layers=(), startup=(), commands=stack.commands([]), why_flat=why)


def _stacked(
    plan: EnvironmentPlan, workshop: Workshop, core: Layer | None, delta: Layer | None, sides: list[Side]
) -> Stack:
    paths: list[Path] = []
    layers: list[str] = []
    with_startup: list[Path] = []
    for part, side in zip((delta, core), reversed(sides), strict=True):
        if part is None:
            continue
        path = part.import_path
        layers.append(part.digest)
        if part is core and plan.hidden:
            seen, lease = view.obtain(workshop.store, core, plan.hidden)
            workshop.leases.callback(lease.release)
            path = seen.import_path(core)
            layers.append(seen.path.name)
        paths.append(path)
        if any(item.startup for item in side.distributions):
            with_startup.append(path)
    prefixes = [str(part.path) if part else "" for part in (core, delta)]
    return Stack(
        paths=tuple(paths),
        layers=tuple(layers),
        startup=tuple(with_startup),
        commands=stack.commands(zip(prefixes, sides, strict=True)),
        why_flat=None,
    )


def put_together(
    frame: Frame,
    prepared: Stack,
    environment: Path,
    made: EnvironmentState,
    *,
    cache: Path,
    own: Callable[[Path], None],
) -> None:
    """Replace an environment, or leave the one before as it was.

    Args:
        frame: What it has beside its layers.
        prepared: Its layers.
        environment: Its folder.
        made: What it shall remember.
        cache: fumehood's cache folder.
        own: Installs into it what belongs to no layer.

    Raises:
        ConfigurationError: Something stands in its place that is no environment.
        WorldError: It could not be made.
    """
    with disk_errors(f"making the environment {environment}"), replacing(environment):
        bare.make(environment, frame.interpreter, cache)
        own(environment)
        site_packages = environment / frame.interpreter.site_packages
        bin_folder = environment / "bin"
        binaries.write_commands(cache, bin_folder, prepared.commands.entry_points)
        binaries.copy_scripts(bin_folder, [Path(prefix, path) for prefix, path in prepared.commands.scripts])
        binaries.link_files(cache, environment, prepared.commands.outside)
        for project in frame.projects:
            source_metadata.write(site_packages, project)
            binaries.write_commands(cache, bin_folder, project.commands)
        (site_packages / PTH).write_text(import_path(frame, prepared), encoding="utf-8")
        state.write(environment, made)


def install_own(plan: EnvironmentPlan, prepared: Stack, uv: Uv, environment: Path) -> None:
    """Install what belongs to no layer: local pins, and of a flat environment everything.

    Raises:
        StaleLockError: The delta does not fit core.
        WorldError: It could not be installed.
    """
    if prepared.why_flat is not None:
        _install_here(plan, environment, uv, plan.pins)
        if not plan.proven:
            check_fit(plan, contents.distributions(environment, plan.interpreter.site_packages))
    _install_here(plan, environment, uv, plan.local)


def import_path(frame: Frame, prepared: Stack) -> str:
    """The text of the ``.pth`` file: sources, layers, the repository, the plugin; then start-up lines.

    A folder that a ``.pth`` file adds does not have its own ``.pth`` files read; ``site.addsitedir`` reads them.
    Source: the documentation of the ``site`` module.
    """
    sources, lines = [*map(str, frame.sources)], [*map(str, prepared.paths), str(frame.root), str(PLUGIN)]
    for line in (*sources, *lines):
        if "\n" in line or "\r" in line:
            raise ConfigurationError(
                "a folder with a line break in its name cannot be on Python's import path",
                place=Place(ascii(line)),
                remedy="rename the folder",
            )
    if prepared.why_flat is None:
        lines = [*sources, *lines]
    elif sources:
        # Sources come before what is installed, as they do in front of layers.
        place = 'next(i for i, path in enumerate(sys.path) if path.endswith("site-packages"))'
        lines = [f"import sys; at = {place}; sys.path[at:at] = {sources!r}", *lines]
    startup = [f"import site; site.addsitedir({str(path)!r})" for path in prepared.startup]
    return "\n".join([*dict.fromkeys(lines), *startup, _FENCE, ""])


def _install_here(plan: EnvironmentPlan, environment: Path, uv: Uv, pins: tuple[Pin, ...]) -> None:
    from fumehood.environments import install  # noqa: PLC0415 - most environments hold nothing themselves

    if pins:
        python = environment / "bin" / "python"
        what, options = plan.target.subject, plan.options
        request = install.Request(pins=pins, python=python, options=options, compiled=True, what=what)
        install.into_environment(uv, request)
