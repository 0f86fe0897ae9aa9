from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from textwrap import dedent
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Struct
from msgspec.structs import asdict, replace

import fumehood.testing
from fumehood.errors import ConfigurationError
from fumehood.testing import gpu_values
from fumehood.testing.gpus import parse_simulated

if TYPE_CHECKING:
    from types import ModuleType

PLUGIN = Path(fumehood.testing.__file__).parent / "plugin"
XDIST = importlib.util.find_spec("xdist") is not None
ALONE_AND_DISTRIBUTED = [
    (),
    pytest.param(
        ("-p", "xdist", "-n", "2"), marks=pytest.mark.skipif(not XDIST, reason="pytest-xdist is not installed")
    ),
]
TIMES = "\N{MULTIPLICATION SIGN}"
ONE_H100 = {"FUMEHOOD_GPUS_GRANTED": json.dumps([asdict(gpu) for gpu in parse_simulated("1xH100:80GiB@9.0")])}


def load_plugin() -> ModuleType:
    spec = importlib.util.spec_from_file_location("fumehood_pytest_under_test", PLUGIN / "fumehood_pytest.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Run(Struct, frozen=True, kw_only=True):
    code: int
    output: str
    report: dict[str, Any]

    def said(self) -> list[str]:
        """What the plugin itself said at the end."""
        return [line for line in self.output.splitlines() if line.startswith("fumehood: ")]


class Suite(Struct, frozen=True, kw_only=True):
    """A folder of tests that a real pytest runs."""

    root: Path

    def write(self, source: str, name: str = "test_it.py") -> None:
        (self.root / name).write_text("import pytest\n" + dedent(source).lstrip("\n"), encoding="utf-8")

    def run(self, *arguments: str, env: dict[str, str] | None = None) -> Run:
        path = self.root / "report.json"
        path.unlink(missing_ok=True)
        outer = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "FUMEHOOD_"))}
        inner = {"PYTHONPATH": str(PLUGIN), "COLUMNS": "300", "TMPDIR": str(self.root)}
        # Of what else is installed here, each start of pytest would import hypothesis.
        inner |= {"FUMEHOOD_PYTEST_REPORT": str(path), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
        result = subprocess.run(
            [sys.executable, "-W", "error", "-m", "pytest", "-p", "fumehood_pytest", "--strict-markers", *arguments],
            cwd=self.root,
            env={**outer, **inner, **(env or {})},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert "INTERNALERROR" not in result.stdout, result.stdout
        read = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        return Run(code=result.returncode, output=result.stdout, report=read)


@pytest.fixture
def suite(tmp_path: Path) -> Suite:
    root = tmp_path / "suite"
    root.mkdir()
    (root / "pytest.ini").write_text("[pytest]\n")
    return Suite(root=root)


MIXED = """
    @pytest.mark.gpu
    def test_one(): pass

    @pytest.mark.gpu(count=4, memory="40GiB", compute_capability="9.0")
    def test_four(): pass

    @pytest.mark.gpu(vendor="amd")
    class TestAmd:
        @pytest.mark.gpu(count=2)
        def test_two(self): assert 0

    @pytest.mark.parametrize("n", [1, pytest.param(2, marks=pytest.mark.gpu(memory="96GiB"))])
    def test_large(n): pass

    def test_plain(): pass
    def test_broken(): assert 0
    @pytest.fixture
    def broken(): assert 0
    def test_setup(broken): pass
    @pytest.mark.xfail
    def test_xfail(): assert 0
    @pytest.mark.xfail
    def test_xpass(): pass
    @pytest.mark.skip(reason="for another day")
    def test_skip(): pass
"""
GRANTED = f"granted: 1 {TIMES} H100 80 GiB"
REASONS = {
    f"needs 1 GPU with 96 GiB; {GRANTED}": 1,
    f"needs 2 amd GPUs; {GRANTED}": 1,
    f"needs 4 GPUs with 40 GiB and compute capability 9.0 or newer; {GRANTED}": 1,
}


@pytest.mark.parametrize("workers", ALONE_AND_DISTRIBUTED)
def test_tests_whose_needs_are_not_met_are_skipped_counted_and_reported(suite: Suite, workers: tuple[str, ...]) -> None:
    suite.write(MIXED)
    run = suite.run("-rs", *workers, env=ONE_H100)
    assert run.report == {
        "schema": 1,
        "collected": 11,
        "deselected": 0,
        "finished": 11,
        "passed": 3,
        "failed": 1,
        "errors": 1,
        "skipped": 4,
        "xfailed": 1,
        "xpassed": 1,
        "gpu": {"mode": "auto", "tests": 4, "ran": 1, "skipped": 3},
        "skip_reasons": {"for another day": 1, **REASONS},
    }
    counted = " | ".join(f"1: {reason}" for reason in REASONS)
    assert run.said() == [f"fumehood: 4 GPU tests: 1 ran, 3 skipped ({counted})"]
    assert f"SKIPPED [1] test_it.py:5: needs 4 GPUs with 40 GiB and compute capability 9.0 or newer; {GRANTED}" in (
        run.output
    )
    assert run.code == 1


@pytest.mark.parametrize("workers", ALONE_AND_DISTRIBUTED)
def test_with_require_a_gpu_test_without_its_gpus_fails(suite: Suite, workers: tuple[str, ...]) -> None:
    suite.write("""
        @pytest.fixture
        def device(): raise RuntimeError("no fixture may run")
        @pytest.mark.gpu
        def test_one(): pass
        @pytest.mark.gpu(count=2)
        def test_two(device): pass
    """)
    run = suite.run("--gpus=require", *workers, env=ONE_H100)
    assert run.said() == [
        f"fumehood: 2 GPU tests: 1 ran, 1 failed without running (needs 2 GPUs; granted: 1 {TIMES} H100 80 GiB)"
    ]
    assert f"\nneeds 2 GPUs; granted: 1 {TIMES} H100 80 GiB (--gpus=require)\n" in run.output
    assert "FAILED test_it.py::test_two - Failed: needs 2 GPUs" in run.output
    assert (run.code, run.report["failed"], run.report["errors"], run.report["gpu"]) == (
        1,
        1,
        0,
        {"mode": "require", "tests": 2, "ran": 1, "skipped": 0},
    )


@pytest.mark.parametrize("workers", ALONE_AND_DISTRIBUTED)
def test_with_none_gpu_tests_are_skipped_and_the_gpus_hidden_before_conftest(
    suite: Suite, workers: tuple[str, ...]
) -> None:
    suite.write(
        """
        import os
        assert [os.environ[f"{name}_VISIBLE_DEVICES"] for name in ("CUDA", "ROCR", "HIP")] == ["", "", ""]
        """,
        "conftest.py",
    )
    suite.write("""
        @pytest.mark.gpu
        def test_one(): pass
        def test_plain(): pass
    """)
    run = suite.run("--gpus=none", *workers, env={**ONE_H100, "CUDA_VISIBLE_DEVICES": "0"})
    assert (run.code, run.said()) == (0, ["fumehood: 1 GPU test: 0 ran, 1 skipped (--gpus=none)"])


@pytest.mark.parametrize("workers", ALONE_AND_DISTRIBUTED)
def test_a_run_in_which_every_test_is_skipped_says_so_and_fails_where_gpus_are_required(
    suite: Suite, workers: tuple[str, ...]
) -> None:
    suite.write("pytest.skip('not here', allow_module_level=True)", "test_module.py")
    suite.write("@pytest.mark.skip(reason='not now')\ndef test_it(): pass")
    suite.write("@pytest.mark.xfail(run=False, reason='hangs')\ndef test_it(): pass", "test_expected.py")
    run = suite.run(*workers)
    assert (run.code, run.said()) == (0, ["fumehood: every test was skipped"])
    assert run.report["skip_reasons"] == {"not here": 1, "not now": 1, "[NOTRUN] hangs": 1}
    run = suite.run("--gpus=require", *workers)
    assert (run.code, run.said()) == (1, ["fumehood: every test was skipped: with --gpus=require the run has failed"])


@pytest.mark.parametrize("workers", ALONE_AND_DISTRIBUTED)
def test_a_run_that_collects_nothing_says_so_where_gpus_are_required(suite: Suite, workers: tuple[str, ...]) -> None:
    run = suite.run("--gpus=require", *workers)
    assert (run.code, run.said()) == (
        5,
        ["fumehood: no test was collected: with --gpus=require the run has failed"],
    )
    assert run.report == {
        "schema": 1,
        **dict.fromkeys(
            ("collected", "deselected", "finished", "passed", "failed", "errors", "skipped", "xfailed", "xpassed"), 0
        ),
        "gpu": {"mode": "require", "tests": 0, "ran": 0, "skipped": 0},
        "skip_reasons": {},
    }


@pytest.mark.parametrize("workers", ALONE_AND_DISTRIBUTED)
def test_gpu_tests_that_all_skip_themselves_fail_the_run_where_gpus_are_required(
    suite: Suite, workers: tuple[str, ...]
) -> None:
    suite.write("""
        @pytest.mark.gpu
        def test_one(): pytest.skip("torch sees no GPU")
        def test_plain(): pass
    """)
    line = "fumehood: 1 GPU test: 0 ran, 1 skipped (torch sees no GPU)"
    run = suite.run(*workers, env=ONE_H100)
    assert (run.code, run.said()) == (0, [line])
    run = suite.run("--gpus=require", *workers, env=ONE_H100)
    failed = "fumehood: every GPU test was skipped: with --gpus=require the run has failed"
    assert (run.code, run.said()) == (1, [line, failed])


WRONG = {
    "gpus=2": "got an unexpected keyword argument 'gpus'",
    "count=0": "count is a whole number from 1 on, not 0",
    "count='2'": "count is a whole number from 1 on, not '2'",
    "memory='40'": 'memory is a number and a unit, such as "40GiB" or "512MB", not \'40\'',
    "memory=1.5": 'memory is text such as "40GiB", or bytes, not 1.5',
    "compute_capability=9.0": 'compute_capability is text such as "9.0", not 9.0',
    "compute_capability='new'": "compute_capability is text such as \"9.0\", not 'new'",
    "vendor=1": 'vendor is a word such as "nvidia", not 1',
    "vendor='a b'": "vendor is a word such as \"nvidia\", not 'a b'",
}


@pytest.mark.parametrize("workers", ALONE_AND_DISTRIBUTED)
def test_wrong_marks_are_a_collection_error_that_names_each_test_and_its_place(
    suite: Suite, workers: tuple[str, ...]
) -> None:
    tests = [f"@pytest.mark.gpu({wrong})\ndef test_{n}(): pass\n" for n, wrong in enumerate(WRONG)]
    suite.write("".join(tests) + "def test_plain(): pass\n")
    run = suite.run(*workers)
    expected = [
        f"test_it.py:{2 * n + 2}: test_{n}: the mark gpu({wrong}) is wrong: {clause}"
        for n, (wrong, clause) in enumerate(WRONG.items())
    ]
    assert "\n".join(expected) in run.output
    assert (run.report["errors"], run.report["collected"], run.code) == (1, 0, 1 if workers else 2)


def test_a_wrong_mark_that_a_conftest_adds_later_fails_its_test(suite: Suite) -> None:
    suite.write(
        "def pytest_collection_modifyitems(items):\n    items[0].add_marker(pytest.mark.gpu(cout=1))", "conftest.py"
    )
    suite.write("def test_it(): pass")
    run = suite.run()
    assert "test_it.py:2: test_it: the mark gpu(cout=1) is wrong: got an unexpected keyword argument 'cout'" in (
        run.output
    )
    assert run.code == 1


def test_marks_for_two_vendors_at_once_are_wrong(suite: Suite) -> None:
    suite.write("@pytest.mark.gpu(vendor='amd')\n@pytest.mark.gpu(vendor='nvidia')\ndef test_it(): pass")
    assert "is wrong: GPUs of nvidia and of amd at once" in suite.run().output


@pytest.mark.parametrize(
    ("variables", "reason"),
    [
        ({}, "needs 1 GPU; no GPUs are known: run it as nox -s exp-NAME"),
        ({"FUMEHOOD_GPUS_GRANTED": "[]"}, "needs 1 GPU; granted: none"),
        ({"FUMEHOOD_GPUS_GRANTED": "[]", "FUMEHOOD_GPUS": "1xT4"}, "needs 1 GPU; granted: none"),
        ({"FUMEHOOD_GPUS": "none"}, "needs 1 GPU; granted: none"),
        ({"FUMEHOOD_GPUS": "1xT4", "FUMEHOOD_GPU_MODE": "none"}, "--gpus=none"),
    ],
)
def test_the_reason_says_which_gpus_there_are(suite: Suite, variables: dict[str, str], reason: str) -> None:
    suite.write("@pytest.mark.gpu\ndef test_it(): pass")
    run = suite.run(env=variables)
    assert run.said() == [f"fumehood: 1 GPU test: 0 ran, 1 skipped ({reason})", "fumehood: every test was skipped"]


def test_several_mig_instances_are_not_several_gpus(suite: Suite) -> None:
    suite.write("@pytest.mark.gpu(count=2)\ndef test_two(): pass\n\n@pytest.mark.gpu\ndef test_one(): pass")
    parts = [asdict(replace(gpu, uuid=f"MIG-{gpu.index}")) for gpu in parse_simulated("2xA100:20GiB@8.0")]
    assert suite.run(env={"FUMEHOOD_GPUS_GRANTED": json.dumps(parts)}).said() == [
        f"fumehood: 2 GPU tests: 1 ran, 1 skipped (needs 2 GPUs; granted: 2 {TIMES} A100 20 GiB)"
    ]


def test_run_by_hand_it_takes_the_simulated_gpus(suite: Suite) -> None:
    suite.write("@pytest.mark.gpu(count=2, memory='16GiB')\ndef test_it(): pass")
    assert suite.run(env={"FUMEHOOD_GPUS": "2xT4:16GiB"}).said() == ["fumehood: 1 GPU test: 1 ran"]


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"FUMEHOOD_GPUS": "H100"}, "FUMEHOOD_GPUS=H100: 'H100' is not a group of GPUs such as 8xH100:80GiB@9.0"),
        ({"FUMEHOOD_GPUS_GRANTED": "[{}]"}, "FUMEHOOD_GPUS_GRANTED is not a list of GPUs: KeyError: 'name'"),
        ({"FUMEHOOD_GPU_MODE": "all"}, "FUMEHOOD_GPU_MODE=all: it is one of auto, none, require"),
    ],
)
def test_variables_that_cannot_be_read_are_wrong_usage(suite: Suite, variables: dict[str, str], message: str) -> None:
    suite.write("def test_it(): pass")
    run = suite.run(env=variables)
    assert (run.code, run.output.strip()) == (4, f"ERROR: {message}")


