"""NVIDIA's GPUs as the driver reports them through NVML, the library behind ``nvidia-smi``.

The functions and errors are those of the NVML API reference, through the module ``pynvml`` of ``nvidia-ml-py``.
"""

from __future__ import annotations

import importlib
import warnings
from pathlib import Path
from typing import Any

from fumehood.testing.gpu_values import Gpu

_DRIVER = (Path("/proc/driver/nvidia/version"), Path("/dev/nvidia0"))


def read_nvml() -> tuple[tuple[Gpu, ...], tuple[str, ...]]:
    """The GPUs that NVML lists, and a note for each thing that went wrong; it raises nothing.

    A GPU with MIG switched on is listed as its MIG instances, since CUDA can open only those.
    """
    try:
        with warnings.catch_warnings():
            # An outdated distribution named pynvml installs the same module and warns about itself at import.
            warnings.simplefilter("ignore")
            nvml: Any = importlib.import_module("pynvml")
            nvml.nvmlInit()
    except ModuleNotFoundError as error:
        return (), (_why_not_installed(error),)
    except Exception as error:  # noqa: BLE001 - a broken driver can fail in any way, and none may end the run
        return (), (_why_not_started(error),)
    gpus: list[Gpu] = []
    notes: list[str] = []
    try:
        for index in range(nvml.nvmlDeviceGetCount()):
            try:
                gpus += _read_gpu(nvml, index)
            except Exception as error:  # noqa: BLE001 - one GPU that cannot be asked does not hide the others
                notes.append(f"GPU {index} is left out: {_say(error)}")
        nvml.nvmlShutdown()
    except Exception as error:  # noqa: BLE001 - as above
        notes.append(f"NVML failed: {_say(error)}")
    if not gpus and not notes:
        notes.append("the NVIDIA driver lists no GPU")
    return tuple(gpus), tuple(notes)


def _read_gpu(nvml: Any, index: int) -> list[Gpu]:  # noqa: ANN401 - pynvml has no types
    handle = nvml.nvmlDeviceGetHandleByIndex(index)
    major, minor = nvml.nvmlDeviceGetCudaComputeCapability(handle)
    return [
        Gpu(
            index=index,
            uuid=_text(nvml.nvmlDeviceGetUUID(device)),
            name=_text(nvml.nvmlDeviceGetName(device)).removeprefix("NVIDIA "),
            memory=_memory(nvml, device),
            compute_capability=f"{major}.{minor}",
        )
        for device in _devices(nvml, handle)
    ]


def _devices(nvml: Any, handle: object) -> list[object]:  # noqa: ANN401 - pynvml has no types
    """The handle itself, or those of its MIG instances."""
    try:
        current, _pending = nvml.nvmlDeviceGetMigMode(handle)
    except nvml.NVMLError:
        # Not supported by this GPU, or a function that an old driver does not have.
        return [handle]
    if not current:
        return [handle]
    instances: list[object] = []
    for number in range(nvml.nvmlDeviceGetMaxMigDeviceCount(handle)):
        try:
            instances.append(nvml.nvmlDeviceGetMigDeviceHandleByIndex(handle, number))
        except nvml.NVMLError_NotFound:
            # The count is an upper bound: most of the numbers have no instance.
            continue
    return instances


def _memory(nvml: Any, device: object) -> int:  # noqa: ANN401 - pynvml has no types
    try:
        return int(nvml.nvmlDeviceGetMemoryInfo(device).total)
    except nvml.NVMLError_NotSupported:
        # GPUs that share the machine's memory have no number of their own.
        return 0


def _text(value: str | bytes) -> str:
    """Releases of nvidia-ml-py before 11.515 answer in bytes."""
    return value.decode() if isinstance(value, bytes) else value


def _why_not_installed(error: ModuleNotFoundError) -> str:
    if error.name != "pynvml":
        return f"pynvml cannot be imported: {_say(error)}"
    if any(path.exists() for path in _DRIVER):
        return "an NVIDIA driver is there, but not the module that asks it: install fumehood[gpus]"
    return "no NVIDIA driver is there"


def _why_not_started(error: Exception) -> str:
    match type(error).__name__:
        case "NVMLError_LibraryNotFound":
            return "no NVIDIA driver is there (libnvidia-ml.so.1 was not found)"
        case "NVMLError_DriverNotLoaded":
            return "the NVIDIA driver is installed but not loaded"
        case "NVMLError_NoPermission":
            return "this user may not talk to the NVIDIA driver"
        case "NVMLError_LibRmVersionMismatch":
            return "the NVIDIA driver and its library have different versions: restart the machine"
        case _:
            return f"NVML did not start: {_say(error)}"


def _say(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
