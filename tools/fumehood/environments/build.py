"""Putting the thin environment together, in milliseconds: all that can fail has been done before."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from msgspec.structs import replace

from fumehood.environments import bare, binaries, source_metadata, state
from fumehood.environments.frame import PLUGIN
from fumehood.environments.replace import replacing
from fumehood.errors import ConfigurationError, Place
from fumehood.outside.files import disk_errors

if TYPE_CHECKING:
    from collections.abc import Callable

    from fumehood.environments.frame import Frame
    from fumehood.environments.prepared import Stack
    from fumehood.environments.state import EnvironmentState

_FENCE = 'import os; os.environ.get("FUMEHOOD_FENCE") and __import__("fumehood_pytest").raise_fence()'


def put_together(
    frame: Frame,
    prepared: Stack,
    environment: Path,
    made: EnvironmentState,
    *,
    cache: Path,
    own: Callable[[Path], None],
) -> EnvironmentState:
    """Replace an environment, or leave the one before as it was; what it remembers.

    Args:
        frame: What it has beside its layers.
        prepared: Its layers.
        environment: Its folder.
        made: What it shall remember beside its own files.
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
        (site_packages / state.PTH).write_text(import_path(frame, prepared), encoding="utf-8")
        deciding = (bare.CONFIG, f"{frame.interpreter.site_packages}/{state.PTH}")
        whole = replace(made, own=state.look_at(environment, deciding))
        state.write(environment, whole)
        return whole


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