@pytest.mark.parametrize("without", ["terminal", "cacheprovider", "skipping", "junitxml"])
def test_it_works_without_parts_of_pytest(suite: Suite, without: str) -> None:
    suite.write("@pytest.mark.gpu(count=2)\ndef test_it(): pass")
    run = suite.run("-p", f"no:{without}", env=ONE_H100)
    assert run.said() == [
        f"fumehood: 1 GPU test: 0 ran, 1 skipped (needs 2 GPUs; granted: 1 {TIMES} H100 80 GiB)",
        "fumehood: every test was skipped",
    ]


def test_unittest_and_doctest_items_are_counted_too(suite: Suite) -> None:
    suite.write('''
        import unittest
        class Case(unittest.TestCase):
            """
            >>> 1 + 1
            2
            """
            @pytest.mark.gpu
            def test_it(self): raise AssertionError
    ''')
    run = suite.run("--doctest-modules", env={"FUMEHOOD_GPUS_GRANTED": "[]"})
    assert (run.code, run.report["passed"], run.report["gpu"]["skipped"]) == (0, 1, 1)


def test_only_listing_tests_is_no_failure(suite: Suite) -> None:
    suite.write("@pytest.mark.gpu\ndef test_it(): pass")
    run = suite.run("--collect-only", "--gpus=require")
    assert (run.code, run.said(), run.report) == (0, [], {})


