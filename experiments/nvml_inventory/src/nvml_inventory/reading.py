"""Asking NVML. Functions, errors and constants are those of the NVML API reference, through ``pynvml``."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import pynvml  # type: ignore[import-untyped]  # NVIDIA ships it without types
from msgspec.structs import replace

from nvml_inventory.values import Device, InventoryError, Machine

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_WHY_NOT = {
    pynvml.NVML_ERROR_LIBRARY_NOT_FOUND: "no NVIDIA driver is there: libnvidia-ml.so.1 was not found",
    pynvml.NVML_ERROR_DRIVER_NOT_LOADED: "the NVIDIA driver is installed but not loaded: `nvidia-smi` says more",
    pynvml.NVML_ERROR_NO_PERMISSION: "this user may not talk to the NVIDIA driver: see the permissions of /dev/nvidia*",
    pynvml.NVML_ERROR_LIB_RM_VERSION_MISMATCH: (
        "the NVIDIA driver and its library have different versions: restart the machine"
    ),
}
_UNKNOWN = (pynvml.NVML_ERROR_NOT_SUPPORTED, pynvml.NVML_ERROR_FUNCTION_NOT_FOUND, pynvml.NVML_ERROR_NO_PERMISSION)
"""What NVML answers where a value does not exist on this GPU, in this driver, or for this user."""


def read(nvml: Any = pynvml) -> Machine:  # noqa: ANN401 - pynvml has no types, and a test gives another one
    """Everything that NVML tells of this machine.

    Raises:
        InventoryError: It cannot be asked.
    """
    with _started(nvml):
        notes: list[str] = []
        handles: dict[int, object] = {}
        devices: list[Device] = []
        for index in range(nvml.nvmlDeviceGetCount()):
            try:
                handles[index] = nvml.nvmlDeviceGetHandleByIndex(index)
                devices += _read_gpu(nvml, index, handles[index])
            except pynvml.NVMLError as error:
                # A GPU that has fallen off the bus does not hide the others.
                notes.append(f"GPU {index} cannot be read: {error}")
        return Machine(
            driver=_text(_ask(nvml.nvmlSystemGetDriverVersion) or ""),
            cuda=_version(_ask(nvml.nvmlSystemGetCudaDriverVersion_v2)),
            devices=tuple(_with_peers(nvml, device, handles) for device in devices),
            notes=tuple(notes),
        )


@contextlib.contextmanager
def _started(nvml: Any) -> Iterator[None]:  # noqa: ANN401 - as above
    try:
        nvml.nvmlInit()
        try:
            yield
        finally:
            nvml.nvmlShutdown()
    except pynvml.NVMLError as error:
        raise InventoryError(_WHY_NOT.get(error.value, f"NVML failed: {error}")) from error


def _read_gpu(nvml: Any, index: int, handle: object) -> list[Device]:  # noqa: ANN401 - as above
    """The GPU, or the MIG instances that it is divided into: CUDA opens nothing else then."""
    major, minor = nvml.nvmlDeviceGetCudaComputeCapability(handle)
    power = _ask(nvml.nvmlDeviceGetEnforcedPowerLimit, handle)
    gpu = replace(
        _identity(nvml, index, handle),
        compute_capability=f"{major}.{minor}",
        pci_bus_id=_text(nvml.nvmlDeviceGetPciInfo(handle).busId),
        power_limit=None if power is None else power / 1000,
        ecc=_ecc(_ask(nvml.nvmlDeviceGetEccMode, handle)),
        nvlinks=_nvlinks(nvml, handle),
        unfit=_unfit(nvml, handle),
    )
    mode = _ask(nvml.nvmlDeviceGetMigMode, handle)
    if not mode or mode[0] != pynvml.NVML_DEVICE_MIG_ENABLE:
        return [gpu]
    instances = [_identity(nvml, index, instance) for instance in _instances(nvml, handle)]
    return [
        replace(gpu, uuid=instance.uuid, name=instance.name, memory=instance.memory, parent=gpu.uuid, nvlinks=0)
        for instance in instances
    ]


def _identity(nvml: Any, index: int, handle: object) -> Device:  # noqa: ANN401 - as above
    memory = _ask(nvml.nvmlDeviceGetMemoryInfo, handle)
    return Device(
        index=index,
        uuid=_text(nvml.nvmlDeviceGetUUID(handle)),
        name=_text(nvml.nvmlDeviceGetName(handle)).removeprefix("NVIDIA "),
        memory=int(memory.total) if memory else 0,
    )


def _instances(nvml: Any, handle: object) -> Iterator[object]:  # noqa: ANN401 - as above
    for number in range(nvml.nvmlDeviceGetMaxMigDeviceCount(handle)):
        # The count is an upper bound: most of the numbers have no instance.
        with contextlib.suppress(pynvml.NVMLError_NotFound):
            yield nvml.nvmlDeviceGetMigDeviceHandleByIndex(handle, number)


def _nvlinks(nvml: Any, handle: object) -> int:  # noqa: ANN401 - as above
    active = 0
    for link in range(pynvml.NVML_NVLINK_MAX_LINKS):
        try:
            active += nvml.nvmlDeviceGetNvLinkState(handle, link) == pynvml.NVML_FEATURE_ENABLED
        except pynvml.NVMLError:
            # The GPU has no link of this number; what the driver answers then differs from one to the next.
            continue
    return active


def _with_peers(nvml: Any, device: Device, handles: dict[int, object]) -> Device:  # noqa: ANN401 - as above
    if not device.nvlinks:
        return device
    peers = [
        index
        for index, handle in handles.items()
        if index != device.index and _linked(nvml, handles[device.index], handle)
    ]
    return replace(device, nvlink_peers=tuple(peers))


def _linked(nvml: Any, one: object, other: object) -> bool:  # noqa: ANN401 - as above
    status = _ask(nvml.nvmlDeviceGetP2PStatus, one, other, pynvml.NVML_P2P_CAPS_INDEX_NVLINK)
    return status is not None and status == pynvml.NVML_P2P_STATUS_OK


def _unfit(nvml: Any, handle: object) -> str:  # noqa: ANN401 - as above
    if _ask(nvml.nvmlDeviceGetComputeMode, handle) == pynvml.NVML_COMPUTEMODE_PROHIBITED:
        return "its compute mode forbids CUDA"
    _, _, pending, failed = _ask(nvml.nvmlDeviceGetRemappedRows, handle) or (0, 0, 0, 0)
    if failed:
        return "it could not replace damaged memory"
    return "it has to be reset to replace damaged memory" if pending else ""


def _ecc(modes: list[int] | None) -> str | None:
    if modes is None:
        return None
    now, later = ("on" if mode == pynvml.NVML_FEATURE_ENABLED else "off" for mode in modes)
    return now if now == later else f"{now}, {later} after a restart"


def _version(number: int | None) -> str:
    """NVML writes CUDA 12.4 as 12040."""
    return "" if number is None else f"{number // 1000}.{number % 1000 // 10}"


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value


def _ask(function: Callable[..., Any], *arguments: object) -> Any:  # noqa: ANN401 - pynvml has no types
    """The value of an NVML function; None where there is none."""
    try:
        return function(*arguments)
    except pynvml.NVMLError as error:
        if error.value in _UNKNOWN:
            return None
        raise
