from __future__ import annotations

from textwrap import dedent
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fumehood.model.experiment import GpuDemand
from fumehood.testing.gpu_values import capability, parse_memory, render_memory
from fumehood.testing.needs import GpuNeeds, TestNeeds, mentions_gpu, needs_of_demand, read_needs

if TYPE_CHECKING:
    from pathlib import Path

GIB = 2**30


def read(tmp_path: Path, source: str) -> TestNeeds:
    file = tmp_path / "test_it.py"
    file.write_text(dedent(source), encoding="utf-8")
    return read_needs([file])


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("@pytest.mark.gpu\ndef test_it(): ...", GpuNeeds()),
        ("@pytest.mark.gpu()\nasync def test_it(): ...", GpuNeeds()),
        ("@pytest.mark.gpu(4)\ndef test_it(): ...", GpuNeeds(count=4)),
        (
            "@pytest.mark.gpu(count=2, memory='40GiB', compute_capability='9.0', vendor='NVIDIA')\ndef test_it(): ...",
            GpuNeeds(count=2, memory=40 * GIB, compute_capability="9.0", vendor="nvidia"),
        ),
        ("@pytest.mark.gpu(count=2)\nclass TestIt:\n    def test_it(self): ...", GpuNeeds(count=2)),
        ("pytestmark = pytest.mark.gpu(memory='1GB')\ndef test_it(): ...", GpuNeeds(memory=10**9)),
        ("pytestmark = [pytest.mark.slow, pytest.mark.gpu(count=3)]\ndef test_it(): ...", GpuNeeds(count=3)),
        ("class TestIt:\n    pytestmark = [pytest.mark.gpu]\n    def test_it(self): ...", GpuNeeds()),
        (
            "@pytest.mark.parametrize('n', [pytest.param(1, marks=pytest.mark.gpu(count=5))])\ndef test_it(n): ...",
            GpuNeeds(count=5),
        ),
        (
            (
                "CASES = [pytest.param(1, marks=[pytest.mark.gpu(count=6)])]\n"
                "@pytest.mark.parametrize('n', CASES)\ndef test_it(n): ..."
            ),
            GpuNeeds(count=6),
        ),
        ("needs_gpu = pytest.mark.gpu(count=7)\n@needs_gpu\ndef test_it(): ...", GpuNeeds(count=7)),
        ("a = pytest.mark.gpu(count=7)\nb = a\n@b\ndef test_it(): ...", GpuNeeds(count=7)),
        ("mark = pytest.mark\n@mark.gpu(count=8)\ndef test_it(): ...", GpuNeeds(count=8)),
        ("if True:\n    @pytest.mark.gpu(count=9)\n    def test_it(): ...", GpuNeeds(count=9)),
    ],
)
def test_the_needs_of_a_gpu_test_are_read_wherever_its_mark_stands(
    tmp_path: Path, source: str, expected: GpuNeeds
) -> None:
    assert read(tmp_path, f"import pytest\n{source}") == TestNeeds(gpu=expected, gpu_tests=1)


@pytest.mark.parametrize(
    "source",
    [
        "import pytest as pt\n@pt.mark.gpu(count=2)\ndef test_it(): ...",
        "from pytest import mark\n@mark.gpu(count=2)\ndef test_it(): ...",
        "from pytest import mark as m, param\n@m.gpu(count=2)\ndef test_it(): ...",
    ],
)
def test_pytest_and_its_mark_may_have_other_names(tmp_path: Path, source: str) -> None:
    assert read(tmp_path, source) == TestNeeds(gpu=GpuNeeds(count=2), gpu_tests=1)


def test_the_needs_of_all_tests_are_joined_and_the_tests_counted(tmp_path: Path) -> None:
    needs = read(
        tmp_path,
        """
        import pytest

        @pytest.mark.gpu(count=4, compute_capability="8.9")
        def test_wide(): ...

        class TestLarge:
            @pytest.mark.gpu(memory="40GiB", vendor="nvidia")
            def test_large(self): ...
            def test_small(self): ...

        @pytest.mark.gpu(compute_capability="12.0")
        async def test_new(): ...

        def test_plain(): ...
        def helper(): ...
        """,
    )
    assert needs == TestNeeds(
        gpu=GpuNeeds(count=4, memory=40 * GIB, compute_capability="12.0", vendor="nvidia"), gpu_tests=3, other_tests=2
    )


def test_what_each_of_several_vendors_has_to_have_is_told_apart(tmp_path: Path) -> None:
    marks = ("", "(count=2)", "(vendor='AMD', memory='40GiB')", "(vendor='nvidia', compute_capability='9.0')")
    source = "import pytest\n" + "".join(f"@pytest.mark.gpu{mark}\ndef test(): ...\n" for mark in marks)
    (tmp_path / "test_it.py").write_text(source)
    amd = GpuNeeds(count=2, memory=40 * GIB, vendor="amd")
    nvidia = GpuNeeds(count=2, compute_capability="9.0", vendor="nvidia")
    found = read_needs([tmp_path / "test_it.py"])
    assert found.vendors == (amd, nvidia)
    assert (found.on("amd"), found.on("nvidia"), found.on("")) == (amd, nvidia, found.gpu)
    (tmp_path / "test_it.py").write_text("import pytest\n@pytest.mark.gpu(vendor='amd')\ndef test(): ...\n")
    assert read_needs([tmp_path / "test_it.py"]).vendors == ()


