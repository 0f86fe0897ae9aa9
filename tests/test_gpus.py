from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from textwrap import dedent
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from fumehood.errors import ConfigurationError, WorldError
from fumehood.testing.gpu_lease import GpusBusyError, GpusMissingError, lease, visible_devices
from fumehood.testing.gpu_values import describe
from fumehood.testing.gpus import Gpu, GpuInventory, find_gpus, nearest, parse_simulated, render_simulated, select
from fumehood.testing.needs import GpuNeeds

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Self

GIB = 2**30

FAKE_NVML = """
class NVMLError(Exception): pass
class NVMLError_LibraryNotFound(NVMLError): pass
class NVMLError_DriverNotLoaded(NVMLError): pass
class NVMLError_NoPermission(NVMLError): pass
class NVMLError_GpuIsLost(NVMLError): pass
class NVMLError_NotSupported(NVMLError): pass
class NVMLError_NotFound(NVMLError): pass

class Device:
    def __init__(self, uuid, name, memory, capability, mig=None):
        self.uuid, self.name, self.memory, self.capability, self.mig = uuid, name, memory, capability, mig

GIB = 2**30
GPUS = []
def nvmlInit(): pass
def nvmlShutdown(): pass
def nvmlDeviceGetCount(): return len(GPUS)
def nvmlDeviceGetHandleByIndex(index):
    if isinstance(GPUS[index], Exception):
        raise GPUS[index]
    return GPUS[index]
def nvmlDeviceGetUUID(gpu): return gpu.uuid
def nvmlDeviceGetName(gpu): return gpu.name
def nvmlDeviceGetMemoryInfo(gpu):
    if gpu.memory is None:
        raise NVMLError_NotSupported("Not Supported")
    return type("Memory", (), {"total": gpu.memory})
def nvmlDeviceGetCudaComputeCapability(gpu): return gpu.capability
def nvmlDeviceGetMigMode(gpu):
    if gpu.mig is None:
        raise NVMLError_NotSupported("Not Supported")
    return [int(bool(gpu.mig)), 0]
def nvmlDeviceGetMaxMigDeviceCount(gpu): return 7
def nvmlDeviceGetMigDeviceHandleByIndex(gpu, number):
    if number >= len(gpu.mig):
        raise NVMLError_NotFound("Not Found")
    return gpu.mig[number]
"""

