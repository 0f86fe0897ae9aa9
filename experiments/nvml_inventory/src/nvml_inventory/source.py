"""The GPU source ``nvml-inventory``: what may be leased is what is fit."""

from __future__ import annotations

from fumehood.testing.gpu_values import Gpu
from nvml_inventory.reading import read
from nvml_inventory.values import InventoryError, Machine


def list_gpus() -> tuple[Gpu, ...]:
    """Every GPU and MIG instance that nothing speaks against.

    Raises:
        InventoryError: NVML cannot be asked, or none of the GPUs is fit.
    """
    return leasable(read())


def leasable(machine: Machine) -> tuple[Gpu, ...]:
    """The GPUs of a machine as fumehood leases them, each MIG instance for itself.

    Raises:
        InventoryError: There are GPUs, and none of them is fit.
    """
    fit = [device for device in machine.devices if not device.unfit]
    if not fit and (machine.devices or machine.notes):
        reasons = [f"GPU {device.index}: {device.unfit}" for device in machine.devices]
        raise InventoryError("; ".join((*dict.fromkeys(reasons), *machine.notes)))
    return tuple(
        Gpu(
            index=device.index,
            uuid=device.uuid,
            name=device.name,
            memory=device.memory,
            compute_capability=device.compute_capability,
            vendor="nvidia",
        )
        for device in fit
    )
