"""``fumehood env export``, behind its options."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from msgspec.structs import replace
from packaging.utils import canonicalize_name

from fumehood import extensions
from fumehood.commands import terminal
from fumehood.commands.env import folders
from fumehood.environments import contents, layer, state
from fumehood.environments.plan import plan as make_plan
from fumehood.environments.store import LayerStore
from fumehood.errors import ExitCode
from fumehood.extensions import EnvironmentView, ViewedPackage, ViewedProject
from fumehood.locking import lockfile
from fumehood.locking.book import LockBook
from fumehood.locking.obtain import obtain
from fumehood.model.experiment import core_target, experiment_target
from fumehood.model.lock import Pin
from fumehood.model.markers import from_variables
from fumehood.outside import interpreter as interpreters
from fumehood.outside.files import cache_folder, write_whole
from fumehood.outside.uv import Uv

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from fumehood.environments.plan import EnvironmentPlan
    from fumehood.extensions import Exporter, Origin
    from fumehood.model.lock import LayeredLock
    from fumehood.model.requirement import Requirement
    from fumehood.repository import Repository


def run(  # noqa: PLR0913 - one keyword for each option of the command
    repository: Repository,
    name: str,
    *,
    format_: str,
    output: Path | None,
    envdir: Path | None,
    locked: bool,
    offline: bool,
    say: Callable[[str], None],
) -> int:
    """Write what an environment consists of in some format; nothing is built for it."""
    exporter = extensions.load(extensions.EXPORTERS_GROUP, format_, _BUILT_IN)
    locked = locked or bool(os.environ.get("CI"))
    view = view_of(repository, name, envdir=envdir, locked=locked, offline=offline, say=say)
    if format_ not in _BUILT_IN and any(package.requires is None for package in view.packages):
        say(
            f"{name} is not built, so the exporter cannot know what its packages require\n"
            f"  → run `fumehood env build {name}` first"
        )
    text = extensions.export(exporter, view)
    if text and not text.endswith("\n"):
        text += "\n"
    if output is None:
        terminal.answer(text, end="")
    else:
        write_whole(output, text)
    return ExitCode.OK


def view_of(
    repository: Repository,
    name: str,
    *,
    say: Callable[[str], None],
    envdir: Path | None = None,
    locked: bool = False,
    offline: bool = False,
) -> EnvironmentView:
    """What an environment consists of: from its lock, and where it is built, from what is installed.

    Args:
        repository: Where it is.
        name: The experiment; ``core`` for the environment of core's tests.
        say: Tells the user why a committed lock is not used.
        envdir: Where environments are; None for ``.nox`` in the repository.
        locked: Refuse to resolve where locks are committed.
        offline: Never use the network.

    Raises:
        FumehoodError: There is no such experiment, or its lock cannot be had.
    """
    experiment = None if name == "core" else repository.experiment(name)
    target = experiment_target(experiment) if experiment else core_target(repository.core)
    cache = cache_folder(os.environ)
    book = LockBook.of(repository, os.environ)
    uv = Uv(cwd=repository.root, offline=offline)
    obtained = obtain(book, uv, target, locked=locked)
    for note in obtained.notes:
        say(f"{target.session}: {note}; using fresh pins, run `fumehood lock` to commit them")
    spec, folder = folders(repository, target, envdir, None)[0]
    inputs = book.all_inputs(target)
    plan = make_plan(
        repository,
        target,
        obtained.lock,
        interpreters.inspect(interpreters.find(spec), cache=cache),
        options=inputs.options,
        proven=obtained.proven,
    )
    installed = _installed(plan, LayerStore(cache=cache, say=say), folder)
    bare = _view(plan, obtained.lock, installed)
    return replace(bare, name=experiment.name if experiment else "core", direct=_direct(plan, inputs.requirements))


def _installed(plan: EnvironmentPlan, store: LayerStore, folder: Path) -> dict[str, tuple[str, ...]]:
    """What each installed distribution requires: of the layers that are there, and of an environment of this plan."""
    layers = [layer.load(store.path(spec.digest)) for spec in (plan.core, plan.delta) if spec]
    found = {item.name: item.requires for one in layers if one for item in one.distributions}
    made = state.read(folder)
    if made and made.digest == plan.digest:
        site_packages = plan.interpreter.site_packages
        found |= {str(item.name): item.requires for item in contents.distributions(folder, site_packages)}
    return found


def _view(
    plan: EnvironmentPlan,
    lock: LayeredLock,
    installed: Mapping[str, tuple[str, ...]],
) -> EnvironmentView:
    here = from_variables(plan.interpreter.variables)
    core = {str(pin.name) for pin in lock.core.pins if here.admits(pin.marker)}
    return EnvironmentView(
        name=plan.target.subject,
        interpreter=plan.interpreter.identity,
        markers=here.variables,
        packages=tuple(
            ViewedPackage(
                name=str(pin.name),
                version=pin.version,
                url=pin.url,
                editable=pin.editable,
                hashes=pin.hashes,
                origin=_origin(plan, core, pin),
                requires=installed.get(str(pin.name)),
            )
            for pin in sorted((*plan.pins, *plan.local))
        ),
        projects=tuple(ViewedProject(name=project.name, version=project.version) for project in plan.frame.projects),
    )


def _direct(plan: EnvironmentPlan, requirements: Iterable[Requirement]) -> tuple[str, ...]:
    here = from_variables(plan.interpreter.variables)
    asked: dict[str, set[str]] = {}
    for line in requirements:
        if line.name and not line.constraint and here.admits(str(line.marker or "")):
            asked.setdefault(str(line.name), set()).update(line.extras)
    return tuple(f"{name}[{','.join(sorted(extras))}]" if extras else name for name, extras in sorted(asked.items()))


def _origin(plan: EnvironmentPlan, core: set[str], pin: Pin) -> Origin:
    if pin.name in plan.hidden:
        return "changed"
    return "core" if pin.name in core else "delta"


def requirements_text(view: EnvironmentView) -> str:
    """The exporter ``requirements``: one flat requirements file, for this interpreter, that pip and uv install."""
    lines = [f"# What {view.name} runs with on {view.interpreter}, written by `fumehood env export`."]
    for package in view.packages:
        pin = Pin(
            name=canonicalize_name(package.name),
            version=package.version,
            url=package.url,
            editable=package.editable,
            hashes=package.hashes,
        )
        lines.append(lockfile.render_pin(pin))
    return "\n".join([*lines, ""])


_BUILT_IN: Mapping[str, Exporter] = {"requirements": requirements_text}
