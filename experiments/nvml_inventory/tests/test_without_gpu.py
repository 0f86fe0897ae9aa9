"""What can be known without a GPU: how NVML's answers are read and shown, and what is said where there is no driver."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.metadata import entry_points

import pynvml  # type: ignore[import-untyped]  # NVIDIA ships it without types
import pytest
from fake_nvml import FORBIDDEN, GIB, PLAIN, FakeNvml
from nvml_inventory.reading import read
from nvml_inventory.report import as_json, as_text
from nvml_inventory.source import leasable, list_gpus
from nvml_inventory.values import Device, InventoryError, Machine

from fumehood.testing.gpu_values import Gpu
from fumehood.testing.gpus import find_gpus


def has_driver() -> bool:
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        return False
    pynvml.nvmlShutdown()
    return True


without_driver = pytest.mark.skipif(has_driver(), reason="this machine has an NVIDIA driver")


def test_the_fake_has_only_functions_that_pynvml_has() -> None:
    names = [name for name in vars(FakeNvml) if name.startswith("nvml")]
    assert [name for name in names if not callable(getattr(pynvml, name, None))] == []


def test_every_value_is_read() -> None:
    nvml = FakeNvml()
    machine = read(nvml)
    assert nvml.started == 0
    assert (machine.driver, machine.cuda) == ("570.12", "12.8")
    assert machine.notes == ("GPU 3 cannot be read: GPU is lost",)
    assert machine.devices[0] == Device(
        index=0,
        uuid="GPU-0",
        name="A100",
        memory=40 * GIB,
        compute_capability="8.0",
        pci_bus_id="00000000:01:00.0",
        power_limit=400.0,
        ecc="on",
        nvlinks=2,
        nvlink_peers=(2,),
    )


def test_a_divided_gpu_is_listed_as_its_instances() -> None:
    instances = [device for device in read(FakeNvml()).devices if device.parent]
    assert [(one.index, one.uuid, one.parent, one.memory // GIB) for one in instances] == [
        (1, "MIG-0", "GPU-1", 20),
        (1, "MIG-2", "GPU-1", 20),
    ]
    assert {one.ecc for one in instances} == {"on, off after a restart"}


def test_values_that_a_gpu_does_not_have_are_none() -> None:
    forbidden = read(FakeNvml()).devices[-1]
    assert (forbidden.index, forbidden.power_limit, forbidden.ecc) == (FORBIDDEN, None, None)


class Damaged(FakeNvml):
    """Every GPU has damaged memory; that of the first waits for a reset."""

    def nvmlDeviceGetRemappedRows(self, handle: object) -> tuple[int, int, int, int]:  # noqa: N802 - NVML's name
        return (0, 1, 1, 0) if handle == PLAIN else (0, 1, 0, 1)


def test_only_what_is_fit_is_leased() -> None:
    assert [gpu.uuid for gpu in leasable(read(FakeNvml()))] == ["GPU-0", "MIG-0", "MIG-2"]
    assert leasable(read(FakeNvml()))[1] == Gpu(
        index=1, uuid="MIG-0", name="A100 MIG 3g.20gb", memory=20 * GIB, compute_capability="8.0", vendor="nvidia"
    )
    with pytest.raises(InventoryError) as error:
        leasable(read(Damaged()))
    assert str(error.value) == (
        "GPU 0: it has to be reset to replace damaged memory; GPU 1: it could not replace damaged memory; "
        "GPU 2: its compute mode forbids CUDA; GPU 3 cannot be read: GPU is lost"
    )
    assert leasable(Machine()) == ()


def test_the_table_shows_everything() -> None:
    assert as_text(read(FakeNvml()), width=200) == (
        "driver 570.12, CUDA up to 12.8\n"
        "\n"
        "gpu      name              memory  cc   pci               power  ecc                      nvlink  fit\n"
        "0        A100              40 GiB  8.0  00000000:01:00.0  400 W  on                       2 to 2  yes\n"
        "1 (MIG)  A100 MIG 3g.20gb  20 GiB  8.0  00000000:02:00.0  400 W  on, off after a restart  -       yes\n"
        "1 (MIG)  A100 MIG 3g.20gb  20 GiB  8.0  00000000:02:00.0  400 W  on, off after a restart  -       yes\n"
        "2        A100              40 GiB  8.0  00000000:03:00.0  -      -                        2 to 0  "
        "no: its compute mode forbids CUDA\n"
        "GPU 3 cannot be read: GPU is lost"
    )
    assert as_text(Machine(driver="570.12", cuda="12.8"), width=80) == "driver 570.12, CUDA up to 12.8: no GPU"


def test_json_holds_the_same() -> None:
    machine = read(FakeNvml())
    answer = json.loads(as_json(machine))
    assert (answer["schema"], answer["cuda"], len(answer["devices"])) == (1, "12.8", 4)
    assert answer["devices"][0]["nvlink_peers"] == [2]


class Mismatched(FakeNvml):
    """A driver that was updated under a running system."""

    def nvmlInit(self) -> None:  # noqa: N802 - NVML's name
        raise pynvml.NVMLError(pynvml.NVML_ERROR_LIB_RM_VERSION_MISMATCH)


def test_a_driver_that_does_not_answer_is_explained() -> None:
    with pytest.raises(InventoryError) as error:
        read(Mismatched())
    assert str(error.value) == "the NVIDIA driver and its library have different versions: restart the machine"


def test_the_entry_point_is_found_in_this_environment() -> None:
    (point,) = entry_points(group="fumehood.gpu_sources", name="nvml-inventory")
    assert point.load() is list_gpus


@without_driver
def test_without_a_driver_the_command_says_so() -> None:
    outcome = subprocess.run(
        [sys.executable, "-m", "nvml_inventory", "--json"], capture_output=True, text=True, check=False
    )
    assert (outcome.returncode, outcome.stdout) == (3, "")
    assert outcome.stderr == "no NVIDIA driver is there: libnvidia-ml.so.1 was not found\n"


@without_driver
def test_without_a_driver_fumehood_gets_a_note() -> None:
    inventory = find_gpus({"FUMEHOOD_GPU_SOURCE": "nvml-inventory"})
    assert inventory.gpus == ()
    assert inventory.note == (
        "nvml-inventory failed: InventoryError: no NVIDIA driver is there: libnvidia-ml.so.1 was not found"
    )
