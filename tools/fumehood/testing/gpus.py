"""Which GPUs this machine has, which of them an outer scheduler left to this process, and which to take."""

from __future__ import annotations

from importlib.metadata import EntryPoint, entry_points
from typing import TYPE_CHECKING, Protocol

from msgspec import Struct

from fumehood.errors import ConfigurationError
from fumehood.testing.gpu_values import Gpu, GpuNeeds, capability, parse_simulated, render_simulated
from fumehood.testing.nvml import read_nvml

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

__all__ = [
    "Gpu",
    "GpuInventory",
    "GpuSource",
    "find_gpus",
    "nearest",
    "parse_simulated",
    "render_simulated",
    "select",
]

SOURCES_GROUP = "fumehood.gpu_sources"


class GpuSource(Protocol):
    """A way to ask a machine, or what stands for it, which GPUs it has: the extension point for other hardware.

    A distribution offers one as an entry point in the group ``fumehood.gpu_sources``::

        [project.entry-points."fumehood.gpu_sources"]
        rocm = "my_package.gpus:list_gpus"

    and ``FUMEHOOD_GPU_SOURCE=rocm`` chooses it in place of ``nvml``. It is called once a run, without arguments, in
    fumehood's own process, and answers with every GPU there is, in the order of the vendor's tools. GPUs with the
    vendor ``nvidia`` are afterwards reduced to those that ``CUDA_VISIBLE_DEVICES`` names; other vendors' lists of
    visible devices are the source's own business. Whatever it raises becomes a note that the user reads, so a
    sentence that says what is missing is the best thing to raise.
    """

    def __call__(self) -> tuple[Gpu, ...]:
        """Every GPU of the machine; an empty tuple if there is none."""
        ...


class GpuInventory(Struct, frozen=True, kw_only=True):
    """The GPUs that this process may use.

    Attributes:
        note: Why there are none, or why some are left out; empty when there is nothing to say.
    """

    gpus: tuple[Gpu, ...]
    note: str = ""


def find_gpus(environ: Mapping[str, str]) -> GpuInventory:
    """The GPUs that ``FUMEHOOD_GPUS`` simulates, or else those of the machine that ``CUDA_VISIBLE_DEVICES`` leaves.

    Args:
        environ: The environment that decides: ``FUMEHOOD_GPUS``, ``FUMEHOOD_GPU_SOURCE``, ``CUDA_VISIBLE_DEVICES``
            and ``CUDA_DEVICE_ORDER``.

    Raises:
        ConfigurationError: ``FUMEHOOD_GPUS`` is no list of GPUs, or no source is named ``FUMEHOOD_GPU_SOURCE``.
    """
    if simulated := environ.get("FUMEHOOD_GPUS", "").strip():
        gpus = parse_simulated(simulated)
        return GpuInventory(gpus=gpus, note="" if gpus else f"FUMEHOOD_GPUS={simulated}")
    name = environ.get("FUMEHOOD_GPU_SOURCE", "").strip() or "nvml"
    gpus, notes = read_nvml() if name == "nvml" else _ask(_source(name))
    gpus, remarks = _left_visible(gpus, environ)
    return GpuInventory(gpus=gpus, note="; ".join((*notes, *remarks)))


def select(gpus: Iterable[Gpu], needs: GpuNeeds) -> tuple[Gpu, ...]:
    """The GPUs to take: as many as are needed, of one vendor, the least capable that will do; else an empty tuple."""
    fit = sorted((gpu for gpu in gpus if needs.met_by(gpu)), key=_capability_order)
    for vendor in dict.fromkeys(gpu.vendor for gpu in fit):
        alike = tuple(gpu for gpu in fit if gpu.vendor == vendor)
        if len(alike) >= needs.count:
            return alike[: needs.count]
    return ()


def nearest(gpus: Sequence[Gpu], needs: GpuNeeds) -> tuple[Gpu, ...]:
    """The GPUs that come nearest to what is needed: those of `select`, or else what serves the most of the tests.

    Needs that are joined over many tests may be more than any one of them needs: the fitting GPUs are taken first,
    then the most capable of the rest, up to the count and all of one vendor; of MIG instances only one.
    """
    if chosen := select(gpus, needs):
        return chosen
    by_capability = sorted(gpus, key=_capability_order, reverse=True)
    by_fitness = sorted(by_capability, key=lambda gpu: not needs.met_by(gpu))
    alike = tuple(gpu for gpu in by_fitness if gpu.vendor == by_fitness[0].vendor)
    whole = tuple(gpu for gpu in alike if not gpu.is_mig)
    return whole[: needs.count] if needs.count > 1 and whole else alike[:1]


