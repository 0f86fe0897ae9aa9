"""Missing layers of several environments, installed by one uv and then divided by what their RECORDs name.

uv takes longer to start than to install what most experiments add. All of this is only a shortcut: what fails here, or
is not clear, is left to `layer.obtain`, which installs one layer by itself and has the words for what goes wrong.
"""

from __future__ import annotations

import contextlib
import functools
import os
from contextlib import ExitStack
from typing import TYPE_CHECKING, TypeVar

from msgspec.structs import replace

from fumehood.environments import contents, install, layer
from fumehood.errors import FumehoodError
from fumehood.model.index_options import IndexOptions
from fumehood.model.lock import by_name
from fumehood.outside.files import remove_tree

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from packaging.utils import NormalizedName

    from fumehood.environments.contents import InstalledDistribution
    from fumehood.environments.foreseen import Foreseen
    from fumehood.environments.layer import LayerSpec
    from fumehood.environments.store import LayerStore
    from fumehood.model.lock import Pin
    from fumehood.outside.uv import Uv

    Installed = Mapping[NormalizedName, InstalledDistribution]

Parts = dict[str, bool]
"""What a layer gets of a prefix that holds several, by path, and whether it is the only one that gets it."""

Member = TypeVar("Member", "LayerSpec", "Foreseen")

_AHEAD = "ahead"
"""What stands in the place of a digest where it is not yet known what layers it will come to."""

_ANYWHERE = IndexOptions()
"""What has hashes, and is in uv's cache already, may have come from anywhere."""

MOST = 32
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


def groups(wanted: Iterable[tuple[Member, IndexOptions]]) -> Iterator[tuple[IndexOptions, list[Member]]]:
    """Layers that one environment could hold, since no two have different pins of one name."""
    found: list[tuple[IndexOptions, Member, dict[NormalizedName, tuple[Pin, ...]], list[Member]]] = []
    for spec, options in wanted:
        pins = dict(by_name(spec.pins))
        for of, first, names, members in found:
            alike = (of, first.interpreter, first.compiled) == (options, spec.interpreter, spec.compiled)
            if alike and len(members) < MOST and all(names.get(name, pin) == pin for name, pin in pins.items()):
                names.update(pins)
                members.append(spec)
                break
        else:
            found.append((options, spec, pins, [spec]))
    return ((options, members) for options, _, _, members in found)


def _is_ours(store: LayerStore, spec: LayerSpec, leases: ExitStack) -> bool:
    """Whether nobody else is at work on a layer; its lease is then held until the end, and nothing is left of it."""
    lease = store.lease(spec.digest, name="a layer")
    leases.callback(lease.release)
    if not lease.try_exclusive() or store.path(spec.digest).exists():
        return False
    store.clear(spec.digest)
    return True


@contextlib.contextmanager
def ahead(store: LayerStore, uv: Uv, foreseen: Sequence[Foreseen]) -> Iterator[Callable[[Iterable[LayerSpec]], None]]:
    """Install what layers will most likely be made from, as far as uv has it in its cache, beside what the block does.

    Yields:
        What waits for uv, and makes those of some layers that are missing and that can be made from it.
    """
    chosen = next((members for _, members in groups((item, _ANYWHERE) for item in foreseen)), [])
    union, arrived = store.private(_AHEAD), None
    with ExitStack() as stack:
        if len(chosen) > 1:
            with contextlib.suppress(FumehoodError, OSError):
                arrived = stack.enter_context(_installed_ahead(store, uv, chosen, union))

        def finish(specs: Iterable[LayerSpec]) -> None:
            with contextlib.suppress(FumehoodError, OSError):
                if arrived is not None and arrived():
                    _share_out_ahead(store, chosen, list(specs), union)

        yield finish


@contextlib.contextmanager
def _installed_ahead(
    store: LayerStore, uv: Uv, chosen: Sequence[Foreseen], union: Path
) -> Iterator[Callable[[], bool] | None]:
    """See `install.from_cache`; nothing is installed, and None yielded, where somebody else does the same now."""
    lease = store.lease(_AHEAD, name="what is installed ahead")
    try:
        if not lease.try_exclusive():
            yield None
            return
        store.clear(_AHEAD)
        with install.from_cache(uv, _pins(chosen), chosen[0].interpreter.executable, union) as arrived:
            yield arrived
    finally:
        remove_tree(union)
        lease.release()


def _share_out_ahead(store: LayerStore, chosen: Sequence[Foreseen], specs: list[LayerSpec], union: Path) -> None:
    """Make the layers whose pins were all foreseen, and of which uv has installed what their plans say."""
    interpreter = chosen[0].interpreter
    installed = _in_prefix(union, interpreter.site_packages)
    there = {
        replace(pin, marker="")
        for pin in _pins(chosen)
        if pin.name in installed and installed[pin.name].version == pin.version
    }
    with ExitStack() as leases:
        ours = [
            spec
            for spec in {spec.digest: spec for spec in specs}.values()
            if spec.interpreter == interpreter and there.issuperset(spec.pins) and _is_ours(store, spec, leases)
        ]
        if ours:
            _share_out(store, ours, installed, union)


def _build(store: LayerStore, uv: Uv, specs: list[LayerSpec], options: IndexOptions) -> None:
    union, interpreter = store.private(specs[-1].digest), specs[-1].interpreter
    request = install.Request(
        pins=_pins(specs),
        python=interpreter.executable,
        options=options,
        compiled=specs[0].compiled,
        what=f"{len(specs)} layers",
    )
    try:
        install.into_prefix(uv, request, union, store.say)
        _share_out(store, specs, _in_prefix(union, interpreter.site_packages), union)
    except (FumehoodError, OSError):
        return
    finally:
        remove_tree(union)


def _pins(members: Iterable[LayerSpec | Foreseen]) -> tuple[Pin, ...]:
    return tuple(sorted({pin for member in members for pin in member.pins}))


def _in_prefix(union: Path, site_packages: str) -> Installed:
    return {item.name: item for item in contents.distributions(union, site_packages)}


def _share_out(store: LayerStore, specs: list[LayerSpec], installed: Installed, union: Path) -> None:
    """Make layers, which are missing and whose leases are held, of what is installed in a prefix.

    It goes before the last of them is there, for which whoever builds that clears away what a killed run has left.
    """
    for spec, parts in divided(specs, installed, specs[-1].interpreter.site_packages):
        fill = functools.partial(_fill, union, spec, parts, installed, is_last=spec is specs[-1])
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
