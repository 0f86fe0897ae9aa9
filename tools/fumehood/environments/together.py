"""Missing layers of several environments, installed by one uv and then divided by what their RECORDs name.

uv takes longer to start than to install what most experiments add. All of this is only a shortcut: what fails here, or
is not clear, is left to `layer.obtain`, which installs one layer by itself and has the words for what goes wrong.
"""

from __future__ import annotations

import contextlib
import functools
import os
from contextlib import ExitStack
from typing import TYPE_CHECKING

from fumehood.environments import contents, install, layer
from fumehood.errors import FumehoodError
from fumehood.model.index_options import IndexOptions
from fumehood.outside.files import remove_tree

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from pathlib import Path

    from packaging.utils import NormalizedName

    from fumehood.environments.contents import InstalledDistribution
    from fumehood.environments.layer import LayerSpec
    from fumehood.environments.store import LayerStore
    from fumehood.model.lock import Pin
    from fumehood.outside.uv import Uv

    Installed = Mapping[NormalizedName, InstalledDistribution]

Parts = dict[str, bool]
"""What a layer gets of a prefix that holds several, by path, and whether it is the only one that gets it."""

_ANYWHERE = IndexOptions()
"""What has hashes, and is in uv's cache already, may have come from anywhere."""

_MOST = 32
"""Layers that one uv installs at a time, so that its memory does not grow with the number of experiments."""


def build(store: LayerStore, uv: Uv, wanted: Iterable[tuple[LayerSpec, IndexOptions]]) -> None:
    """Build layers that are missing, as far as that is possible in this way."""
    missing = {spec.digest: (spec, options) for spec, options in wanted if not store.path(spec.digest).exists()}
    for options, specs in groups(missing.values()):
        if len(specs) == 1:
            continue
        with ExitStack() as leases:
            free = [spec for spec in specs if _is_ours(store, spec, leases)]
            if len(free) > 1:
                _build(store, uv, free, options)


def groups(wanted: Iterable[tuple[LayerSpec, IndexOptions]]) -> Iterator[tuple[IndexOptions, list[LayerSpec]]]:
    """Layers that one environment could hold, since no two have different pins of one name."""
    found: list[tuple[IndexOptions, LayerSpec, dict[str, object], list[LayerSpec]]] = []
    for spec, options in wanted:
        pins: dict[str, object] = {str(pin.name): pin for pin in spec.pins}
        for of, first, names, members in found:
            alike = (of, first.interpreter, first.compiled) == (options, spec.interpreter, spec.compiled)
            if alike and len(members) < _MOST and all(names.get(name, pin) == pin for name, pin in pins.items()):
                names.update(pins)
                members.append(spec)
                break
        else:
            found.append((options, spec, pins, [spec]))
    return ((options, members) for options, _, _, members in found)


def _is_ours(store: LayerStore, spec: LayerSpec, leases: ExitStack) -> bool:
    """Whether nobody else is at work on a layer; its lease is then held until the end."""
    lease = store.lease(spec.digest, name="a layer")
    leases.callback(lease.release)
    return lease.try_exclusive() and not store.path(spec.digest).exists()


@contextlib.contextmanager
def ahead(store: LayerStore, uv: Uv, wanted: Iterable[LayerSpec]) -> Iterator[Callable[[], None]]:
    """Install the first group of layers that are missing, from uv's cache alone, beside what the block does.

    Yields:
        What waits for uv, and then makes the layers if everything was there.
    """
    missing = {spec.digest: spec for spec in wanted if not store.path(spec.digest).exists()}
    specs = next((specs for _, specs in groups((spec, _ANYWHERE) for spec in missing.values())), [])
    with ExitStack() as stack:
        free = [spec for spec in specs if _is_ours(store, spec, stack)]
        arrived: Callable[[], bool] = bool
        if len(free) > 1:
            union = _place(store, free)
            stack.callback(remove_tree, union)
            with contextlib.suppress(FumehoodError, OSError):
                python = free[0].interpreter.executable
                arrived = stack.enter_context(install.from_cache(uv, _pins(free), python, union))

        def finish() -> None:
            with contextlib.suppress(FumehoodError, OSError):
                if arrived():
                    _share_out(store, free, union)

        yield finish


