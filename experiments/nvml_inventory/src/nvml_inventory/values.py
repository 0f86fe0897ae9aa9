"""What NVML tells about a machine, as values."""

from __future__ import annotations

from msgspec import Struct


class InventoryError(Exception):
    """NVML cannot be asked; the text says why, and what to do."""


class Device(Struct, frozen=True, kw_only=True):
    """One GPU, or one MIG instance of a GPU, which then has its GPU's values where NVML knows none of its own.

    Attributes:
        index: The GPU's, counted from 0 as ``nvidia-smi`` does.
        parent: The UUID of the GPU that a MIG instance is part of; None for a GPU.
        memory: Total memory in bytes; 0 where the driver does not say.
        compute_capability: ``major.minor``.
        pci_bus_id: ``domain:bus:device.function`` in hexadecimal digits.
        power_limit: The limit that is enforced, in watts; None where there is none.
        ecc: Whether memory errors are corrected, and whether the next restart changes that; None where it cannot.
        nvlinks: How many NVLinks are up.
        nvlink_peers: Indices of the GPUs that it reaches over NVLink, directly or through switches.
        unfit: Why nothing should run on it; empty when nothing speaks against it.
    """

    index: int
    uuid: str
    name: str
    parent: str | None = None
    memory: int = 0
    compute_capability: str = ""
    pci_bus_id: str = ""
    power_limit: float | None = None
    ecc: str | None = None
    nvlinks: int = 0
    nvlink_peers: tuple[int, ...] = ()
    unfit: str = ""


class Machine(Struct, frozen=True, kw_only=True):
    """All that NVML tells.

    Attributes:
        driver: Version of the driver.
        cuda: The newest CUDA version that the driver supports.
        devices: In the order of ``nvidia-smi``; MIG instances in place of the GPUs that are divided into them.
        notes: What could not be read, a sentence each.
    """

    driver: str = ""
    cuda: str = ""
    devices: tuple[Device, ...] = ()
    notes: tuple[str, ...] = ()