H100 = 'Device("GPU-aaaa-1", "NVIDIA H100", 80 * GIB, (9, 0))'
H100_TOO = 'Device("GPU-aaab-2", b"NVIDIA H100", 80 * GIB, (9, 0), [])'
T4 = 'Device("GPU-bbbb-3", "Tesla T4", 16 * GIB, (7, 5))'


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Put a stand-in for nvidia-ml-py on the path, in which the given code has the last word."""

    def make(*gpus: str, code: str = "") -> None:
        folder = tmp_path / "nvml"
        folder.mkdir()
        (folder / "pynvml.py").write_text(f"{FAKE_NVML}\nGPUS = [{', '.join(gpus)}]\n{code}\n")
        monkeypatch.syspath_prepend(folder)
        monkeypatch.delitem(sys.modules, "pynvml", raising=False)

    monkeypatch.delitem(sys.modules, "pynvml", raising=False)
    return make


def uuids(inventory: GpuInventory) -> list[str]:
    return [gpu.uuid for gpu in inventory.gpus]


# --- simulated ---


def test_simulated_gpus_have_what_their_text_says() -> None:
    inventory = find_gpus({"FUMEHOOD_GPUS": "1xH100:80GiB@9.0, 2xamd/MI300X:192GiB,1xT4"})
    assert inventory == GpuInventory(
        gpus=(
            Gpu(index=0, uuid="SIMULATED-nvidia-0", name="H100", memory=80 * GIB, compute_capability="9.0"),
            Gpu(index=0, uuid="SIMULATED-amd-0", name="MI300X", memory=192 * GIB, vendor="amd"),
            Gpu(index=1, uuid="SIMULATED-amd-1", name="MI300X", memory=192 * GIB, vendor="amd"),
            Gpu(index=1, uuid="SIMULATED-nvidia-1", name="T4", memory=0),
        ),
    )
    assert describe(inventory.gpus) == "1 × H100 80 GiB, 2 × MI300X 192 GiB, 1 × T4"  # noqa: RUF001 - as shown


@pytest.mark.parametrize("text", ["0", "none", " none "])
def test_no_gpu_can_be_simulated_too(text: str) -> None:
    assert find_gpus({"FUMEHOOD_GPUS": text}) == GpuInventory(gpus=(), note=f"FUMEHOOD_GPUS={text.strip()}")


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("H100", "'H100' is not a group of GPUs"),
        ("0xH100", "'0xH100' is not a group of GPUs"),
        ("1xH100,", "'' is not a group of GPUs"),
        ("1xH100:80GiB@9.0@8", "'1xH100:80GiB@9.0@8' is not a group of GPUs"),
        ("1xH100:80", 'memory is a number and a unit, such as "40GiB" or "512MB", not \'80\''),
        ("1xH100@new", "compute_capability is text such as \"9.0\", not 'new'"),
    ],
)
def test_text_that_is_no_list_of_gpus_is_an_error(text: str, what: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        find_gpus({"FUMEHOOD_GPUS": text})
    assert str(caught.value) == (
        f"FUMEHOOD_GPUS={text}: {what}\n"
        "  → write it as COUNTx[VENDOR/]NAME[:MEMORY][@COMPUTE_CAPABILITY], such as 8xH100:80GiB@9.0, or none"
    )


KINDS = st.builds(
    "{}x{}{}{}{}".format,
    st.integers(1, 9),
    st.sampled_from(["", "amd/", "intel/"]),
    st.from_regex(r"[A-Z0-9]([a-z0-9 ._+-]{0,6}[a-z0-9])?", fullmatch=True),
    st.sampled_from(["", ":80GiB", ":40GB", ":1B", ":1.5 GiB"]),
    st.sampled_from(["", "@9.0", "@12"]),
)


@given(st.lists(KINDS, max_size=4))
def test_simulated_gpus_are_rendered_as_they_are_parsed(kinds: list[str]) -> None:
    gpus = parse_simulated(",".join(kinds) or "none")
    assert parse_simulated(render_simulated(gpus)) == gpus


@given(st.text(max_size=30))
def test_any_text_is_gpus_or_a_configuration_error(text: str) -> None:
    with suppress(ConfigurationError):
        assert isinstance(parse_simulated(text), tuple)


# --- real ---


def test_nvml_lists_the_gpus_of_the_machine(machine: Callable[..., None]) -> None:
    machine(H100, H100_TOO, T4)
    assert find_gpus({}) == GpuInventory(
        gpus=(
            Gpu(index=0, uuid="GPU-aaaa-1", name="H100", memory=80 * GIB, compute_capability="9.0"),
            Gpu(index=1, uuid="GPU-aaab-2", name="H100", memory=80 * GIB, compute_capability="9.0"),
            Gpu(index=2, uuid="GPU-bbbb-3", name="Tesla T4", memory=16 * GIB, compute_capability="7.5"),
        ),
    )


def test_a_lost_gpu_does_not_hide_the_others(machine: Callable[..., None]) -> None:
    machine('NVMLError_GpuIsLost("GPU is lost")', H100, 'NVMLError_NoPermission("Insufficient Permissions")')
    inventory = find_gpus({})
    assert [(gpu.index, gpu.uuid) for gpu in inventory.gpus] == [(1, "GPU-aaaa-1")]
    assert inventory.note == "GPU 0 is left out: GPU is lost; GPU 2 is left out: Insufficient Permissions"


def test_a_gpu_that_shares_the_machines_memory_has_none_of_its_own(machine: Callable[..., None]) -> None:
    machine('Device("GPU-1", "NVIDIA GB10", None, (12, 1))')
    assert find_gpus({}).gpus == (Gpu(index=0, uuid="GPU-1", name="GB10", memory=0, compute_capability="12.1"),)


def test_a_divided_gpu_is_listed_as_its_mig_instances(machine: Callable[..., None]) -> None:
    slices = ", ".join(f'Device("MIG-{n}", "NVIDIA A100 MIG 1g.5gb", 5 * GIB, None)' for n in (1, 2))
    machine(f'Device("GPU-1", "NVIDIA A100", 40 * GIB, (8, 0), [{slices}])', T4)
    assert [(gpu.index, gpu.uuid, gpu.compute_capability) for gpu in find_gpus({}).gpus] == [
        (0, "MIG-1", "8.0"),
        (0, "MIG-2", "8.0"),
        (1, "GPU-bbbb-3", "7.5"),
    ]
    assert uuids(find_gpus({"CUDA_VISIBLE_DEVICES": "MIG-2"})) == ["MIG-2"]


@pytest.mark.parametrize(
    ("code", "note"),
    [
        ("", "the NVIDIA driver lists no GPU"),
        (
            "def nvmlInit(): raise NVMLError_LibraryNotFound()",
            "no NVIDIA driver is there (libnvidia-ml.so.1 was not found)",
        ),
        ("def nvmlInit(): raise NVMLError_DriverNotLoaded()", "the NVIDIA driver is installed but not loaded"),
        ("def nvmlInit(): raise NVMLError_NoPermission()", "this user may not talk to the NVIDIA driver"),
        ("def nvmlInit(): raise NVMLError('RM\\n mismatch')", "NVML did not start: RM mismatch"),
        ("raise OSError", "NVML did not start: OSError"),
        ("import not_there", "pynvml cannot be imported: No module named 'not_there'"),
        ("def nvmlDeviceGetCount(): raise NVMLError_NoPermission('No')", "NVML failed: No"),
        ("import warnings; warnings.warn('use nvidia-ml-py', FutureWarning)", "the NVIDIA driver lists no GPU"),
    ],
)
def test_whatever_keeps_nvml_from_answering_is_a_note(machine: Callable[..., None], code: str, note: str) -> None:
    machine(code=code)
    assert find_gpus({}) == GpuInventory(gpus=(), note=note)


def test_without_the_module_the_note_says_what_to_install_only_if_there_is_a_driver(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", None)
    monkeypatch.setattr("fumehood.testing.nvml._DRIVER", (tmp_path / "none",))
    assert find_gpus({}).note == "no NVIDIA driver is there"
    monkeypatch.setattr("fumehood.testing.nvml._DRIVER", (tmp_path,))
    assert find_gpus({}).note == ("an NVIDIA driver is there, but not the module that asks it: install fumehood[gpus]")


# --- CUDA_VISIBLE_DEVICES ---


@pytest.mark.parametrize(
    ("visible", "expected"),
    [
        ("1,0", ["GPU-aaab-2", "GPU-aaaa-1"]),
        (" 1 ", ["GPU-aaab-2"]),
        ("0,-1,1", ["GPU-aaaa-1"]),
        ("0,7,1", ["GPU-aaaa-1"]),
        ("0,0", ["GPU-aaaa-1"]),
        ("GPU-aaab-2", ["GPU-aaab-2"]),
        ("GPU-aaab", ["GPU-aaab-2"]),
        ("GPU-aaaa,0,GPU-aaab", ["GPU-aaaa-1"]),
    ],
)
def test_an_outer_list_of_visible_devices_is_read_as_cuda_reads_it(
    machine: Callable[..., None], visible: str, expected: list[str]
) -> None:
    machine(H100, H100_TOO)
    inventory = find_gpus({"CUDA_VISIBLE_DEVICES": visible})
    assert (uuids(inventory), inventory.note) == (expected, "")


@pytest.mark.parametrize("visible", ["", "-1", "7", "GPU-", "GPU-aaa", "NoDevFiles", "MIG-1"])
def test_a_list_that_begins_with_nothing_valid_hides_all(machine: Callable[..., None], visible: str) -> None:
    machine(H100, H100_TOO)
    assert find_gpus({"CUDA_VISIBLE_DEVICES": visible}) == GpuInventory(
        gpus=(), note=f"CUDA_VISIBLE_DEVICES={visible} hides all 2 GPUs"
    )


def test_indices_among_different_gpus_count_only_in_the_order_of_the_bus(machine: Callable[..., None]) -> None:
    machine(T4, H100)
    assert find_gpus({"CUDA_VISIBLE_DEVICES": "0"}) == GpuInventory(
        gpus=(),
        note="CUDA_VISIBLE_DEVICES=0 counts the fastest GPU first, and these GPUs are not alike: "
        "set CUDA_DEVICE_ORDER=PCI_BUS_ID, or name UUIDs",
    )
    assert uuids(find_gpus({"CUDA_VISIBLE_DEVICES": "0", "CUDA_DEVICE_ORDER": "PCI_BUS_ID"})) == ["GPU-bbbb-3"]
    assert uuids(find_gpus({"CUDA_VISIBLE_DEVICES": "0,1"})) == ["GPU-bbbb-3", "GPU-aaaa-1"]
    assert uuids(find_gpus({"CUDA_VISIBLE_DEVICES": "GPU-aaaa"})) == ["GPU-aaaa-1"]


def test_the_outer_list_says_nothing_about_simulated_gpus() -> None:
    assert len(find_gpus({"FUMEHOOD_GPUS": "2xT4", "CUDA_VISIBLE_DEVICES": ""}).gpus) == 2


# --- sources ---


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Install a distribution that offers the source of GPUs `shed`, with this as the body of its function."""

    def install(body: str) -> None:
        info = tmp_path / "installed" / "shed-1.0.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: shed\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text("[fumehood.gpu_sources]\nshed = shed_gpus:find\n")
        header = "from fumehood.testing.gpus import Gpu\n\ndef find():\n"
        (info.parent / "shed_gpus.py").write_text(f"{header}    {body}\n")
        monkeypatch.syspath_prepend(info.parent)
        monkeypatch.delitem(sys.modules, "shed_gpus", raising=False)

    return install


