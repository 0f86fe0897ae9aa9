"""Real answers of a real NVML; they run where there is a GPU and are skipped elsewhere."""

from __future__ import annotations

import re

import pytest
from nvml_inventory.reading import read
from nvml_inventory.report import as_text

from fumehood.testing.gpus import find_gpus

pytestmark = pytest.mark.gpu(vendor="nvidia")


def test_driver_and_cuda_have_versions() -> None:
    machine = read()
    assert re.fullmatch(r"\d+\.\d+(\.\d+)?", machine.driver)
    assert re.fullmatch(r"\d+\.\d+", machine.cuda)


def test_every_device_is_identified() -> None:
    devices = read().devices
    assert devices
    assert len({device.uuid for device in devices}) == len(devices)
    for device in devices:
        assert device.uuid.startswith("MIG-" if device.parent else "GPU-")
        assert re.fullmatch(r"[0-9A-Fa-f]{4,8}:[0-9A-Fa-f]{2}:[0-9A-Fa-f]{2}\.\d", device.pci_bus_id)
        assert re.fullmatch(r"\d+\.\d", device.compute_capability)
        assert device.power_limit is None or device.power_limit > 0


def test_the_table_has_a_line_for_every_device() -> None:
    machine = read()
    assert len(as_text(machine, width=400).splitlines()) == 3 + len(machine.devices) + len(machine.notes)


def test_it_lists_the_fit_ones_of_what_core_lists() -> None:
    fit = {device.uuid for device in read().devices if not device.unfit}
    core = {gpu.uuid for gpu in find_gpus({}).gpus}
    assert {gpu.uuid for gpu in find_gpus({"FUMEHOOD_GPU_SOURCE": "nvml-inventory"}).gpus} == fit
    assert fit <= core


@pytest.mark.gpu(count=2, vendor="nvidia")
def test_nvlink_peers_see_each_other() -> None:
    peers = {device.index: device.nvlink_peers for device in read().devices}
    assert [(one, other) for one, others in peers.items() for other in others if one not in peers[other]] == []
