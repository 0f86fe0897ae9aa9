"""Getting what an environment consists of, as planned: layers that are missing are built, and all are stacked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fumehood.environments import contents, layer, stack, view
from fumehood.environments.prepared import Stack
from fumehood.environments.stack import Side
from fumehood.errors import StaleLockError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from contextlib import ExitStack
    from pathlib import Path

    from fumehood.environments.layer import Layer, LayerSpec
    from fumehood.environments.plan import EnvironmentPlan
    from fumehood.environments.store import LayerStore
    from fumehood.environments.view import View
    from fumehood.model.lock import Pin
    from fumehood.outside.uv import Uv


def prepare(plan: EnvironmentPlan, store: LayerStore, leases: ExitStack, uv: Uv) -> Stack:
    """Build the layers that are missing and decide how they are put together.

    Args:
        plan: The environment.
        store: Where layers are.
        leases: Keeps the layers until the environment that uses them is known to everybody.
        uv: The door to uv.

    Raises:
        HashMismatchError: A download does not have the hash that the lock promises.
        StaleLockError: The delta no longer fits the core that it is stacked on.
        WorldError: A layer could not be installed.
    """
    if plan.target.layout == "flat":
        return _flat('experiment.toml says layout = "flat"')

    def layer_of(spec: LayerSpec | None, what: str) -> Layer | None:
        if spec is None:
            return None
        found, lease = layer.obtain(store, spec, uv, plan.options, what=what)
        leases.callback(lease.release)
        return found

    core, delta = layer_of(plan.core, "core"), layer_of(plan.delta, plan.target.subject)
    visible, hidden = Side.of(core, plan.hidden), _hidden(core, plan.hidden)
    added = Side.of(delta)
    if not plan.proven:
        check_fit(plan, [*visible.distributions, *added.distributions])
    if (why := stack.obstacle(visible, added, hidden)) is not None:
        return _flat(why)
    seen = None
    if core and plan.hidden:
        seen, lease = view.obtain(store, core, plan.hidden)
        leases.callback(lease.release)
    return _stacked(core, delta, seen, [visible, added])


def make_view(store: LayerStore, plan: EnvironmentPlan) -> None:
    """Make the view of the core layer that a plan needs, if it needs one and the layer is there.

    Raises:
        WorldError: The disk refused; nothing is left behind.
    """
    core = layer.load(store.path(plan.core.digest)) if plan.core and plan.hidden else None
    if core:
        _, lease = view.obtain(store, core, plan.hidden)
        lease.release()


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


def _stacked(core: Layer | None, delta: Layer | None, seen: View | None, sides: list[Side]) -> Stack:
    paths: list[Path] = []
    layers: list[str] = []
    with_startup: list[Path] = []
    for part, side in zip((delta, core), reversed(sides), strict=True):
        if part is None:
            continue
        path = part.import_path
        layers.append(part.digest)
        if part is core and seen:
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


def _install_here(plan: EnvironmentPlan, environment: Path, uv: Uv, pins: tuple[Pin, ...]) -> None:
    from fumehood.environments import install  # noqa: PLC0415 - most environments hold nothing themselves

    if pins:
        python = environment / "bin" / "python"
        what, options = plan.target.subject, plan.options
        request = install.Request(pins=pins, python=python, options=options, compiled=True, what=what)
        install.into_environment(uv, request)
