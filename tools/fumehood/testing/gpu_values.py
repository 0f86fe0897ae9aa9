"""GPUs and what a test needs of them, as values and as text; nothing here looks at a machine.

The pytest plugin cannot import this module, because it runs without fumehood beside it. What it repeats of the
grammar here, a test compares with this.
"""

from __future__ import annotations

import re
from itertools import groupby
from typing import TYPE_CHECKING

from msgspec import Struct

from fumehood.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterable

SIMULATED_PREFIX = "SIMULATED-"
"""What the UUID of a simulated GPU starts with; no driver makes one like that."""

_TIMES = "\N{MULTIPLICATION SIGN}"
_UNITS = {
    "B": 1,
    "KB": 10**3,
    "MB": 10**6,
    "GB": 10**9,
    "TB": 10**12,
    "KiB": 2**10,
    "MiB": 2**20,
    "GiB": 2**30,
    "TiB": 2**40,
}
NOMINAL = 0.93
"""The share of its nominal memory that a GPU has to report to count as having it.

A driver reports what is left after its own part and, on cards without spare memory for it, error correction's
sixteenth: 79.6 GiB of an H100's 80, 15 GiB of a T4's 16, 22.5 GiB of an L4's 24.
"""
_MEMORY = re.compile(r"(\d{1,15}(?:\.\d{1,6})?) ?([KMGT]?i?B)", re.ASCII)
_CAPABILITY = re.compile(r"(\d{1,3})(?:\.(\d{1,3}))?", re.ASCII)
_GROUP = re.compile(
    r"(?P<count>\d{1,4})x(?:(?P<vendor>[a-z]+)/)?(?P<name>[A-Za-z0-9](?:[A-Za-z0-9 ._+-]*[A-Za-z0-9])?)"
    r"(?::(?P<memory>[^@,]+))?(?:@(?P<capability>[^@,]+))?",
    re.ASCII,
)
_EXAMPLE = "write it as COUNTx[VENDOR/]NAME[:MEMORY][@COMPUTE_CAPABILITY], such as 8xH100:80GiB@9.0, or none"


class Gpu(Struct, frozen=True, kw_only=True):
    """One GPU, or one MIG instance of a GPU.

    Attributes:
        index: Counted from 0 among the GPUs of its vendor, in the order in which the vendor's tools list them; a MIG
            instance has the index of its GPU.
        uuid: What the vendor's runtime takes for it in a list of visible devices; unique on the machine.
        memory: Total memory in bytes; 0 where the driver does not say.
        compute_capability: CUDA's ``major.minor``; None where there is no such thing.
        vendor: In small letters: ``nvidia``, ``amd``, ….
    """

    index: int
    uuid: str
    name: str
    memory: int
    compute_capability: str | None = None
    vendor: str = "nvidia"

    @property
    def is_simulated(self) -> bool:
        """Whether it stands for a GPU that this machine does not have."""
        return self.uuid.startswith(SIMULATED_PREFIX)

    @property
    def is_mig(self) -> bool:
        """Whether it is a MIG instance, a part of a GPU."""
        return self.uuid.startswith("MIG-")


class GpuNeeds(Struct, frozen=True, kw_only=True):
    """What a test, or all tests of an experiment together, need: `count` GPUs that each have the rest.

    Attributes:
        memory: Bytes of one GPU, as its maker counts them (see `NOMINAL`); None for any.
        compute_capability: The oldest that will do; None for any.
    """

    count: int = 1
    memory: int | None = None
    compute_capability: str | None = None
    vendor: str | None = None

    def __str__(self) -> str:
        features = [
            f"{render_memory(self.memory)}" if self.memory else "",
            f"compute capability {self.compute_capability} or newer" if self.compute_capability else "",
        ]
        head = " ".join(filter(None, (str(self.count), self.vendor, "GPU" if self.count == 1 else "GPUs")))
        tail = " and ".join(filter(None, features))
        return f"{head} with {tail}" if tail else head

    def met_by(self, gpu: Gpu) -> bool:
        """Whether this GPU may be one of the `count`.

        A CUDA process sees one MIG instance, however many it is given, and these are not connected with each other:
        who needs several GPUs needs whole ones. Source: MIG User Guide, "CUDA Device Enumeration".
        """
        if self.count > 1 and gpu.is_mig:
            return False
        if self.compute_capability is not None and (
            gpu.compute_capability is None or capability(gpu.compute_capability) < capability(self.compute_capability)
        ):
            return False
        return gpu.memory >= (self.memory or 0) * NOMINAL and self.vendor in {None, gpu.vendor}

    def join(self, other: GpuNeeds) -> GpuNeeds:
        """The least that suffices for both, one after the other; a vendor stays only if both do not differ on it."""
        vendors = {self.vendor, other.vendor} - {None}
        capabilities = [one for one in (self.compute_capability, other.compute_capability) if one is not None]
        return GpuNeeds(
            count=max(self.count, other.count),
            memory=max(self.memory or 0, other.memory or 0) or None,
            compute_capability=max(capabilities, key=capability, default=None),
            vendor=vendors.pop() if len(vendors) == 1 else None,
        )