def test_an_installed_distribution_can_be_the_source_of_gpus(source: Callable[[str], None]) -> None:
    source("return (Gpu(index=0, uuid='GPU-1', name='MI300X', memory=2**30, vendor='amd'),)")
    assert find_gpus({"FUMEHOOD_GPU_SOURCE": "shed", "CUDA_VISIBLE_DEVICES": ""}) == GpuInventory(
        gpus=(Gpu(index=0, uuid="GPU-1", name="MI300X", memory=GIB, vendor="amd"),)
    )


@pytest.mark.parametrize(
    ("body", "note"),
    [
        ("return ()", "shed lists no GPU"),
        ("raise RuntimeError('no\\n  power')", "shed failed: RuntimeError: no power"),
        ("assert False", "shed failed: AssertionError"),
        ("return ['H100']", "shed failed: it answered with str instead of Gpu"),
        ("return 5", "shed failed: TypeError: 'int' object is not iterable"),
        ("import not_there", "shed failed: ModuleNotFoundError: No module named 'not_there'"),
    ],
)
def test_a_source_that_fails_is_a_note(source: Callable[[str], None], body: str, note: str) -> None:
    source(body)
    assert find_gpus({"FUMEHOOD_GPU_SOURCE": "shed"}) == GpuInventory(gpus=(), note=note)


