"""What the layers of an environment come to, from wherever that is known: planned now, or remembered."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003 - msgspec looks it up when it reads a recipe

from msgspec import Struct


class Commands(Struct, frozen=True, kw_only=True):
    """What an environment's ``bin`` and prefix get from its layers; a delta's shadow core's.

    Attributes:
        entry_points: ``(command, "module:attribute")``.
        scripts: ``(prefix of the layer, path in it)`` of script files to copy.
        outside: ``(prefix of the layer, path in it)`` of files outside site-packages to link.
    """

    entry_points: tuple[tuple[str, str], ...]
    scripts: tuple[tuple[str, str], ...]
    outside: tuple[tuple[str, str], ...]


class Stack(Struct, frozen=True, kw_only=True):
    """The layers of an environment, ready to be put together.

    Attributes:
        paths: Folders of installed distributions for the import path, first wins.
        layers: The digests of what `paths` belong to.
        startup: Those of `paths` that have ``.pth`` files of their own.
        commands: See `Commands`.
        why_flat: Why the layers are not stacked; the environment then holds its distributions itself.
    """

    paths: tuple[Path, ...]
    layers: tuple[str, ...]
    startup: tuple[Path, ...]
    commands: Commands
    why_flat: str | None = None
