"""Making an environment anew: layers, then environment; or finding that nothing that matters has changed."""

from __future__ import annotations

import contextlib
import functools
import os
from contextlib import ExitStack
from typing import TYPE_CHECKING, Protocol

from msgspec.structs import replace

from fumehood.environments import build, recipes, registry, state
from fumehood.environments.frame import PLUGIN
from fumehood.environments.manager import rebuilt_because
from fumehood.environments.state import EnvironmentState
from fumehood.errors import FumehoodError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from fumehood.environments.frame import Frame
    from fumehood.environments.manager import Environments, Wish
    from fumehood.environments.plan import EnvironmentPlan
    from fumehood.environments.prepared import Stack
    from fumehood.environments.state import FileState
    from fumehood.environments.store import LayerStore


class Draft(Protocol):
    """What an environment is to be, from wherever that is known."""

    @property
    def frame(self) -> Frame:
        """What it has beside its layers."""

    @property
    def digest(self) -> str:
        """What it is made from, see `Frame.digest`."""

    @property
    def files(self) -> Mapping[str, FileState]:
        """Every file that decides about it."""

    @property
    def versions(self) -> Mapping[str, str]:
        """What will be installed, by name."""

    @property
    def changes(self) -> tuple[str, ...]:
        """How it changes core's pins."""

    @property
    def unlocked(self) -> bool:
        """Whether a committed lock was passed over."""

    @property
    def lines(self) -> str:
        """See `EnvironmentState.lines`."""

    def prepare(self, store: LayerStore, leases: ExitStack) -> Stack | None:
        """Its layers, leased; None where they cannot be had in this way."""

    def own(self, prepared: Stack, environment: Path) -> None:
        """Install into it what belongs to no layer."""

    def done(self, prepared: Stack) -> None:
        """It was made."""


def renew(environments: Environments, wish: Wish, found: EnvironmentState | None, reason: str) -> EnvironmentState:
    """Bring an environment up to date; its lease is held exclusively by the caller.

    Returns:
        The new state; its `reason` is empty when the environment was right after all and only files were touched.
    """
    for draft in _drafts(environments, wish):
        if found and found.digest == draft.digest and not wish.fresh and not environments.is_broken(wish.folder, found):
            # The same environment, found right again after files were touched.
            key = environments.key(wish)
            touched = replace(found, key=key, files=draft.files, reason="", unlocked=draft.unlocked, lines=draft.lines)
            state.write(wish.folder, touched)
            return touched
        moved = rebuilt_because(found, reason, draft.versions)
        if (made := _carry_out(environments, wish, draft, moved)) is not None:
            return made
    raise AssertionError  # what is drafted from locks can always be carried out, or fails with its own error


def prepare(environments: Environments, wishes: Iterable[Wish]) -> bool:
    """Draft several environments, and build the layers that they lack with as few calls of uv as possible.

    Returns:
        Whether all of them can now be had in a moment.
    """
    lacking = [wish for wish in wishes if not _is_recalled(environments, wish)]
    if not lacking:
        return True
    from fumehood.environments import together  # noqa: PLC0415 - what is recalled lacks no layer
    from fumehood.environments.foreseen import foresee  # noqa: PLC0415 - as above

    layers, uv = environments.layers, environments.uv
    foreseen = list(foresee(environments, lacking[: together.MOST]))
    with together.ahead(layers, uv, [item for item in foreseen if item and item.is_missing(layers)]) as finish:
        planned = list(_plans(environments, lacking))
        plans = [plan for plan in planned if plan]
        stacked = [plan for plan in plans if plan.target.layout != "flat"]
        deltas = [(plan.delta, plan.options) for plan in stacked if plan.delta]
        _look_ahead(layers, stacked)
        finish([spec for spec, _ in deltas])
    together.build(layers, uv, deltas)
    for item, plan in zip(foreseen, planned, strict=False):  # the first of them are foreseen
        if item and plan and plan.delta:
            item.turned_out_to_be(plan.delta)
    specs = [spec for plan in stacked for spec in (plan.core, plan.delta) if spec]
    is_quick = len(stacked) == len(lacking) and not any(plan.local for plan in plans)
    return is_quick and all(layers.path(spec.digest).exists() for spec in specs)