def test_an_unknown_source_is_an_error_that_lists_the_known_ones(source: Callable[[str], None]) -> None:
    source("return ()")
    with pytest.raises(ConfigurationError) as caught:
        find_gpus({"FUMEHOOD_GPU_SOURCE": "attic"})
    head, remedy = str(caught.value).splitlines()
    assert head == "FUMEHOOD_GPU_SOURCE=attic: there is no such source of GPUs"
    assert remedy.startswith("  → set it to one of these, or install the distribution that offers it: nvml")
    assert "shed" in remedy


# --- choosing ---


def choose(text: str, needs: GpuNeeds, how: Callable[[tuple[Gpu, ...], GpuNeeds], tuple[Gpu, ...]] = select) -> str:
    return render_simulated(how(parse_simulated(text), needs))


@pytest.mark.parametrize(
    ("needs", "chosen"),
    [
        (GpuNeeds(), "1xT4:16GiB@7.5"),
        (GpuNeeds(memory=24 * GIB), "1xH100:80GiB@9.0"),
        (GpuNeeds(compute_capability="8.0"), "1xH100:80GiB@9.0"),
        (GpuNeeds(count=3), "1xT4:16GiB@7.5,2xH100:80GiB@9.0"),
        (GpuNeeds(vendor="amd"), "1xamd/MI300X:192GiB"),
        (GpuNeeds(count=4), "none"),
        (GpuNeeds(count=2, vendor="amd"), "none"),
        (GpuNeeds(vendor="amd", compute_capability="1.0"), "none"),
    ],
)
def test_the_fewest_and_least_capable_gpus_of_one_vendor_are_chosen(needs: GpuNeeds, chosen: str) -> None:
    assert choose("2xH100:80GiB@9.0,1xT4:16GiB@7.5,1xamd/MI300X:192GiB", needs) == chosen


