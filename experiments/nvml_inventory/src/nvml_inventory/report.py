"""A machine as text, for people and for programs. Pure."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING

from msgspec import to_builtins
from rich.console import Console
from rich.table import Table

from fumehood.testing.gpu_values import render_memory

if TYPE_CHECKING:
    from nvml_inventory.values import Device, Machine

SCHEMA = 1
_HEADINGS = ("gpu", "name", "memory", "cc", "pci", "power", "ecc", "nvlink", "fit")


def as_text(machine: Machine, *, width: int) -> str:
    """A line on the driver, a table of the devices, and the notes."""
    head = f"driver {machine.driver or 'unknown'}, CUDA up to {machine.cuda or 'unknown'}"
    if not machine.devices:
        return "\n".join([f"{head}: no GPU", *machine.notes])
    grid = Table(box=None, pad_edge=False, show_edge=False, header_style="")
    for heading in _HEADINGS:
        grid.add_column(heading, overflow="fold")
    for device in machine.devices:
        grid.add_row(*_row(device))
    stream = io.StringIO()
    Console(file=stream, width=width, no_color=True, highlight=False, emoji=False, markup=False).print(grid)
    lines = [line.rstrip() for line in stream.getvalue().splitlines()]
    return "\n".join([head, "", *lines, *machine.notes])


def _row(device: Device) -> tuple[str, ...]:
    return (
        f"{device.index} (MIG)" if device.parent else str(device.index),
        device.name,
        render_memory(device.memory) if device.memory else "-",
        device.compute_capability or "-",
        device.pci_bus_id or "-",
        "-" if device.power_limit is None else f"{device.power_limit:g} W",
        device.ecc or "-",
        _nvlink(device),
        f"no: {device.unfit}" if device.unfit else "yes",
    )


def _nvlink(device: Device) -> str:
    if not device.nvlinks:
        return "-"
    peers = ", ".join(map(str, device.nvlink_peers)) or "no GPU"
    return f"{device.nvlinks} to {peers}"


def as_json(machine: Machine) -> str:
    """The same as an object; memory in bytes, power in watts, None where something is not known."""
    return json.dumps({"schema": SCHEMA, **to_builtins(machine)}, indent=2)