def test_tests_for_two_vendors_leave_the_vendor_open() -> None:
    assert GpuNeeds(vendor="amd").join(GpuNeeds(vendor="nvidia", count=2)) == GpuNeeds(count=2)


@pytest.mark.parametrize(
    "arguments",
    [
        "count=COUNT",
        "**WISHES",
        "count=0",
        "count=True",
        "cout=2",
        "memory='many'",
        "memory=1.5",
        "compute_capability=9.0",
        "compute_capability='new'",
        "vendor='a b'",
        "1, 2, 3, 4, 5",
    ],
)
def test_a_mark_that_does_not_write_its_needs_out_counts_as_one_gpu(tmp_path: Path, arguments: str) -> None:
    needs = read(tmp_path, f"import pytest\nCOUNT = 2\n\n@pytest.mark.gpu({arguments})\ndef test_it(): ...\n")
    assert needs == TestNeeds(gpu=GpuNeeds(), gpu_tests=1)


def test_a_mark_that_only_another_file_uses_counts_for_the_needs(tmp_path: Path) -> None:
    assert read(tmp_path, "import pytest\nneeds_eight = pytest.mark.gpu(count=8)") == TestNeeds(gpu=GpuNeeds(count=8))


@pytest.mark.parametrize(
    "source", ["gpu = 1\ndef test_gpu(): return 'pytest.mark.gpu'", "import other\n@other.mark.gpu\ndef test_it(): ..."]
)
def test_the_word_alone_is_no_mark(tmp_path: Path, source: str) -> None:
    assert read(tmp_path, source) == TestNeeds(other_tests=1)


def test_files_that_are_no_python_have_no_marks(tmp_path: Path) -> None:
    (tmp_path / "test_broken.py").write_text("gpu def test_it(:\n    def test_other(): ...")
    (tmp_path / "test_binary.py").write_bytes(b"gpu\0\xff")
    (tmp_path / "test_deep.py").write_text("gpu = " + "(" * 5000 + ")" * 5000)
    files = [*sorted(tmp_path.glob("*.py")), tmp_path / "test_gone.py"]
    assert read_needs(files) == TestNeeds(other_tests=1)


def test_a_file_without_the_word_is_never_parsed(tmp_path: Path) -> None:
    assert not mentions_gpu(b"def test_it(): ...")
    assert read(tmp_path, "def test_it(: no python\n  async def  test_other(\nclass test_class:") == TestNeeds(
        other_tests=2
    )


def test_what_the_manifest_says_becomes_needs() -> None:
    demand = GpuDemand(count=2, memory="40GiB", compute_capability="9.0", vendor="AMD")
    assert needs_of_demand(demand) == GpuNeeds(count=2, memory=40 * GIB, compute_capability="9.0", vendor="amd")
    assert needs_of_demand(GpuDemand()) == GpuNeeds()
    with pytest.raises(ValueError, match="compute_capability is text such as"):
        needs_of_demand(GpuDemand(compute_capability="new"))


def test_needs_read_as_a_sentence() -> None:
    needs = GpuNeeds(count=4, memory=40 * GIB, compute_capability="9.0", vendor="amd")
    assert str(needs) == "4 amd GPUs with 40 GiB and compute capability 9.0 or newer"
    assert str(GpuNeeds()) == "1 GPU"


@pytest.mark.parametrize(
    ("text", "size"),
    [("40GiB", 40 * GIB), ("40 GiB", 40 * GIB), ("1.5TiB", 3 * 2**39), ("40GB", 40 * 10**9), ("512MiB", 2**29)],
)
def test_memory_is_read_in_the_units_that_people_write(text: str, size: int) -> None:
    assert parse_memory(text) == size


@pytest.mark.parametrize("text", ["", "40", "40G", "-1GiB", "GiB", "4e3MB", "40gib", "٤GiB", "1" * 30 + "GiB", "1iB"])
def test_other_text_is_no_memory(text: str) -> None:
    with pytest.raises(ValueError, match=r'memory is a number and a unit, such as "40GiB" or "512MB", not '):
        parse_memory(text)


@given(st.integers(1, 10**6), st.sampled_from(["KiB", "MiB", "GiB"]))
def test_rendered_memory_reads_back_as_nearly_the_same(number: int, unit: str) -> None:
    size = parse_memory(f"{number}{unit}")
    assert abs(parse_memory(render_memory(size)) - size) <= size * 0.051


@given(st.tuples(st.integers(0, 999), st.integers(0, 999)))
def test_compute_capabilities_are_ordered_as_numbers(version: tuple[int, int]) -> None:
    assert capability("{}.{}".format(*version)) == version


def test_marks_in_modules_beside_the_tests_count_and_their_functions_do_not(tmp_path: Path) -> None:
    test, conftest = tmp_path / "test_it.py", tmp_path / "conftest.py"
    test.write_text("def test_it(): ...", encoding="utf-8")
    conftest.write_text("import pytest\nbig = pytest.mark.gpu(count=8)\ndef test_data(): ...", encoding="utf-8")
    assert read_needs([test], beside=[conftest]) == TestNeeds(gpu=GpuNeeds(count=8), other_tests=1)