def test_a_pytest_that_a_test_starts_does_not_write_the_report(suite: Suite) -> None:
    suite.write("import os\ndef test_it(): assert 'FUMEHOOD_PYTEST_REPORT' not in os.environ")
    assert suite.run().report["passed"] == 1


def test_a_report_that_cannot_be_written_is_a_line_and_no_failure(suite: Suite) -> None:
    suite.write("def test_it(): pass")
    run = suite.run(env={"FUMEHOOD_PYTEST_REPORT": str(suite.root / "gone" / "report.json")})
    assert run.said() == [
        f"fumehood: the report was not written: {suite.root}/gone/report.json: No such file or directory"
    ]
    assert run.code == 0


@pytest.mark.skipif(not XDIST, reason="pytest-xdist is not installed")
def test_gpu_tests_of_different_workers_never_overlap(suite: Suite) -> None:
    suite.write("""
        import pathlib, time
        LOG = pathlib.Path(__file__).with_name("log")
        @pytest.fixture
        def device():
            with LOG.open("a") as log:
                log.write("+"); log.flush(); time.sleep(0.03); yield; log.write("-"); log.flush()
        @pytest.mark.gpu
        @pytest.mark.parametrize("n", range(12))
        def test_it(n, device): time.sleep(0.01)
    """)
    run = suite.run("-p", "xdist", "-n", "3", env=ONE_H100)
    assert run.said() == ["fumehood: 12 GPU tests: 12 ran"]
    assert (suite.root / "log").read_text() == "+-" * 12


