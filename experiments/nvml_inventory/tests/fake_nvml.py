"""NVML of a machine with four GPUs: one plain, one divided by MIG, one that may not be used, one that is lost.

It has the functions of ``pynvml`` that the inventory calls, and raises pynvml's own errors.
"""

# ruff: noqa: N802 - the names are those of NVML

from __future__ import annotations

from types import SimpleNamespace
from typing import NoReturn

import pynvml  # type: ignore[import-untyped]  # NVIDIA ships it without types

PLAIN, DIVIDED, FORBIDDEN, LOST = range(4)
GIB = 2**30


class FakeNvml:
    """A driver 570.12 with CUDA 12.8; GPUs 0 and 2 are joined by two NVLinks."""

    def __init__(self) -> None:
        self.started = 0

    def nvmlInit(self) -> None:
        self.started += 1

    def nvmlShutdown(self) -> None:
        self.started -= 1

    def nvmlSystemGetDriverVersion(self) -> str:
        return "570.12"

    def nvmlSystemGetCudaDriverVersion_v2(self) -> int:
        return 12080

    def nvmlDeviceGetCount(self) -> int:
        return 4

    def nvmlDeviceGetHandleByIndex(self, index: int) -> object:
        if index == LOST:
            _raise(pynvml.NVML_ERROR_GPU_IS_LOST)
        return index

    def nvmlDeviceGetUUID(self, handle: object) -> str:
        return handle if isinstance(handle, str) else f"GPU-{handle}"

    def nvmlDeviceGetName(self, handle: object) -> bytes:
        return b"NVIDIA A100 MIG 3g.20gb" if isinstance(handle, str) else b"NVIDIA A100"

    def nvmlDeviceGetMemoryInfo(self, handle: object) -> SimpleNamespace:
        return SimpleNamespace(total=20 * GIB if isinstance(handle, str) else 40 * GIB)

    def nvmlDeviceGetCudaComputeCapability(self, _handle: object) -> tuple[int, int]:
        return 8, 0

    def nvmlDeviceGetPciInfo(self, handle: int) -> SimpleNamespace:
        return SimpleNamespace(busId=f"00000000:{handle + 1:02X}:00.0".encode())

    def nvmlDeviceGetEnforcedPowerLimit(self, handle: object) -> int:
        if handle == FORBIDDEN:
            _raise(pynvml.NVML_ERROR_NOT_SUPPORTED)
        return 400_000

    def nvmlDeviceGetEccMode(self, handle: object) -> list[int]:
        if handle == FORBIDDEN:
            _raise(pynvml.NVML_ERROR_NOT_SUPPORTED)
        return [1, 0] if handle == DIVIDED else [1, 1]

    def nvmlDeviceGetMigMode(self, handle: object) -> list[int]:
        if handle == FORBIDDEN:
            _raise(pynvml.NVML_ERROR_FUNCTION_NOT_FOUND)
        return [1, 1] if handle == DIVIDED else [0, 0]

    def nvmlDeviceGetMaxMigDeviceCount(self, _handle: object) -> int:
        return 7

    def nvmlDeviceGetMigDeviceHandleByIndex(self, _handle: object, number: int) -> str:
        if number not in {0, 2}:
            _raise(pynvml.NVML_ERROR_NOT_FOUND)
        return f"MIG-{number}"

    def nvmlDeviceGetNvLinkState(self, handle: object, link: int) -> int:
        if handle == DIVIDED or link >= 4:
            _raise(pynvml.NVML_ERROR_INVALID_ARGUMENT)
        return int(link < 2)

    def nvmlDeviceGetP2PStatus(self, one: object, other: object, _index: int) -> int:
        return int(pynvml.NVML_P2P_STATUS_OK if {one, other} == {0, 2} else pynvml.NVML_P2P_STATUS_NOT_SUPPORTED)

    def nvmlDeviceGetComputeMode(self, handle: object) -> int:
        return int(pynvml.NVML_COMPUTEMODE_PROHIBITED if handle == FORBIDDEN else pynvml.NVML_COMPUTEMODE_DEFAULT)

    def nvmlDeviceGetRemappedRows(self, _handle: object) -> tuple[int, int, int, int]:
        return 0, 0, 0, 0


def _raise(code: int) -> NoReturn:
    raise pynvml.NVMLError(code)