@pytest.mark.parametrize(
    ("needs", "chosen"),
    [
        (GpuNeeds(memory=40 * GIB), "1xH100:80GiB@9.0"),
        (GpuNeeds(count=3, memory=40 * GIB), "1xH100:80GiB@9.0,1xL4:24GiB@8.9,1xT4:16GiB@7.5"),
        (GpuNeeds(count=2, memory=100 * GIB), "1xH100:80GiB@9.0,1xL4:24GiB@8.9"),
        (GpuNeeds(count=2, vendor="amd"), "1xamd/MI100:32GiB"),
    ],
)
def test_what_comes_nearest_serves_the_most_tests(needs: GpuNeeds, chosen: str) -> None:
    assert choose("1xT4:16GiB@7.5,1xH100:80GiB@9.0,1xL4:24GiB@8.9,1xamd/MI100:32GiB", needs, nearest) == chosen


def test_mig_instances_serve_tests_of_one_gpu_and_never_count_as_several() -> None:
    slices = tuple(Gpu(index=0, uuid=f"MIG-{number}", name="A100 MIG 3g.20gb", memory=20 * GIB) for number in (1, 2))
    whole = tuple(Gpu(index=index, uuid=f"GPU-{index}", name="T4", memory=16 * GIB) for index in (1, 2))
    mixed = (*slices, *whole)
    assert select(slices, GpuNeeds(memory=18 * GIB)) == slices[:1]
    assert select(slices, GpuNeeds(count=2)) == ()
    assert nearest(slices, GpuNeeds(count=2)) == slices[1:]
    assert select(mixed, GpuNeeds(count=2)) == whole
    assert nearest(mixed, GpuNeeds(count=4)) == whole[::-1]
    assert nearest(mixed, GpuNeeds(memory=80 * GIB)) == slices[1:]


# --- visible devices ---


def test_cuda_sees_the_leased_gpus_by_their_uuids_and_no_others() -> None:
    gpus = [Gpu(index=index, uuid=f"GPU-{index}", name="H100", memory=GIB) for index in (3, 5)]
    assert visible_devices(gpus) == {
        "CUDA_DEVICE_ORDER": "PCI_BUS_ID",
        "CUDA_VISIBLE_DEVICES": "GPU-3,GPU-5",
        "ROCR_VISIBLE_DEVICES": "",
        "HIP_VISIBLE_DEVICES": "",
    }


def test_hip_counts_among_what_rocm_leaves() -> None:
    gpus = [Gpu(index=index, uuid=f"GPU-{index}", name="MI300X", memory=GIB, vendor="amd") for index in (3, 5)]
    assert visible_devices(gpus) == {
        "CUDA_DEVICE_ORDER": "PCI_BUS_ID",
        "CUDA_VISIBLE_DEVICES": "",
        "ROCR_VISIBLE_DEVICES": "GPU-3,GPU-5",
        "HIP_VISIBLE_DEVICES": "0,1",
    }


