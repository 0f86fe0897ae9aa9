"""What the repository's `[tool.uv]` and `uv.toml` decide about locks, against a real uv."""

from __future__ import annotations

import platform
from typing import TYPE_CHECKING

import pytest

from support.answers import PLAIN

if TYPE_CHECKING:
    from support.project import Project

ADVICE = "  → run `fumehood lock` and commit what it writes\n"
OTHER = (
    f"requirements.lock was made from other requirement lines\n{ADVICE}"
    f"experiments/one/requirements.lock was made from other requirement lines\n{ADVICE}"
)


@pytest.fixture
def project(project: Project) -> Project:
    """A repository whose uv may read its configuration; that of the machine is out of reach."""
    del project.env["UV_NO_CONFIG"]
    return project


@pytest.fixture
def repository(project: Project) -> Project:
    project.write(
        {
            "pyproject.toml": PLAIN,
            "requirements.txt": "alpha\ncolorama ; sys_platform == 'win32'\n",
            "experiments/one/requirements.txt": "beta\n",
        }
    )
    project.fumehood("lock").assert_ok()
    return project


def pins(project: Project) -> list[str]:
    """The pins of both locks, without their hashes."""
    lines = [
        line
        for path in ("requirements.lock", "experiments/one/requirements.lock")
        for line in (project.root / path).read_text().splitlines()
    ]
    return [line.removesuffix(" \\") for line in lines if line[0] not in " #"]


@pytest.mark.parametrize(
    ("path", "before"), [("pyproject.toml", f"{PLAIN}[tool.uv]\n"), ("uv.toml", 'python-preference = "system"\n')]
)
def test_a_lock_is_current_only_while_uv_is_configured_as_it_was(repository: Project, path: str, before: str) -> None:
    repository.write({path: before})
    repository.fumehood("lock", "--check").assert_ok()
    repository.write({path: f'{before}constraint-dependencies = ["alpha<2"]\n'})
    assert repository.fumehood("lock", "--check").assert_exit(1).stderr == OTHER
    repository.fumehood("lock").assert_ok()
    assert pins(repository) == ["alpha==1.1", 'colorama==0.4.6 ; sys_platform == "win32"', "beta==1.0"]
    repository.fumehood("lock", "--check").assert_ok()


def test_an_environment_without_a_committed_lock_follows_uv_s_configuration(project: Project) -> None:
    project.write({"pyproject.toml": PLAIN, "requirements.txt": "", "experiments/one/requirements.txt": "alpha\n"})
    python = project.root / ".nox/exp-one/bin/python"
    for settings, version in (("", "2.0"), ('constraint-dependencies = ["alpha<2"]\n', "1.1")):
        if settings:
            project.write({"uv.toml": settings})
        project.fumehood("env", "build", "one").assert_ok()
        found = project.run(python, "-c", "import alpha; print(alpha.__version__)").assert_ok()
        assert found.stdout == f"{version}\n"


def test_lines_of_packages_that_uv_overrides_do_not_decide(repository: Project) -> None:
    repository.write(
        {
            "pyproject.toml": f'{PLAIN}[tool.uv]\noverride-dependencies = ["Alpha==1.0"]\n',
            "experiments/one/requirements.txt": "alpha>=2\nbeta\n",
        }
    )
    repository.fumehood("lock").assert_ok()
    assert pins(repository) == ["alpha==1.0", 'colorama==0.4.6 ; sys_platform == "win32"', "beta==2.0"]
    repository.fumehood("lock", "--check").assert_ok()


def test_lines_clash_only_where_uv_lets_them_decide(repository: Project) -> None:
    elsewhere = f"platform_system != '{platform.system()}'"
    repository.write({"experiments/one/requirements.txt": f"beta\nalpha>=2\ncolorama<0.1 ; {elsewhere}\n"})
    repository.write({"requirements.txt": "alpha<2\ncolorama>=0.4\n"})
    repository.fumehood("check", "--rule", "conflict").assert_exit(1)
    here = f"platform_system == '{platform.system()}'"
    settings = f'[tool.uv]\noverride-dependencies = ["alpha==1.0"]\nenvironments = ["{here}"]\n'
    repository.write({"pyproject.toml": f"{PLAIN}{settings}"})
    assert repository.fumehood("check", "--rule", "conflict").assert_ok().stdout == "1 experiment checked: it fits\n"
    assert repository.fumehood("explain", "one").assert_ok().stdout.startswith("one fits on core: ")


