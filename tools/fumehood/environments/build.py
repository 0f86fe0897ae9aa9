"""Carrying out a plan: layers first, where everything that can fail does; then the thin environment, in milliseconds.

The environment before is set aside, and put back if anything goes wrong.
"""

from __future__ import annotations

import contextlib
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from fumehood.environments import binaries, install, source_metadata, stack, state, view
from fumehood.environments.plan import PLUGIN
from fumehood.environments.stack import Side
from fumehood.errors import ConfigurationError, Place, StaleLockError, WorldError
from fumehood.outside.files import disk_errors, remove_tree

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fumehood.environments.layer import Layer, LayerStore
    from fumehood.environments.plan import EnvironmentPlan
    from fumehood.environments.state import EnvironmentState
    from fumehood.model.lock import Pin
    from fumehood.outside.uv import Uv

PTH = "_fumehood.pth"
_FENCE = 'import os; os.environ.get("FUMEHOOD_FENCE") and __import__("fumehood_pytest").raise_fence()'


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


def prepare(plan: EnvironmentPlan, store: LayerStore, uv: Uv) -> Stack:
    """Build the layers that are missing and decide how they are put together.

    Raises:
        HashMismatchError: A download does not have the hash that the lock promises.
        StaleLockError: The delta no longer fits the core that it is stacked on.
        WorldError: A layer could not be installed.
    """
    if plan.layout == "flat":
        return _flat('experiment.toml says layout = "flat"')
    core = store.get(plan.core) or store.build(plan.core, uv, plan.options, what="core") if plan.core else None
    what = plan.target.subject
    delta = store.get(plan.delta) or store.build(plan.delta, uv, plan.options, what=what) if plan.delta else None
    visible, hidden = Side.of(core, plan.hidden), _hidden(core, plan.hidden)
    added = Side.of(delta)
    if not plan.proven:
        check_fit(plan, visible, added)
    if (why := stack.obstacle(visible, added, hidden)) is not None:
        return _flat(why)
    return _stacked(plan, store, core, delta, [visible, added])


def check_fit(plan: EnvironmentPlan, core: Side, delta: Side) -> None:
    """Prove from the metadata of what is installed that core and delta hold together.

    Raises:
        StaleLockError: They do not.
    """
    problems = sorted(stack.unmet([*core.distributions, *delta.distributions], plan.interpreter.variables))
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
    plan: EnvironmentPlan, store: LayerStore, core: Layer | None, delta: Layer | None, sides: list[Side]
) -> Stack:
    paths: list[Path] = []
    layers: list[str] = []
    with_startup: list[Path] = []
    for layer, side in zip((delta, core), reversed(sides), strict=True):
        if layer is None:
            continue
        path = layer.import_path
        layers.append(layer.digest)
        if layer is core and plan.hidden:
            path = view.build(store, core, plan.hidden)
            layers.append(view.digest_of(core, plan.hidden))
        paths.append(path)
        if any(item.startup for item in side.distributions):
            with_startup.append(path)
    prefixes = [str(layer.path) if layer else "" for layer in (core, delta)]
    return Stack(
        paths=tuple(paths),
        layers=tuple(layers),
        startup=tuple(with_startup),
        commands=stack.commands(zip(prefixes, sides, strict=True)),
        why_flat=None,
    )


def put_together(plan: EnvironmentPlan, prepared: Stack, environment: Path, uv: Uv, made: EnvironmentState) -> None:
    """Replace an environment, or leave the one before as it was.

    Raises:
        ConfigurationError: Something stands in its place that is no environment.
        WorldError: It could not be made.
    """
    with disk_errors(f"making the environment {environment}"), _replacing(environment):
        site_packages = _create(environment, plan)
        if prepared.why_flat is not None:
            _install_here(plan, environment, uv, plan.pins)
        if plan.local:
            _install_here(plan, environment, uv, plan.local)
        bin_folder, python = environment / "bin", environment / "bin" / "python"
        binaries.write_commands(bin_folder, python, prepared.commands.entry_points)
        binaries.copy_scripts(bin_folder, python, [Path(prefix, path) for prefix, path in prepared.commands.scripts])
        binaries.link_files(environment, prepared.commands.outside)
        for project in plan.projects:
            source_metadata.write(site_packages, project)
            binaries.write_commands(bin_folder, python, project.commands)
        (site_packages / PTH).write_text(import_path(plan, prepared), encoding="utf-8")
        state.write(environment, made)


def import_path(plan: EnvironmentPlan, prepared: Stack) -> str:
    """The text of the ``.pth`` file: sources, layers, the repository, the plugin; then start-up lines.

    A folder that a ``.pth`` file adds does not have its own ``.pth`` files read; ``site.addsitedir`` reads them.
    Source: the documentation of the ``site`` module.
    """
    lines = [*map(str, plan.sources), *map(str, prepared.paths), str(plan.root), str(PLUGIN)]
    for line in lines:
        if "\n" in line or "\r" in line:
            raise ConfigurationError(
                "a folder with a line break in its name cannot be on Python's import path",
                place=Place(ascii(line)),
                remedy="rename the folder",
            )
    startup = [f"import site; site.addsitedir({str(path)!r})" for path in prepared.startup]
    return "\n".join([*dict.fromkeys(lines), *startup, _FENCE, ""])


@contextlib.contextmanager
def _replacing(environment: Path) -> Iterator[None]:
    aside = environment.with_name(f".{environment.name}.previous-{os.getpid()}")
    for leftover in environment.parent.glob(f".{environment.name}.previous-*"):
        remove_tree(leftover)
    existed = os.path.lexists(environment)
    if existed:
        _check_replaceable(environment)
        environment.rename(aside)
    else:
        environment.parent.mkdir(parents=True, exist_ok=True)
    try:
        yield
    except BaseException:
        if os.path.lexists(environment):
            remove_tree(environment)
        if existed:
            aside.rename(environment)
        raise
    if existed:
        remove_tree(aside)


def _check_replaceable(environment: Path) -> None:
    is_environment = (environment / "pyvenv.cfg").exists() or (environment / "conda-meta").is_dir()
    if environment.is_symlink() or (not is_environment and not environment.is_dir()):
        what = "a symbolic link" if environment.is_symlink() else "a file"
    elif not is_environment and any(entry.name != "tmp" for entry in environment.iterdir()):
        what = "a folder that is no virtual environment"
    else:
        return
    raise ConfigurationError(
        f"{what} stands where the environment should be",
        place=Place(str(environment)),
        remedy="move it away, or choose another place with --envdir",
    )


def _create(environment: Path, plan: EnvironmentPlan) -> Path:
    """A bare virtual environment, made in this process; its site-packages."""
    import virtualenv  # noqa: PLC0415 - only runs that make an environment pay for it

    arguments = ["--no-seed", "--no-periodic-update", "--quiet", "--no-vcs-ignore"]
    if Path(sys.executable) != plan.interpreter.executable:
        arguments += ["--python", str(plan.interpreter.executable)]
    try:
        virtualenv.cli_run([*arguments, str(environment)], setup_logging=False)
    except (RuntimeError, SystemExit) as error:
        raise WorldError(
            f"virtualenv could not make {environment}: {error}", remedy="see the message; the old one is untouched"
        ) from error
    return environment / plan.interpreter.site_packages


def _install_here(plan: EnvironmentPlan, environment: Path, uv: Uv, pins: tuple[Pin, ...]) -> None:
    if not pins:
        return
    request = install.Request(
        pins=pins,
        python=environment / "bin" / "python",
        prefix=None,
        options=plan.options,
        what=plan.target.subject,
    )
    install.install(uv, request, lambda _: None)