def test_simulated_gpus_are_visible_by_index_and_no_gpus_hide_all() -> None:
    assert visible_devices(parse_simulated("3xT4")[1:])["CUDA_VISIBLE_DEVICES"] == "1,2"
    assert set(visible_devices([]).values()) == {"PCI_BUS_ID", ""}


# --- leases ---

HOLDER = """
import sys, time
from pathlib import Path
from fumehood.testing.gpu_lease import lease
from fumehood.testing.gpus import parse_simulated
from fumehood.testing.needs import GpuNeeds
with lease(parse_simulated("4xH100:80GiB@9.0"), needs=GpuNeeds(count=int(sys.argv[2])), folder=Path(sys.argv[1]),
           wait=True) as gpus:
    print(*(gpu.index for gpu in gpus), flush=True)
    {body}
"""

FOUR = parse_simulated("4xH100:80GiB@9.0")


class Holder:
    """Another process that holds a lease until it is let go or killed."""

    def __init__(self, folder: Path, count: int, body: str = "sys.stdin.read()") -> None:
        code = HOLDER.replace("{body}", body)
        self.process = subprocess.Popen(
            [sys.executable, "-c", code, folder, str(count)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self.process.stdout is not None
        self.gpus = self.process.stdout.readline().strip()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.communicate()


def try_to_lease(folder: Path, count: int) -> list[int]:
    with lease(FOUR, needs=GpuNeeds(count=count), folder=folder, wait=False) as gpus:
        return [gpu.index for gpu in gpus]


def test_two_processes_never_hold_the_same_gpu(tmp_path: Path) -> None:
    folder = tmp_path / "leases"
    with Holder(folder, 2) as other:
        assert other.gpus == "0 1"
        assert try_to_lease(folder, 2) == [2, 3]
        with pytest.raises(GpusBusyError) as caught:
            try_to_lease(folder, 3)
        who = f"is leased by process {other.process.pid} on {os.uname().nodename}"
        assert str(caught.value) == (
            f"needs 3 GPUs, and too many GPUs are in use: GPU 0 (H100) {who}; GPU 1 (H100) {who}\n"
            "  → run it again when they have ended"
        )
        assert try_to_lease(folder, 2) == [2, 3], "what a failed attempt took, it gave back"
    assert try_to_lease(folder, 4) == [0, 1, 2, 3]


def test_a_killed_holder_holds_nothing_any_more(tmp_path: Path) -> None:
    with Holder(tmp_path, 4) as other:
        with pytest.raises(GpusBusyError):
            try_to_lease(tmp_path, 1)
        other.process.send_signal(signal.SIGKILL)
        other.process.wait()
        assert try_to_lease(tmp_path, 4) == [0, 1, 2, 3]


def test_a_program_that_the_holder_started_does_not_keep_the_lease(tmp_path: Path) -> None:
    child = "import subprocess; c = subprocess.Popen(['sleep', '60'], close_fds=False); print(c.pid, flush=True)"
    with Holder(tmp_path, 4, f"{child}; sys.stdin.read()") as other:
        assert other.process.stdout is not None
        sleeper = int(other.process.stdout.readline())
        other.process.send_signal(signal.SIGKILL)
        other.process.wait()
        try:
            assert try_to_lease(tmp_path, 4) == [0, 1, 2, 3]
        finally:
            os.kill(sleeper, signal.SIGKILL)


def test_who_waits_gets_the_gpus_when_they_are_free(tmp_path: Path) -> None:
    with (
        Holder(tmp_path, 3, "time.sleep(0.5)"),
        lease(FOUR, needs=GpuNeeds(count=4), folder=tmp_path, wait=True) as gpus,
    ):
        assert gpus == FOUR


def test_many_processes_that_each_want_all_gpus_get_them_one_after_the_other(tmp_path: Path) -> None:
    log = tmp_path / "log"
    body = f"f = open({str(log)!r}, 'a'); f.write('+'); f.flush(); time.sleep(0.02); f.write('-'); f.close()"
    code = HOLDER.replace("{body}", body)
    command = [sys.executable, "-c", code, str(tmp_path / "leases"), "4"]
    processes = [subprocess.Popen(command, stdout=subprocess.DEVNULL) for _ in range(6)]
    assert [process.wait() for process in processes] == [0] * 6
    assert log.read_text() == "+-" * 6


def test_gpus_that_do_not_exist_cannot_be_waited_for(tmp_path: Path) -> None:
    with pytest.raises(GpusMissingError) as caught, lease(FOUR, needs=GpuNeeds(count=5), folder=tmp_path, wait=True):
        pass
    assert str(caught.value) == "needs 5 GPUs; there are: 4 × H100 80 GiB"  # noqa: RUF001 - as shown


def test_the_lease_ends_with_the_block_however_it_ends(tmp_path: Path) -> None:
    def fail() -> None:
        with lease(FOUR, needs=GpuNeeds(count=4), folder=tmp_path, wait=False):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert try_to_lease(tmp_path, 4) == [0, 1, 2, 3]


def test_a_folder_that_cannot_be_written_is_an_error_that_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(WorldError) as caught:
        try_to_lease(tmp_path / "file", 1)
    assert str(caught.value) == (
        f"GPUs cannot be leased: {tmp_path}/file/turn.lock: Not a directory\n  → make the folder writable for this user"
    )


def test_real_gpus_are_leased_in_one_place_whatever_the_folder_for_temporary_files(tmp_path: Path) -> None:
    code = (
        "from fumehood.testing.gpu_lease import machine_folder\n"
        "from fumehood.testing.gpus import Gpu, parse_simulated\n"
        "real = Gpu(index=0, uuid='GPU-1', name='T4', memory=1)\n"
        "print(machine_folder([real]), machine_folder(parse_simulated('2xT4')))\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert result.stdout.split() == ["/tmp/fumehood-gpus", f"{tmp_path}/fumehood-gpus"]  # noqa: S108 - as it says


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be another user as well")
def test_users_of_one_machine_lease_from_each_other() -> None:
    # Not below pytest's own folder, which no other user may enter.
    with tempfile.TemporaryDirectory() as shared:
        os.chmod(shared, 0o1777)  # noqa: S103 - as /tmp has it
        folder = Path(shared) / "gpus"
        with lease(FOUR[:1], needs=GpuNeeds(), folder=folder, wait=False):
            pid = os.fork()
            if pid == 0:
                os.setuid(65534)
                os._exit(0 if try_to_lease(folder, 3) == [1, 2, 3] else 1)
            assert os.waitpid(pid, 0)[1] == 0


def test_a_uuid_is_never_a_path(tmp_path: Path) -> None:
    gpu = replace(FOUR[0], uuid="../../evil")
    with lease([gpu], needs=GpuNeeds(), folder=tmp_path / "a" / "b", wait=False):
        files = sorted(str(path.relative_to(tmp_path)) for path in Path(tmp_path).rglob("*.lock"))
    assert files == ["a/b/______evil.lock", "a/b/turn.lock"]


def test_real_nvml_answers_in_a_process_of_its_own(environment: dict[str, str]) -> None:
    code = dedent("""
        import os
        from fumehood.testing.gpus import find_gpus
        inventory = find_gpus(os.environ)
        print(bool(inventory.gpus) or inventory.note)
    """)
    result = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert result.stdout.strip()


# --- nominal memory ---


@pytest.mark.parametrize(
    ("card", "nominal", "reported_mib"),
    [("H100", 80, 81559), ("A100", 40, 40326), ("T4", 16, 15360), ("L4", 24, 23034), ("RTX 4090", 24, 24564)],
)
def test_a_card_has_its_nominal_memory_whatever_the_driver_keeps_of_it(
    card: str, nominal: int, reported_mib: int
) -> None:
    gpu = Gpu(index=0, uuid="GPU-0", name=card, memory=reported_mib * 2**20)
    assert GpuNeeds(memory=nominal * GIB).met_by(gpu)
    assert not GpuNeeds(memory=int(nominal * 1.2) * GIB).met_by(gpu)
