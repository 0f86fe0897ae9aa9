"""``fumehood.nox.register()`` as a user of nox meets it."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from textwrap import dedent
from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace

from fumehood.testing.results import default_folder, read_results

if TYPE_CHECKING:
    from support.project import Outcome, Project

pytestmark = pytest.mark.usefixtures("shared_cache")

PASSING = "def test_it():\n    pass\n"
MANIFEST = 'theme = "infrastructure"\nsummary = "Tries alpha"\nowners = ["@example-owner"]\n'


@pytest.fixture
def lab(project: Project) -> Project:
    """A core that is a package, and two experiments; the second has no tests."""
    project.write(
        {
            "requirements.txt": "alpha<2\n",
            "pyproject.toml": '[project]\nname = "lab"\nversion = "1.2"\n',
            "src/lab/__init__.py": "def double(n):\n    return 2 * n\n",
            "tests/test_lab.py": "import lab\n\ndef test_double():\n    assert lab.double(2) == 4\n",
            "experiments/one/experiment.toml": MANIFEST,
            "experiments/one/requirements.txt": "gamma\n",
            "experiments/one/helper.py": "import lab\n\nANSWER = lab.double(21)\n",
            "experiments/one/tests/test_one.py": dedent(
                """
                import alpha, gamma, helper
                from importlib.metadata import version

                def test_one():
                    assert helper.ANSWER == 42
                    assert version("alpha") == "1.1"
                    assert version("lab") == "1.2"
                """
            ),
            "experiments/two/requirements.txt": "delta-lib\n",
        }
    )
    project.noxfile()
    return project


def said(outcome: Outcome) -> list[str]:
    """What nox and fumehood said, without durations."""
    lines = re.sub(r" (in|\(took) [^()]*seconds?\)?\.?$", "", outcome.stderr, flags=re.MULTILINE)
    return [line.removeprefix("nox > ").rstrip(".") for line in lines.splitlines() if line.startswith("nox > ")]


def test_the_sessions_are_listed_with_their_summaries_and_tags(lab: Project) -> None:
    lab.write({"experiments/two/test_big.py": "import pytest\n\n@pytest.mark.gpu\ndef test_big():\n    pass\n"})
    outcome = lab.nox("--list").assert_ok()
    assert [line for line in outcome.stdout.splitlines() if line.startswith(("-", "*"))] == [
        "- exp-one [exp] -> Tries alpha",
        "- exp-two [exp,gpu] -> Tests of experiments/two",
        "- core -> Core's own tests, where no experiment can be imported",
    ]


def test_a_list_without_experiments_says_where_none_are(project: Project) -> None:
    project.write({"examples/one/train.py": ""})
    project.noxfile()
    assert (
        "- core -> Core's own tests; no experiments in experiments/* (`experiments` in [tool.fumehood] says where)\n"
    ) in project.nox("--list").assert_ok().stdout


def test_nox_and_the_command_line_agree_on_a_repository_that_is_a_part_of_a_larger_one(project: Project) -> None:
    part = replace(project, root=project.root / "services/lab")
    part.write({"experiments/a/requirements.txt": "alpha\n"})
    part.noxfile()
    assert "- exp-a [exp] -> Tests of experiments/a" in part.nox("--list").assert_ok().stdout
    assert part.fumehood("env", "path", "a").assert_ok().stdout == f"{part.root}/.nox/exp-a\n"


def test_a_session_builds_its_environment_once_and_runs_the_experiments_tests(lab: Project) -> None:
    first = lab.nox("-s", "exp-one").assert_ok()
    assert said(first) == [
        "Running session exp-one",
        "built: there is none yet",
        "pytest -p fumehood_pytest experiments/one",
        "experiments/one: 1 passed",
        "Session exp-one was successful",
    ]
    assert "1 passed" in first.stdout
    assert not re.search(r"^(virtualenv|filelock|python_discovery)", first.stderr, flags=re.MULTILINE), repr(first)
    again = lab.nox("-s", "exp-one").assert_ok()
    assert "built: there is none yet" not in said(again)


def test_arguments_after_the_dashes_go_to_pytest(lab: Project) -> None:
    outcome = lab.nox("-s", "exp-one", "--", "-k", "nothing_is_called_so", "-q").assert_ok()
    assert "1 deselected" in outcome.stdout
    own = "experiments/one/tests/test_one.py"
    for test in (f"{own}::test_one", f"./{own}", str(lab.root / own)):
        named = lab.nox("-s", "exp-one", "--", test, "-q").assert_ok()
        assert f"pytest -p fumehood_pytest {test} -q" in said(named)


@pytest.mark.parametrize(
    ("session", "options"),
    [
        ("exp-one", ("--deselect", "experiments/one/tests/test_one.py::test_other")),
        ("exp-one", ("--rootdir", "experiments/one")),
        ("exp-one", ("-c", "experiments/one/pytest.ini")),
        ("core", ("-k", "tests")),
    ],
)
def test_values_of_options_name_no_tests_to_run(lab: Project, session: str, options: tuple[str, ...]) -> None:
    lab.write({"experiments/one/pytest.ini": "[pytest]\n"})
    own = {"exp-one": "experiments/one", "core": "tests"}[session]
    outcome = lab.nox("-s", session, "--", *options).assert_ok()
    assert f"pytest -p fumehood_pytest {own} {' '.join(options)}" in said(outcome)


def test_a_failing_test_fails_the_session(lab: Project) -> None:
    lab.write({"experiments/one/tests/test_bad.py": "def test_bad():\n    assert 0\n"})
    outcome = lab.nox("-s", "exp-one").assert_exit(1)
    assert "1 failed, 1 passed" in outcome.stdout
    assert said(outcome)[-1] == "Session exp-one failed"


@pytest.mark.parametrize(
    "ending",
    [
        "def pytest_unconfigure(config):\n    os._exit(0)\n",
        "def pytest_sessionfinish(session):\n    session.exitstatus = 0\n",
    ],
)
def test_a_failing_test_fails_the_session_whatever_pytest_ends_with(lab: Project, ending: str) -> None:
    lab.write({"experiments/one/conftest.py": f"import os\n\n\n{ending}"})
    assert said(lab.nox("-s", "exp-one").assert_ok())[-1] == "Session exp-one was successful"
    lab.write({"experiments/one/tests/test_bad.py": "def test_bad():\n    assert 0\n"})
    outcome = lab.nox("-s", "exp-one").assert_exit(1)
    assert said(outcome)[-1] == (
        "Session exp-one aborted: experiments/one: 1 failed, and pytest ended with exit code 0 all the same"
    )
    assert "  → find what changes its exit code, such as a hook that runs at its end" in outcome.stderr


def test_a_run_that_ends_itself_in_the_middle_fails_the_session(lab: Project) -> None:
    first = "import os, signal\n\nimport pytest\n\n\ndef test_first():\n    pass\n\n\ndef test_second():\n    "
    lab.write({"experiments/two/test_two.py": f"{first}pytest.exit('enough', returncode=0)\n"})
    assert said(lab.nox("-s", "exp-two").assert_exit(1))[-1] == (
        "Session exp-two aborted: experiments/two: 1 of 2 tests have run, "
        "and pytest ended with exit code 0 all the same"
    )
    lab.write({"experiments/two/test_two.py": f"{first}os.kill(os.getpid(), signal.SIGKILL)\n"})
    assert said(lab.nox("-s", "exp-two").assert_exit(1))[1:] == [
        "pytest -p fumehood_pytest experiments/two",
        "Command pytest -p fumehood_pytest experiments/two failed with exit code 137",
        "Session exp-two failed",
    ]


def test_an_experiment_without_tests_says_so_and_is_not_green(lab: Project) -> None:
    outcome = lab.nox("-s", "exp-two").assert_ok()
    assert said(outcome)[-1] == "Session exp-two skipped: experiments/two: no tests were found"


def test_an_experiment_whose_tests_are_all_skipped_says_why_and_is_not_green(lab: Project) -> None:
    lab.write({"experiments/two/test_gpu.py": "import pytest\n\n@pytest.mark.gpu\ndef test_gpu():\n    pass\n"})
    outcome = lab.nox("-s", "exp-two", env={"FUMEHOOD_GPUS": "none"}).assert_ok()
    assert said(outcome)[-1] == (
        "Session exp-two skipped: experiments/two: every test was skipped (1: needs 1 GPU; granted: none)"
    )


def test_required_gpus_fail_a_session_that_ran_nothing(lab: Project) -> None:
    outcome = lab.nox("-s", "exp-two", "--", "--gpus=require", env={"FUMEHOOD_GPUS": "none"}).assert_exit(1)
    assert (
        "Session exp-two aborted: experiments/two: no tests were found, and --gpus=require asks for tests that run"
        in outcome.stderr
    )


def test_required_gpus_that_only_the_manifest_asks_for_have_to_be_there(lab: Project) -> None:
    lab.write({"experiments/one/experiment.toml": f'{MANIFEST}gpus = {{ count = 4, memory = "80GiB" }}\n'})
    run = ("-s", "exp-one", "--", "--gpus=require")
    outcome = lab.nox(*run, env={"FUMEHOOD_GPUS": "2xH100:80GiB"}).assert_exit(1)
    assert said(outcome)[-1] == (
        "Session exp-one aborted: the manifest asks for 4 GPUs with 80 GiB, and --gpus=require for them to be there; "
        "there are: 2 \N{MULTIPLICATION SIGN} H100 80 GiB"
    )
    assert "\n  → run it on a machine that has them, or with --gpus=auto" in outcome.stderr
    lab.nox(*run, env={"FUMEHOOD_GPUS": "4xH100:80GiB"}).assert_ok()
    lab.nox("-s", "exp-one", env={"FUMEHOOD_GPUS": "none"}).assert_ok()


def test_experiments_inside_another_are_left_out_of_its_tests(lab: Project) -> None:
    lab.write(
        {
            "pyproject.toml": '[tool.fumehood]\nexperiments = ["experiments/*", "experiments/one/more"]\n',
            "experiments/one/helper.py": "ANSWER = 42\n",
            "experiments/one/tests/test_one.py": "def test_one():\n    pass\n",
            "experiments/one/more/requirements.txt": "",
            "experiments/one/more/test_more.py": "def test_more():\n    pass\n",
        }
    )
    for session, command in (
        ("exp-one", "pytest -p fumehood_pytest experiments/one --ignore=experiments/one/more"),
        ("exp-more", "pytest -p fumehood_pytest experiments/one/more"),
    ):
        outcome = lab.nox("-s", session).assert_ok()
        assert command in said(outcome)
        assert "1 passed" in outcome.stdout


def test_a_plugin_that_the_settings_of_pytest_need_is_said_to_be_required_for_all(lab: Project) -> None:
    lab.write({"pytest.ini": "[pytest]\naddopts = --zeta=1\n"})
    outcome = lab.nox("-s", "exp-one").assert_exit(1)
    assert "unrecognized arguments: --zeta=1" in outcome.stdout
    lab.write({"experiments/two/conftest.py": "import not_there\n", "experiments/two/test_two.py": ""})
    lab.write({"pytest.ini": "[pytest]\n"})
    assert said(lab.nox("-s", "exp-two").assert_exit(1))[-3:] == [
        "pytest -p fumehood_pytest experiments/two",
        "Command pytest -p fumehood_pytest experiments/two failed with exit code 4",
        "Session exp-two failed",
    ]
    assert said(outcome)[-3:] == [
        "a plugin that pytest's own settings need belongs to `test-requirements` of [tool.fumehood]",
        "Command pytest -p fumehood_pytest experiments/one failed with exit code 4",
        "Session exp-one failed",
    ]


def test_an_environment_without_pytest_says_what_to_require(lab: Project) -> None:
    lab.write({"pyproject.toml": "[tool.fumehood]\ntest-requirements = []\n"})
    outcome = lab.nox("-s", "exp-one").assert_exit(1)
    assert said(outcome)[-1] == "Session exp-one aborted: there is no pytest in the environment"
    assert "→ require it, or leave it among the `test-requirements`" in outcome.stderr


def test_what_the_variable_for_the_gpus_cannot_say_is_never_taken_for_the_usual(lab: Project) -> None:
    outcome = lab.nox("-s", "exp-one", env={"FUMEHOOD_GPU_MODE": "required"}).assert_exit(1)
    assert said(outcome)[-1] == "Session exp-one aborted: FUMEHOOD_GPU_MODE=required"
    assert "→ set it to one of auto, none, require" in outcome.stderr


def test_gpus_that_the_settings_of_pytest_require_are_required(lab: Project) -> None:
    lab.write({"experiments/one/pytest.ini": "[pytest]\naddopts = --gpus=require\n"})
    outcome = lab.nox("-s", "exp-one", "--", "-k", "nothing").assert_exit(1)
    assert said(outcome)[-1] == (
        "Session exp-one aborted: experiments/one: no test was selected of 1, "
        "and --gpus=require asks for tests that run"
    )


def test_gpu_tests_run_on_the_gpus_that_are_granted(lab: Project) -> None:
    lab.write(
        {
            "experiments/two/test_gpu.py": dedent(
                """
                import os, pytest

                @pytest.mark.gpu(count=2, memory="40GiB", compute_capability="9.0")
                def test_two():
                    assert os.environ["CUDA_VISIBLE_DEVICES"] == "1,2"

                @pytest.mark.gpu(count=8)
                def test_eight():
                    pass
                """
            )
        }
    )
    outcome = lab.nox("-s", "exp-two", env={"FUMEHOOD_GPUS": "1xT4:16GiB@7.5,2xH100:80GiB@9.0"})
    assert "fumehood: 2 GPU tests: 1 ran, 1 skipped" in outcome.stdout, repr(outcome)


def test_gpus_are_granted_for_marks_in_modules_beside_the_tests_and_above_them(lab: Project) -> None:
    big = "import pytest\n\nbig = pytest.mark.gpu(count=2)\n"
    lab.write(
        {
            "experiments/two/marks.py": big,
            "experiments/two/tests/unit/test_big.py": "from marks import big\n\n@big\ndef test_big():\n    pass\n",
            "tests/conftest.py": "from pytest import mark\ndef pytest_itemcollected(item): item.add_marker(mark.gpu)\n",
        }
    )
    for session in ("exp-two", "core"):
        outcome = lab.nox("-s", session, "--", "--gpus=require", env={"FUMEHOOD_GPUS": "2xT4"}).assert_ok()
        assert "fumehood: 1 GPU test: 1 ran" in outcome.stdout


def test_core_runs_where_no_experiment_can_be_imported(lab: Project) -> None:
    lab.nox("-s", "core").assert_ok()
    lab.write({"src/lab/peek.py": "import experiments.one.helper\n", "tests/test_peek.py": "import lab.peek\n"})
    outcome = lab.nox("-s", "core").assert_exit(1)
    assert (
        "src/lab/peek.py:1: core imports experiments.one.helper from experiments/one: core never imports an experiment"
        in outcome.stdout
    )


def test_an_experiment_cannot_import_another(lab: Project) -> None:
    lab.write({"experiments/two/test_two.py": "def test_two():\n    import experiments.one.helper\n"})
    outcome = lab.nox("-s", "exp-two").assert_exit(1)
    assert (
        "experiments/two/test_two.py:2: experiments/two imports experiments.one.helper from experiments/one: "
        "one experiment never imports another → move what both need into core" in outcome.stdout
    )


def test_nothing_of_the_callers_shell_leaks_into_the_tests(lab: Project) -> None:
    lab.write(
        {
            "elsewhere/alpha.py": "raise RuntimeError('leaked')\n",
            "experiments/one/tests/test_leaks.py": dedent(
                """
                import os, sys

                def test_variables():
                    leaked = {"PYTHONPATH", "PYTHONHOME", "PYTHONUSERBASE", "PYTHONSAFEPATH", "PIP_INDEX_URL"}
                    leaked |= {"CONDA_PREFIX", "CONDA_SHLVL", "_CE_CONDA"}
                    assert not leaked & set(os.environ)
                    assert os.environ["VIRTUAL_ENV"] == sys.prefix
                    assert os.environ["PYTHONNOUSERSITE"] == "1"
                """
            ),
        }
    )
    hostile = {
        "PYTHONPATH": f"{lab.root / 'elsewhere'}:{lab.env.get('PYTHONPATH', '')}",
        "PYTHONUSERBASE": str(lab.root / "elsewhere"),
        "PYTHONSAFEPATH": "1",
        "CONDA_PREFIX": "/opt/conda",
        "CONDA_SHLVL": "1",
        "_CE_CONDA": "",
        "PIP_INDEX_URL": "http://127.0.0.1:9/simple",
        "VIRTUAL_ENV": "/opt/other",
    }
    lab.nox("-s", "exp-one", env=hostile).assert_ok()


def test_what_the_shell_tells_pytest_is_heeded_and_said(lab: Project) -> None:
    lab.write({"experiments/two/test_two.py": "def test_a():\n    pass\n\n\ndef test_b():\n    pass\n"})
    arguments = []
    for words in ("-v --color=no", "-v -k 'test_a or not_there'", "-k 'unclosed"):
        outcome = lab.nox("-s", "exp-two", env={"PYTEST_ADDOPTS": words, "PYTEST_PLUGINS": "gamma"})
        assert f"pytest heeds PYTEST_ADDOPTS={shlex.quote(words)} PYTEST_PLUGINS=gamma" in said(outcome)
        arguments.append(read_results(default_folder(lab.root, lab.env))[-1].arguments)
    assert arguments == [(), ("-v", "-k", "test_a or not_there"), ()]


def test_the_process_of_the_tests_holds_every_lease_itself(lab: Project, tmp_path: Path) -> None:
    lab.write(
        {
            "experiments/one/tests/test_one.py": dedent(
                """
                import os, fumehood_pytest

                def test_leases():
                    held = [os.readlink(f"/dev/fd/{one}") for one in fumehood_pytest._leases]
                    assert len(held) == 3
                    assert held == os.environ["FUMEHOOD_LEASES"].splitlines()
                """
            )
        }
    )
    if not Path("/proc/self/fd").exists():
        pytest.skip("only Linux says what a descriptor is of")
    lab.nox("-s", "exp-one", env={"FUMEHOOD_CACHE": str(tmp_path / "a:b")}).assert_ok()


def test_tests_run_under_xdist_and_in_child_processes(lab: Project) -> None:
    lab.write(
        {
            "experiments/two/requirements.txt": "pytest-xdist\n",
            "experiments/two/child.py": "import experiments.one.helper\n",
            "experiments/two/test_many.py": dedent(
                """
                import subprocess, sys, pytest

                @pytest.mark.parametrize("n", range(4))
                def test_child(n):
                    done = subprocess.run([sys.executable, "experiments/two/child.py"], capture_output=True, text=True)
                    assert "one experiment never imports another" in done.stderr
                """
            ),
        }
    )
    outcome = lab.nox("-s", "exp-two", "--", "-n", "2").assert_ok()
    assert "4 passed" in outcome.stdout


def test_the_options_of_nox_do_what_a_user_of_nox_expects(lab: Project) -> None:
    elsewhere = lab.root / "envs"
    outcome = lab.nox("-s", "exp-one", "--envdir", str(elsewhere), "--install-only").assert_ok()
    path = lab.fumehood("env", "path", "one", "--envdir", str(elsewhere)).assert_ok().stdout.strip()
    assert Path(path, "bin", "pytest").exists()
    assert path.startswith(f"{elsewhere}/")
    assert "1 passed" not in outcome.stdout
    report = lab.root / "report.json"
    both = lab.nox("-t", "exp", "-j", "2", "--envdir", str(elsewhere), "--report", str(report)).assert_ok()
    assert "ignoring --parallel" not in both.stderr
    sessions = {entry["name"]: entry["result"] for entry in json.loads(report.read_text())["sessions"]}
    assert sessions == {"exp-one": "success", "exp-two": "skipped"}


def test_reuse_without_looking_keeps_an_environment_that_is_no_longer_right(lab: Project) -> None:
    lab.nox("-s", "exp-one").assert_ok()
    lab.write({"experiments/one/requirements.txt": "gamma\ndelta-lib\n"})
    kept = lab.nox("-R", "-s", "exp-one").assert_ok()
    assert "exp-one: experiments/one/requirements.txt changed; kept because reuse was asked for" in said(kept)
    looked = lab.nox("-s", "exp-one").assert_ok()
    assert "rebuilt: experiments/one/requirements.txt changed: delta-lib (new) → 1.0" in said(looked)
    fresh = lab.nox("--reuse-venv", "never", "-s", "exp-one").assert_ok()
    assert "rebuilt: asked for" in said(fresh)


def test_another_backend_cannot_be_forced_on_a_session(lab: Project) -> None:
    outcome = lab.nox("--force-venv-backend", "none", "-s", "exp-one").assert_exit(1)
    assert "exp-one makes its own environment; run it without --no-venv and --force-venv-backend" in outcome.stderr


def test_an_environment_is_there_for_sessions_that_users_write(lab: Project) -> None:
    lab.write(
        {
            "noxfile.py": dedent(
                """
                import fumehood.nox, nox

                fumehood.nox.register()

                @nox.session(venv_backend="fumehood")
                def train(session):
                    fumehood.nox.enter(session, "one")
                    session.run("python", "-c", "import gamma, lab, sys; print('trained in', sys.prefix)")
                    session.run("gamma")
                    assert session.bin.startswith(str(session.env_dir.absolute()))
                """
            )
        }
    )
    outcome = lab.nox("-s", "train").assert_ok()
    assert f"trained in {lab.root / '.nox' / 'train'}" in outcome.stdout


def test_a_session_that_users_write_may_enter_one_experiment_after_another(lab: Project) -> None:
    lab.write(
        {
            "noxfile.py": dedent(
                """
                import fumehood.nox, nox

                @nox.session(venv_backend="fumehood")
                def each(session):
                    for name, module in (("one", "gamma"), ("two", "delta_lib"), ("two", "delta_lib")):
                        fumehood.nox.enter(session, name)
                        session.run("python", "-c", f"import {module}; print({module}.__name__)")
                """
            )
        }
    )
    assert lab.nox("-s", "each").assert_ok().stdout.splitlines() == ["gamma", "delta_lib", "delta_lib"]


def test_a_noxfile_may_be_elsewhere_than_the_repository_that_it_registers(lab: Project) -> None:
    (lab.root / "noxfile.py").unlink()
    lab.write({"ci/noxfile.py": 'import fumehood.nox\n\nfumehood.nox.register("..")\n'})
    for session, home in (("exp-one", "experiments/one"), ("core", "core")):
        outcome = lab.nox("-f", "ci/noxfile.py", "-s", session).assert_ok()
        assert f"{home}: 1 passed" in said(outcome)
        assert f"rootdir: {lab.root}\n" in outcome.stdout
    (pth,) = (lab.root / "ci/.nox/exp-one").glob("lib/*/site-packages/_fumehood.pth")
    assert pth.read_text().startswith(f"{lab.root}/experiments/one\n{lab.root}/src\n")


def test_a_missing_interpreter_is_reported_as_nox_does(lab: Project) -> None:
    lab.write({"experiments/one/experiment.toml": 'python = "3.99"\n'})
    outcome = lab.nox("-s", "exp-one", "--download-python", "never", "--error-on-missing-interpreters")
    outcome.assert_exit(1)
    assert "Python interpreter 3.99 not found" in outcome.stderr
    assert "Traceback" not in outcome.stderr


def test_a_conflict_fails_the_session_with_uvs_reason_and_no_traceback(lab: Project) -> None:
    lab.write({"experiments/one/requirements.txt": "beta>=2\n"})
    outcome = lab.nox("-s", "exp-one").assert_exit(1)
    assert "experiments/one: the requirements cannot hold together" in outcome.stderr
    assert "  | " in outcome.stderr
    assert "Traceback" not in outcome.stderr


def test_a_broken_experiment_fails_alone(lab: Project) -> None:
    lab.write({"experiments/two/experiment.toml": 'state = "resting"\n'})
    outcome = lab.nox("-s", "exp-one", "exp-two").assert_exit(1)
    assert "experiments/two/experiment.toml:1: state is 'resting'" in outcome.stderr
    assert "* exp-one: success" in outcome.stderr
    assert "Traceback" not in outcome.stderr
    listed = lab.nox("--list").assert_ok().stdout
    assert "- exp-two [exp] -> Cannot be run: experiments/two/experiment.toml:1: state is 'resting'" in listed


def test_a_suspended_experiment_is_left_out_and_says_so(lab: Project) -> None:
    lab.write({"experiments/one/experiment.toml": 'state = "suspended"\n'})
    outcome = lab.nox("-s", "exp-one").assert_ok()
    assert said(outcome)[-1] == (
        "Session exp-one skipped: experiments/one is suspended (experiments/one/experiment.toml)"
    )


def test_wrong_settings_are_an_error_without_a_traceback(lab: Project) -> None:
    lab.write({"pyproject.toml": '[tool.fumehood]\nexperiment = ["labs/*"]\n'})
    outcome = lab.nox("--list").assert_exit(2)
    assert outcome.stderr == ("pyproject.toml:2: unknown key 'experiment'\n  → did you mean experiments?\n")


def test_continuous_integration_refuses_to_resolve_where_locks_are_committed(lab: Project) -> None:
    lab.fumehood("lock").assert_ok()
    lab.nox("-s", "exp-one", env={"CI": "true"}).assert_ok()
    lab.write({"experiments/one/requirements.txt": "gamma\ndelta-lib\n"})
    outcome = lab.nox("-s", "exp-one", env={"CI": "true"}).assert_exit(1)
    assert (
        "the lock is not current, and --locked forbids resolving: "
        "experiments/one/requirements.txt:2: delta-lib is not in the lock" in outcome.stderr
    )
    assert "→ run `fumehood lock` and commit what it writes" in outcome.stderr