def _look_ahead(store: LayerStore, plans: Iterable[EnvironmentPlan]) -> None:
    """Make the views that are missing of core layers that are there, and load what comes next."""
    import shutil  # noqa: F401, PLC0415 - with which is removed what uv leaves

    from fumehood.environments import contents, preparing  # noqa: PLC0415 - loaded meanwhile, too

    contents.load_readers()
    for plan in plans:
        with contextlib.suppress(FumehoodError):  # which the environment says that needs it
            preparing.make_view(store, plan)


def _is_recalled(environments: Environments, wish: Wish) -> bool:
    recalled = None if wish.lowest else recipes.recall(environments, wish)
    if recalled is not None:
        environments.drafted[wish.folder] = recalled
    return recalled is not None


def _plans(environments: Environments, wishes: list[Wish]) -> Iterator[EnvironmentPlan | None]:
    """The plan of each environment; side by side where some are not locked, and have to be resolved."""
    planned, root = functools.partial(_planned, environments), environments.repository.root
    if all(os.path.exists(root / wish.target.lock) for wish in wishes):
        yield from map(planned, wishes)
        return
    from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415 - see above

    from fumehood.environments.drafting import shared_by  # noqa: PLC0415 - what is recalled needs no locks

    with contextlib.suppress(FumehoodError):  # which each draft says
        shared_by(environments)  # before any thread asks for it, so that all have the same
    with ThreadPoolExecutor(max_workers=os.cpu_count() or 2) as pool:
        yield from pool.map(planned, wishes)


def _planned(environments: Environments, wish: Wish) -> EnvironmentPlan | None:
    """The plan of an environment; None where there is an error, which `renew` raises."""
    from fumehood.environments.drafting import draft  # noqa: PLC0415 - what is recalled needs no locks

    try:
        drafted = draft(environments, wish)
    except FumehoodError as error:
        environments.drafted[wish.folder] = error
        return None
    environments.drafted[wish.folder] = drafted
    return drafted.plan


def _drafts(environments: Environments, wish: Wish) -> Iterator[Draft]:
    ready = environments.drafted.pop(wish.folder, None)
    if isinstance(ready, FumehoodError):
        raise ready
    if ready is not None and state.changed_file(environments.repository.root, ready.files) is None:
        yield ready
    if not wish.lowest and (recalled := recipes.recall(environments, wish)) is not None:
        yield recalled
    from fumehood.environments.drafting import draft  # noqa: PLC0415 - what is recalled needs no locks

    yield draft(environments, wish)


def _carry_out(environments: Environments, wish: Wish, draft: Draft, reason: str) -> EnvironmentState | None:
    with ExitStack() as leases:
        prepared = draft.prepare(environments.layers, leases)
        if prepared is None:
            return None
        made = EnvironmentState(
            key=environments.key(wish),
            digest=draft.digest,
            root=str(draft.frame.root),
            session=wish.target.session,
            interpreter=draft.frame.interpreter.identity,
            layout="stacked" if prepared.why_flat is None else "flat",
            why_flat=prepared.why_flat,
            layers=prepared.layers,
            cache=str(environments.cache),
            plugin=str(PLUGIN),
            versions=draft.versions,
            changes=draft.changes,
            files=draft.files,
            own={},
            reason=reason,
            unlocked=draft.unlocked,
            lines=draft.lines,
        )
        own = functools.partial(draft.own, prepared)
        whole = build.put_together(draft.frame, prepared, wish.folder, made, cache=environments.cache, own=own)
        # From here on it is known that the layers have a user, and the lease on them is not needed for that.
        registry.add(environments.cache, wish.folder)
    draft.done(prepared)
    return whole