@pytest.mark.skipif(not XDIST, reason="pytest-xdist is not installed")
def test_a_gpu_test_that_runs_gpu_tests_does_not_wait_for_itself(suite: Suite) -> None:
    inner = "import pytest\n@pytest.mark.gpu\ndef test_inner(): pass\n"
    (suite.root / "inner").mkdir()
    (suite.root / "inner" / "test_inner.py").write_text(inner)
    suite.write("""
        import subprocess, sys
        @pytest.mark.gpu
        def test_outer():
            options = ["-p", "fumehood_pytest", "-p", "xdist", "-n1", "--gpus=require"]
            subprocess.run([sys.executable, "-m", "pytest", *options, "inner"], check=True, timeout=30)
    """)
    assert suite.run("-p", "xdist", "-n1", "test_it.py", env=ONE_H100).said() == ["fumehood: 1 GPU test: 1 ran"]


@given(st.text("0123456789xH amd/T:@,.GKMTiB", max_size=20) | st.from_regex(r"[1-9]x(amd/)?H(:[1-9][GM]i?B)?(@9)?"))
def test_both_readers_of_simulated_gpus_agree(text: str) -> None:
    plugin = load_plugin()
    try:
        expected = gpu_values.describe(parse_simulated(text))
    except ConfigurationError:
        with pytest.raises(ValueError, match="is"):
            plugin.parse_simulated(text)
    else:
        assert plugin.describe(plugin.parse_simulated(text)) == expected