def test_what_is_installed_is_what_is_locked_whatever_uv_overrides(repository: Project) -> None:
    repository.write({"requirements.txt": "alpha<2\n"})
    repository.fumehood("lock").assert_ok()
    repository.write({"pyproject.toml": f'{PLAIN}[tool.uv]\noverride-dependencies = ["alpha>=1"]\n'})
    repository.fumehood("lock").assert_ok()
    assert pins(repository) == ["alpha==1.1", "beta==1.0"]
    repository.fumehood("env", "build", "one").assert_ok()
    python = repository.root / ".nox/exp-one/bin/python"
    found = repository.run(python, "-c", "import alpha; print(alpha.__version__)").assert_ok()
    assert found.stdout == "1.1\n"


def test_what_uv_is_told_for_calls_by_hand_decides_about_no_lock(repository: Project) -> None:
    before = (repository.root / "experiments/one/requirements.lock").read_bytes()
    by_hand = (
        'emit-find-links = true\nfind-links = ["links"]\nemit-build-options = true\nno-deps = true\nall-extras = true\n'
    )
    repository.write({"links/.keep": "", "pyproject.toml": f"{PLAIN}[tool.uv.pip]\n{by_hand}"})
    repository.fumehood("lock", "--upgrade").assert_ok()
    assert (repository.root / "experiments/one/requirements.lock").read_bytes() == before


def test_what_no_option_takes_back_is_refused_with_its_line(repository: Project) -> None:
    repository.write(
        {
            "pyproject.toml": f'{PLAIN}[tool.uv.pip]\npython-version = "3.99"\nno-emit-package = ["alpha"]\n',
            "uv.toml": 'pip = { target = "elsewhere" }\n',
        }
    )
    refused = (
        "pyproject.toml:4: [tool.uv.pip] python-version would decide about every lock and environment\n"
        "  → give --python-version to `uv pip` instead\n"
        "pyproject.toml:5: [tool.uv.pip] no-emit-package would decide about every lock and environment\n"
        "  → give --no-emit-package to `uv pip` instead\n"
        "uv.toml:1: [pip] target would decide about every lock and environment\n"
        "  → give --target to `uv pip` instead\n"
    )
    for command in (("lock",), ("env", "build", "one")):
        assert repository.fumehood(*command).assert_exit(2).stderr == refused


def test_a_lock_serves_no_more_than_the_environments_that_uv_is_to_resolve_for(repository: Project) -> None:
    system = platform.system()
    here, elsewhere = (f"platform_system {operator} '{system}'" for operator in ("==", "!="))
    settings = f'{PLAIN}[tool.uv]\nenvironments = ["%s"]\n'
    repository.write({"pyproject.toml": settings % here, "requirements.txt": f"alpha\ndelta-lib ; {elsewhere}\n"})
    repository.fumehood("lock").assert_ok()
    repository.fumehood("lock", "--check").assert_ok()
    assert [pin.partition(" ;")[0] for pin in pins(repository)] == ["alpha==2.0", "beta==2.0"]
    repository.fumehood("env", "build", "one", env={"CI": "1"}).assert_ok()

    repository.write({"pyproject.toml": settings % elsewhere})
    repository.fumehood("lock").assert_ok()
    minor, machine = platform.python_version().rpartition(".")[0], platform.machine()
    assert repository.fumehood("env", "build", "one").assert_exit(2).stderr == (
        f"pyproject.toml: experiments/one: the lock is not for Python {minor} on {system.lower()} {machine},"
        " which [tool.uv] environments leaves out\n"
        "  → add a marker there that holds here, or run it elsewhere\n"
    )