def _build(store: LayerStore, uv: Uv, specs: list[LayerSpec], options: IndexOptions) -> None:
    union = _place(store, specs)
    request = install.Request(
        pins=_pins(specs),
        python=specs[0].interpreter.executable,
        options=options,
        compiled=specs[0].compiled,
        what=f"{len(specs)} layers",
    )
    try:
        install.into_prefix(uv, request, union, store.say)
        _share_out(store, specs, union)
    except (FumehoodError, OSError):
        return
    finally:
        remove_tree(union)


def _place(store: LayerStore, specs: list[LayerSpec]) -> Path:
    """Where several layers are installed, which the caller holds.

    It goes before the last layer is there, for which whoever builds that clears away what a killed run has left.
    """
    for spec in specs:
        store.clear(spec.digest)
    return store.private(specs[-1].digest)


def _pins(specs: Iterable[LayerSpec]) -> tuple[Pin, ...]:
    return tuple(sorted({pin for spec in specs for pin in spec.pins}))


def _share_out(store: LayerStore, specs: list[LayerSpec], union: Path) -> None:
    last = specs[-1]
    installed = {item.name: item for item in contents.distributions(union, last.interpreter.site_packages)}
    for spec, parts in divided(specs, installed, last.interpreter.site_packages):
        fill = functools.partial(_fill, union, spec, parts, installed, is_last=spec is last)
        store.publish(spec.digest, "a layer", fill)


def _fill(union: Path, spec: LayerSpec, parts: Parts, installed: Installed, staging: Path, *, is_last: bool) -> None:
    """Move to a layer what it alone gets, and link what others get too."""
    made: set[str] = set()
    for path, alone in parts.items():
        here, there = f"{staging}/{path}", f"{union}/{path}"
        folder = os.path.dirname(here)
        if folder not in made:
            os.makedirs(folder, exist_ok=True)
            made.add(folder)
        if alone:
            os.rename(there, here)
        else:
            os.link(there, here, follow_symlinks=False)
    if is_last:
        remove_tree(union)
    layer.complete(staging, spec, tuple(installed[pin.name] for pin in spec.pins), "a layer")


def divided(specs: Iterable[LayerSpec], installed: Installed, site_packages: str) -> Iterator[tuple[LayerSpec, Parts]]:
    """What each layer gets; without those of which a pin has installed nothing, or a file that is not clearly its own.

    Args:
        specs: The layers.
        installed: What their pins have installed in one prefix, by name.
        site_packages: Relative to the prefix.
    """
    whole = [spec for spec in specs if all(pin.name in installed for pin in spec.pins)]
    users: dict[NormalizedName, set[str]] = {}
    for spec in whole:
        for pin in spec.pins:
            users.setdefault(pin.name, set()).add(spec.digest)
    tops = {file.path: _top(file.path, site_packages) for name in users for file in installed[name].files}
    layers: dict[str, set[str]] = {}
    for name, digests in users.items():
        paths = [file.path for file in installed[name].files]
        for place in {*paths, *map(tops.__getitem__, paths)}:
            layers.setdefault(place, set()).update(digests)
    unclear = _unclear(installed)
    for spec in whole:
        if not unclear.isdisjoint(pin.name for pin in spec.pins):
            continue
        parts: Parts = {}
        for path in (file.path for pin in spec.pins for file in installed[pin.name].files):
            top = tops[path]
            parts[top if len(layers[top]) == 1 else path] = len(layers[path]) == 1
        yield spec, parts


def _unclear(installed: Installed) -> set[NormalizedName]:
    """The distributions that name a file which another one names too, or which is not in the prefix."""
    owners: dict[str, NormalizedName] = {}
    found: set[NormalizedName] = set()
    for name, item in installed.items():
        for file in item.files:
            if owners.setdefault(file.path, name) != name:
                found |= {owners[file.path], name}
            if file.path.startswith(("../", "/")):
                found.add(name)
    return found


def _top(file: str, site_packages: str) -> str:
    """What an import or ``importlib.metadata`` would begin with to find a file; outside site-packages the file."""
    below = file.removeprefix(f"{site_packages}/")
    return file if below == file else f"{site_packages}/{below.partition('/')[0]}"
