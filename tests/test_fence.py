from __future__ import annotations

import cProfile
import importlib.util
import os
import subprocess
import sys
import venv
from pathlib import Path
from textwrap import dedent

import pytest
from msgspec import Struct, field

import fumehood.testing

PLUGIN = Path(fumehood.testing.__file__).parent / "plugin"
XDIST = importlib.util.find_spec("xdist") is not None
ONE_EXPERIMENT = "one experiment never imports another → move what both need into core"
CORE = "core never imports an experiment → move what core needs of experiments/bar into core"


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of an environment as fumehood makes them: fenced, and with the pytest of this test run."""
    folder = tmp_path_factory.mktemp("environment")
    venv.EnvBuilder(symlinks=True).create(folder)
    site_packages = folder / "lib" / f"python{sys.version_info[0]}.{sys.version_info[1]}" / "site-packages"
    lines = [
        str(PLUGIN),
        *(path for path in sys.path if any(Path(path).glob("*.dist-info"))),
        'import os; os.environ.get("FUMEHOOD_FENCE") and __import__("fumehood_pytest").raise_fence()',
    ]
    (site_packages / "fumehood.pth").write_text("\n".join(lines) + "\n")
    return folder / "bin" / "python"


class Fenced(Struct, frozen=True, kw_only=True):
    """A repository with the experiments `foo` and `bar`, the fence around one session, and its environment."""

    root: Path
    python: Path
    forbidden: list[str] = field(default_factory=list)

    def write(self, path: str, source: str) -> None:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(dedent(source).lstrip("\n"), encoding="utf-8")

    def run(self, *arguments: str, session: str = "experiments/foo") -> subprocess.CompletedProcess[str]:
        fence = self.root.parent / "fence"
        folders = [str(self.root / path) for path in self.forbidden]
        fence.write_text("\n".join([str(self.root), session, *folders]) + "\n", encoding="utf-8")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "PYTHON"))}
        kept["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"  # Of what else is installed here, pytest would import hypothesis.
        return subprocess.run(
            [str(self.python), *arguments],
            cwd=self.root,
            env={**kept, "FUMEHOOD_FENCE": str(fence), "COLUMNS": "300"},
            capture_output=True,
            text=True,
            check=False,
        )

    def last_line(self, *arguments: str, session: str = "experiments/foo") -> str:
        result = self.run(*arguments, session=session)
        assert result.returncode == 1, result.stdout + result.stderr
        return result.stderr.splitlines()[-1]


@pytest.fixture
def fenced(tmp_path: Path, python: Path) -> Fenced:
    made = Fenced(root=tmp_path.resolve() / "repo", python=python, forbidden=["experiments/bar"])
    made.write("experiments/bar/bar/__init__.py", "")
    made.write("experiments/bar/bar/model.py", "WEIGHTS = 1\n")
    made.write("experiments/bar/loose.py", "")
    made.write("experiments/bar/shared/theirs.py", "")
    made.write("experiments/foo/shared/ours.py", "")
    return made


@pytest.mark.parametrize(
    ("source", "line", "name"),
    [
        ("import sys\nsys.path.insert(0, '../bar')\nimport bar.model", 3, "bar.model"),
        ("import sys\nsys.path.append('experiments/bar')\nfrom bar import model", 3, "bar"),
        ("import sys\nsys.path.append('experiments/bar')\nimport loose as mine", 3, "loose"),
        (
            "import sys\nsys.path.append('.')\nfrom experiments.bar.bar.model import WEIGHTS",
            3,
            "experiments.bar.bar.model",
        ),
        ("import sys\nsys.path.append('.')\nimport experiments\nimport experiments.bar", 4, "experiments.bar"),
        (
            "import importlib, sys\nsys.path.append('experiments/bar')\n\nimportlib.import_module('bar.model')",
            4,
            "bar.model",
        ),
        ("import sys\nsys.path.append('experiments')\n__import__('bar.bar.model')", 3, "bar.bar.model"),
        (
            (
                "from importlib import util\nit = util.spec_from_file_location('mine', 'experiments/bar/loose.py')\n\n"
                "it.loader.exec_module(util.module_from_spec(it))"
            ),
            4,
            "mine",
        ),
        (
            "from importlib.machinery import SourceFileLoader as load\n\nload('mine', '../bar/loose.py').load_module()",
            3,
            "mine",
        ),
    ],
)
def test_an_experiment_cannot_import_another_whatever_the_way(
    fenced: Fenced, source: str, line: int, name: str
) -> None:
    fenced.write("experiments/foo/train.py", source)
    (fenced.root.parent / "bar").symlink_to(fenced.root / "experiments" / "bar")
    assert fenced.last_line("experiments/foo/train.py") == (
        f"fumehood_pytest.FenceError: experiments/foo/train.py:{line}: "
        f"experiments/foo imports {name} from experiments/bar: {ONE_EXPERIMENT}"
    )


@pytest.mark.parametrize(
    ("link", "target", "name"),
    [
        ("linked", "../bar/bar", "linked"),
        ("linked.py", "../bar/loose.py", "linked"),
        ("more", "../bar", "more.bar.model"),
    ],
)
def test_a_symbolic_link_is_no_way_around(fenced: Fenced, link: str, target: str, name: str) -> None:
    (fenced.root / "experiments" / "foo" / link).symlink_to(target)
    fenced.write("experiments/foo/train.py", f"import {name}")
    assert fenced.last_line("experiments/foo/train.py") == (
        "fumehood_pytest.FenceError: experiments/foo/train.py:1: "
        f"experiments/foo imports {name} from experiments/bar: {ONE_EXPERIMENT}"
    )


def test_core_cannot_import_an_experiment(fenced: Fenced) -> None:
    fenced.write("tests/use.py", "import sys\nsys.path.append('.')\nimport experiments.bar.bar.model")
    assert fenced.last_line("tests/use.py", session="core") == (
        "fumehood_pytest.FenceError: tests/use.py:3: "
        f"core imports experiments.bar.bar.model from experiments/bar: {CORE}"
    )


def test_a_package_that_is_found_elsewhere_first_may_be_imported(fenced: Fenced) -> None:
    fenced.write("../installed/bar/__init__.py", "")
    fenced.write("../installed/bar/model.py", "WEIGHTS = 2")
    fenced.write(
        "experiments/foo/train.py",
        "import sys\nsys.path += ['../installed', 'experiments/bar']\nfrom bar.model import WEIGHTS\nprint(WEIGHTS)",
    )
    assert fenced.run("experiments/foo/train.py").stdout == "2\n"


def test_a_shared_namespace_may_be_imported_but_not_the_others_part_of_it(fenced: Fenced) -> None:
    fenced.write(
        "experiments/foo/train.py",
        "import sys\nsys.path.append('experiments/bar')\nimport shared.ours\nprint('mine')\nimport shared.theirs",
    )
    result = fenced.run("experiments/foo/train.py")
    assert result.stdout == "mine\n"
    assert "experiments/foo imports shared.theirs from experiments/bar" in result.stderr


@pytest.mark.parametrize(("own", "other"), [("experiments/bar/inner", "experiments/bar"), ("experiments/foo", "")])
def test_of_nested_experiments_each_may_import_only_itself(fenced: Fenced, own: str, other: str) -> None:
    inner = other or "experiments/foo/inner"
    fenced.forbidden[:] = [inner]
    fenced.write(f"{own}/mine.py", "")
    fenced.write(f"{inner}/yours.py", "")
    fenced.write(f"{own}/train.py", f"import sys, mine\nprint('mine')\nsys.path.append({inner!r})\nimport yours")
    result = fenced.run(f"{own}/train.py", session=own)
    assert result.stdout == "mine\n"
    assert f"{own} imports yours from {inner}" in result.stderr


def test_a_finder_that_knows_where_modules_are_is_no_way_around(fenced: Fenced) -> None:
    fenced.write(
        "experiments/foo/train.py",
        """
        import sys
        from importlib.util import spec_from_file_location

        class Editable:
            @staticmethod
            def find_spec(name, path=None, target=None):
                return spec_from_file_location(name, "experiments/bar/loose.py") if name == "renamed" else None

        sys.meta_path.append(Editable)
        import renamed
        """,
    )
    assert "experiments/foo/train.py:10: experiments/foo imports renamed from experiments/bar" in fenced.last_line(
        "experiments/foo/train.py"
    )


def test_a_finder_that_asks_all_finders_again_finds_what_it_would(fenced: Fenced) -> None:
    fenced.write(
        "experiments/foo/train.py",
        """
        import importlib.util, sys

        class Tracing:
            asked = []
            def find_spec(self, name, path=None, target=None):
                if name in self.asked:
                    return None
                self.asked.append(name)
                return importlib.util.find_spec(name)

        sys.meta_path.insert(1, Tracing())
        import colorsys
        print(Tracing.asked, colorsys.__name__, importlib.util.find_spec("not_there"))
        try:
            import not_there
        except ModuleNotFoundError as error:
            print(error)
        """,
    )
    result = fenced.run("experiments/foo/train.py")
    assert result.stdout == "['colorsys', 'not_there'] colorsys None\nNo module named 'not_there'\n"


def test_child_processes_are_fenced_too(fenced: Fenced) -> None:
    fenced.write(
        "experiments/foo/launch.py",
        """
        import subprocess, sys
        ranks = [subprocess.Popen([sys.executable, "experiments/foo/worker.py", str(rank)]) for rank in range(2)]
        sys.exit(any([rank.wait() for rank in ranks]))
        """,
    )
    fenced.write("experiments/foo/worker.py", "import sys\nsys.path.append('experiments/bar')\nimport bar.model")
    result = fenced.run("experiments/foo/launch.py")
    message = (
        "fumehood_pytest.FenceError: experiments/foo/worker.py:3: "
        f"experiments/foo imports bar.model from experiments/bar: {ONE_EXPERIMENT}"
    )
    assert (result.returncode, result.stderr.splitlines().count(message)) == (1, 2)


@pytest.mark.parametrize("session", ["experiments/foo", "core"])
def test_a_file_of_another_experiment_cannot_be_run(fenced: Fenced, session: str) -> None:
    fenced.write("experiments/foo/train.py", "import runpy\n\nrunpy.run_path('experiments/bar/loose.py')\n")
    fenced.write("experiments/foo/launch.py", "import runpy, sys\n\nrunpy.run_path(sys.argv[1])\n")
    (fenced.root / "link.py").symlink_to("experiments/bar/loose.py")
    rule = ONE_EXPERIMENT if session != "core" else CORE
    runs = f"{session} runs loose.py from experiments/bar: {rule}"
    assert fenced.last_line("experiments/foo/train.py", session=session) == (
        f"fumehood_pytest.FenceError: experiments/foo/train.py:3: {runs}"
    )
    for file in ("experiments/bar/loose.py", "link.py"):
        result = fenced.run(file, session=session)
        assert (result.returncode, result.stdout, result.stderr) == (
            1,
            "",
            f"fumehood_pytest.FenceError: python: {runs}\n",
        )
    assert f"FenceError: {cProfile.__file__}:" in fenced.last_line("-m", "cProfile", "link.py", session=session)
    fenced.write("experiments/foo/model.py", "print('mine')\n")
    assert fenced.run("experiments/foo/launch.py", "experiments/foo/model.py", session=session).stdout == "mine\n"


def test_spawned_workers_are_fenced_too(fenced: Fenced) -> None:
    fenced.write(
        "experiments/foo/train.py",
        """
        import multiprocessing, sys
        def work(_):
            sys.path.append("experiments/bar")
            import loose
        if __name__ == "__main__":
            with multiprocessing.get_context("spawn").Pool(1) as pool:
                pool.map(work, [0])
        """,
    )
    assert fenced.last_line("experiments/foo/train.py") == (
        "fumehood_pytest.FenceError: experiments/foo/train.py:4: "
        f"experiments/foo imports loose from experiments/bar: {ONE_EXPERIMENT}"
    )


@pytest.mark.parametrize(
    "workers",
    [
        (),
        pytest.param(
            ("-p", "xdist", "-n1"), marks=pytest.mark.skipif(not XDIST, reason="pytest-xdist is not installed")
        ),
    ],
)
def test_under_pytest_the_fence_stands_before_the_finder_of_pytest(fenced: Fenced, workers: tuple[str, ...]) -> None:
    fenced.write("experiments/foo/pytest.ini", "[pytest]\nfilterwarnings = error\n")
    fenced.write("experiments/bar/test_helpers.py", "")
    fenced.write(
        "experiments/foo/tests/test_it.py",
        """
        import sys
        def test_it():
            sys.path.append("experiments/bar")
            import test_helpers
        """,
    )
    result = fenced.run("-m", "pytest", "-p", "fumehood_pytest", "experiments/foo", *workers)
    assert (
        "fumehood_pytest.FenceError: experiments/foo/tests/test_it.py:4: "
        f"experiments/foo imports test_helpers from experiments/bar: {ONE_EXPERIMENT}"
    ) in result.stdout
    assert "1 failed in" in result.stdout


@pytest.mark.parametrize("mode", ["prepend", "append", "importlib"])
def test_pytest_cannot_collect_the_tests_of_another_experiment(fenced: Fenced, mode: str) -> None:
    fenced.write("experiments/bar/tests/test_theirs.py", "def test_it(): pass")
    fenced.write("experiments/foo/tests/test_ours.py", "def test_it(): pass")
    result = fenced.run("-m", "pytest", "-p", "fumehood_pytest", f"--import-mode={mode}", "experiments")
    assert "ERROR collecting experiments/bar/tests/test_theirs.py" in result.stdout
    assert f"from experiments/bar: {ONE_EXPERIMENT}" in result.stdout
    assert "pytest: experiments/foo imports " in result.stdout
    assert (result.returncode, "INTERNALERROR" in result.stdout) == (2, False)


def test_a_fence_that_cannot_be_put_up_is_one_line_and_the_program_runs(fenced: Fenced) -> None:
    code = "print('running')"
    result = subprocess.run(
        [str(fenced.python), "-c", code],
        env={"FUMEHOOD_FENCE": "/not/there"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert result.stdout == "running\n"
    assert result.stderr == (
        "fumehood: experiments are not fenced off: FileNotFoundError: "
        "[Errno 2] No such file or directory: '/not/there'\n"
    )


def test_without_the_variable_there_is_no_fence(fenced: Fenced) -> None:
    code = "import sys; print('fumehood_pytest' in sys.modules)"
    result = subprocess.run([str(fenced.python), "-c", code], env={}, capture_output=True, text=True, check=True)
    assert result.stdout == "False\n"


def test_the_fence_needs_no_other_module(fenced: Fenced) -> None:
    fence = fenced.root.parent / "fence"
    code = f"""
        import os, sys
        before = set(sys.modules)
        os.environ["FUMEHOOD_FENCE"] = {str(fence)!r}
        sys.path.append({str(PLUGIN)!r})
        import fumehood_pytest
        fumehood_pytest.raise_fence()
        print(sorted(set(sys.modules) - before), type(sys.meta_path[0]).__name__)
    """
    fence.write_text(f"{fenced.root}\ncore\n")
    result = subprocess.run(
        [sys.executable, "-c", dedent(code)],
        env={},
        capture_output=True,
        text=True,
        check=True,
    )
    assert result.stdout == "['__future__', 'fumehood_pytest'] Fence\n"