def _capability_order(gpu: Gpu) -> tuple[int, tuple[int, int], str, int, str]:
    generation = capability(gpu.compute_capability) if gpu.compute_capability else (0, 0)
    return gpu.memory, generation, gpu.vendor, gpu.index, gpu.uuid


def _source(name: str) -> EntryPoint:
    known = entry_points(group=SOURCES_GROUP)
    if name not in known.names:
        names = ", ".join(sorted({"nvml", *known.names}))
        raise ConfigurationError(
            f"FUMEHOOD_GPU_SOURCE={name}: there is no such source of GPUs",
            remedy=f"set it to one of these, or install the distribution that offers it: {names}",
        )
    return known[name]


def _ask(entry_point: EntryPoint) -> tuple[tuple[Gpu, ...], tuple[str, ...]]:
    try:
        source: GpuSource = entry_point.load()
        answer: tuple[object, ...] = tuple(source())
    except Exception as error:  # noqa: BLE001 - it is other people's code, and none of its failures may end the run
        text = " ".join(str(error).split())
        return (), (f"{entry_point.name} failed: {type(error).__name__}" + (f": {text}" if text else ""),)
    gpus = tuple(thing for thing in answer if isinstance(thing, Gpu))
    if strangers := [type(thing).__name__ for thing in answer if not isinstance(thing, Gpu)]:
        return gpus, (f"{entry_point.name} failed: it answered with {strangers[0]} instead of Gpu",)
    return gpus, () if gpus else (f"{entry_point.name} lists no GPU",)


def _left_visible(gpus: tuple[Gpu, ...], environ: Mapping[str, str]) -> tuple[tuple[Gpu, ...], tuple[str, ...]]:
    """What ``CUDA_VISIBLE_DEVICES`` leaves of the NVIDIA GPUs, in its order, as CUDA itself reads it.

    The CUDA programming guide: indices, UUIDs or beginnings of UUIDs that only one GPU has; the first entry that
    is not valid ends the list.
    """
    visible = environ.get("CUDA_VISIBLE_DEVICES")
    nvidia = [gpu for gpu in gpus if gpu.vendor == "nvidia"]
    if visible is None or not nvidia:
        return gpus, ()
    entries = [entry.strip() for entry in visible.split(",")]
    indexed = {str(gpu.index): gpu for gpu in nvidia if not gpu.uuid.startswith("MIG-")}
    remarks: list[str] = []
    if _order_matters(entries, nvidia, environ):
        indexed = {}
        remarks.append(
            f"CUDA_VISIBLE_DEVICES={visible} counts the fastest GPU first, and these GPUs are not alike: "
            "set CUDA_DEVICE_ORDER=PCI_BUS_ID, or name UUIDs"
        )
    chosen: list[Gpu] = []
    for entry in entries:
        found = indexed.get(entry) or _by_uuid(entry, nvidia)
        if found is None or found in chosen:
            break
        chosen.append(found)
    if not chosen and not remarks:
        remarks.append(f"CUDA_VISIBLE_DEVICES={visible} hides all {len(nvidia)} GPUs")
    others = tuple(gpu for gpu in gpus if gpu.vendor != "nvidia")
    return (*chosen, *others), tuple(remarks)


def _order_matters(entries: Sequence[str], nvidia: Sequence[Gpu], environ: Mapping[str, str]) -> bool:
    """Whether an index could mean another GPU to CUDA than to NVML, which counts in the order of the PCI bus.

    CUDA counts the fastest GPU first unless told otherwise, which is the same where all are alike.
    """
    if environ.get("CUDA_DEVICE_ORDER") == "PCI_BUS_ID" or not any(entry.isdecimal() for entry in entries):
        return False
    if set(entries) == {str(gpu.index) for gpu in nvidia}:
        return False
    return len({(gpu.name, gpu.memory, gpu.compute_capability) for gpu in nvidia}) > 1


def _by_uuid(entry: str, nvidia: Sequence[Gpu]) -> Gpu | None:
    if not entry.startswith(("GPU-", "MIG-")):
        return None
    found = [gpu for gpu in nvidia if gpu.uuid.startswith(entry)]
    return found[0] if len(found) == 1 else None
