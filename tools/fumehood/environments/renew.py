"""Making an environment anew: layers, then environment; or finding that nothing that matters has changed."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from fumehood.environments import build, recipes, state
from fumehood.environments.manager import rebuilt_because
from fumehood.environments.registry import Registry
from fumehood.environments.state import EnvironmentState
from fumehood.outside.uv import Uv

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from fumehood.environments.build import Stack, Workshop
    from fumehood.environments.manager import Environments, Wish
    from fumehood.environments.plan import Frame
    from fumehood.environments.state import FileState


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

    def prepare(self, workshop: Workshop) -> Stack | None:
        """Its layers, leased; None where they cannot be had in this way."""

    def own(self, prepared: Stack, workshop: Workshop, environment: Path) -> None:
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
            touched = replace(state.with_files(found, environments.key(wish), draft.files), reason="")
            state.write(wish.folder, touched)
            return touched
        moved = rebuilt_because(found, reason, draft.versions)
        if (made := _carry_out(environments, wish, draft, moved)) is not None:
            return made
    raise AssertionError  # what is drafted from locks can always be carried out, or fails with its own error


def _drafts(environments: Environments, wish: Wish) -> Iterator[Draft]:
    if not wish.lowest and (recalled := recipes.recall(environments, wish)) is not None:
        yield recalled
    from fumehood.environments.drafting import draft  # noqa: PLC0415 - what is recalled needs no locks

    yield draft(environments, wish)


def _carry_out(environments: Environments, wish: Wish, draft: Draft, reason: str) -> EnvironmentState | None:
    uv = Uv(cwd=environments.repository.root, environ=environments.environ, offline=environments.offline)
    with ExitStack() as leases:
        workshop = build.Workshop(store=environments.layers, uv=uv, leases=leases)
        prepared = draft.prepare(workshop)
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
            versions=draft.versions,
            changes=draft.changes,
            files=draft.files,
            reason=reason,
        )

        def own(environment: Path) -> None:
            draft.own(prepared, workshop, environment)

        build.put_together(draft.frame, prepared, wish.folder, made, cache=environments.cache, own=own)
        # From here on it is known that the layers have a user, and the lease on them is not needed for that.
        Registry(environments.cache).add(wish.folder)
    draft.done(prepared)
    return made