def parse_memory(text: str) -> int:
    """Bytes of ``40GiB``, ``40 GB``, ``512MiB``, ``1.5TiB``.

    Raises:
        ValueError: It is no such text; the message is a clause that fits behind a place.
    """
    if (match := _MEMORY.fullmatch(text)) is None or match[2] not in _UNITS:
        raise ValueError(f'memory is a number and a unit, such as "40GiB" or "512MB", not {text!r}')
    whole, _, fraction = match[1].partition(".")
    scale: int = 10 ** len(fraction)
    return int(whole + fraction) * _UNITS[match[2]] // scale


def render_memory(memory: int) -> str:
    """Bytes as people say them, rounded to a tenth: ``80 GiB``, ``79.6 GiB``, ``512 MiB``."""
    unit = next((unit for unit in ("GiB", "MiB", "KiB") if memory >= _UNITS[unit]), "B")
    return f"{memory / _UNITS[unit]:.1f}".removesuffix(".0") + f" {unit}"


def capability(text: str) -> tuple[int, int]:
    """Major and minor number of a compute capability: ``9.0`` is newer than ``8.9``, ``12.1`` than ``9.0``.

    Raises:
        ValueError: It is no such text; the message is a clause that fits behind a place.
    """
    if (match := _CAPABILITY.fullmatch(text)) is None:
        raise ValueError(f'compute_capability is text such as "9.0", not {text!r}')
    return int(match[1]), int(match[2] or 0)


def describe(gpus: Iterable[Gpu]) -> str:
    """One phrase for messages: kinds in the order of their first GPU, each with its number, or ``none``."""
    kinds: dict[str, int] = {}
    for gpu in gpus:
        kind = f"{gpu.name} {render_memory(gpu.memory)}" if gpu.memory else gpu.name
        kinds[kind] = kinds.get(kind, 0) + 1
    return ", ".join(f"{count} {_TIMES} {kind}" for kind, count in kinds.items()) or "none"


def parse_simulated(text: str) -> tuple[Gpu, ...]:
    """The GPUs that ``FUMEHOOD_GPUS`` asks to pretend: ``8xH100:80GiB@9.0``, ``2xamd/MI300X:192GiB,1xT4``, ``none``.

    Raises:
        ConfigurationError: The text is something else.
    """
    if text.strip() in {"0", "none"}:
        return ()
    gpus: list[Gpu] = []
    counts: dict[str, int] = {}
    for group in text.split(","):
        kind, number = _parse_group(group.strip(), text)
        for _ in range(number):
            index = counts.get(kind.vendor, 0)
            counts[kind.vendor] = index + 1
            gpus.append(
                Gpu(
                    index=index,
                    uuid=f"{SIMULATED_PREFIX}{kind.vendor}-{index}",
                    name=kind.name,
                    memory=kind.memory,
                    compute_capability=kind.compute_capability,
                    vendor=kind.vendor,
                )
            )
    return tuple(gpus)


def _parse_group(group: str, text: str) -> tuple[Gpu, int]:
    if (match := _GROUP.fullmatch(group)) is None or int(match["count"]) == 0:
        raise ConfigurationError(f"FUMEHOOD_GPUS={text}: {group!r} is not a group of GPUs", remedy=_EXAMPLE)
    try:
        memory = parse_memory(match["memory"]) if match["memory"] else 0
        if match["capability"]:
            capability(match["capability"])
    except ValueError as error:
        raise ConfigurationError(f"FUMEHOOD_GPUS={text}: {error}", remedy=_EXAMPLE) from error
    vendor = match["vendor"] or "nvidia"
    kind = Gpu(
        index=0,
        uuid="",
        name=match["name"],
        memory=memory,
        compute_capability=match["capability"],
        vendor=vendor,
    )
    return kind, int(match["count"])


def render_simulated(gpus: Iterable[Gpu]) -> str:
    """The text that `parse_simulated` reads back into GPUs alike in everything but their UUIDs."""
    groups = [f"{len(tuple(alike))}x{kind}" for kind, alike in groupby(gpus, key=_render_kind)]
    return ",".join(groups) or "none"


def _render_kind(gpu: Gpu) -> str:
    vendor = "" if gpu.vendor == "nvidia" else f"{gpu.vendor}/"
    unit = next(unit for unit in ("GiB", "MiB", "B") if gpu.memory % _UNITS[unit] == 0)
    memory = f":{gpu.memory // _UNITS[unit]}{unit}" if gpu.memory else ""
    return f"{vendor}{gpu.name}{memory}" + (f"@{gpu.compute_capability}" if gpu.compute_capability else "")
