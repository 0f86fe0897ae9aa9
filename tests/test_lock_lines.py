"""`fumehood lock`: lines as pip reads them lead to the lock that they mean, also where uv reads them otherwise."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import pytest

from support.answers import PLAIN
from support.wheels import Sdist, Wheel, build_all

if TYPE_CHECKING:
    from pathlib import Path

    from support.project import Project


def pins(project: Project, path: str) -> list[str]:
    """The pins of a lock, without their hashes, and without what pytest needs."""
    lines = (line.removesuffix(" \\") for line in (project.root / path).read_text().splitlines() if line[0] not in " #")
    return [line for line in lines if line.partition("==")[0] not in {"pytest", "pygments", "pluggy", "packaging"}]


def is_settled(project: Project) -> bool:
    """Whether the locks are current, and locking again changes nothing."""
    before = {path: path.read_bytes() for path in project.root.rglob("requirements.lock")}
    project.fumehood("lock", "--check").assert_ok()
    project.fumehood("lock").assert_ok()
    return before == {path: path.read_bytes() for path in before}


@pytest.fixture
def wheels(project: Project, wheelhouse: Path) -> Path:
    """A wheel of `alpha` in two folders of the repository, one of them with a space in its name."""
    project.write({"pyproject.toml": PLAIN})
    (wheel,) = wheelhouse.glob("alpha-1.1-*.whl")
    for folder in (project.root / "wheels", project.root / "my wheels"):
        folder.mkdir()
        (folder / wheel.name).write_bytes(wheel.read_bytes())
    return folder / wheel.name


@pytest.mark.usefixtures("wheels")
def test_lines_that_uv_reads_otherwise_mean_what_they_mean_to_pip(project: Project) -> None:
    project.write(
        {
            "requirements.txt": (
                "\ufeffalpha \\\r\n    >=1, \\\r\n    <2  # no later\r\n"
                "beta==1.0 \\\r\n    ; python_version > '3' \\\r\n    and os_name != 'x'\r\n"
                "-rmore.txt"
            ),
            "more.txt": (
                "--only-binary=alpha,beta\n--prefer-b\n--find-links 'my wheels'\n"
                "-e 'my lib' ; python_version > '3'\n-climits.txt\n"
            ),
            "limits.txt": "alpha \\\n<1.1\n",
            "my lib/pyproject.toml": '[project]\nname = "lib"\nversion = "1"\n',
        }
    )
    project.fumehood("lock").assert_ok()
    assert pins(project, "requirements.lock") == ["-e ./my lib", "alpha==1.0", 'beta==1.0 ; os_name != "x"']
    assert is_settled(project)


@pytest.mark.parametrize(
    ("line", "pin"),
    [
        ("my wheels/{wheel}", "./my wheels/{wheel}"),
        ("./my wheels/{wheel}", "./my wheels/{wheel}"),
        ("wheels/{wheel}", "wheels/{wheel}"),
        ("alpha @ ./wheels/{wheel}", "./wheels/{wheel}"),
        ("alpha @ file://{root}/my%20wheels/{wheel}", "alpha @ file://{root}/my%20wheels/{wheel}"),
        ("alpha @ file://${{PLACE}}/my%20wheels/{wheel}", "alpha @ file://{root}/my%20wheels/{wheel}"),
    ],
)
def test_a_wheel_in_the_repository_is_locked_by_its_path_however_it_is_written(
    project: Project, wheels: Path, line: str, pin: str
) -> None:
    names = {"wheel": wheels.name, "root": str(project.root)}
    project.env["PLACE"] = str(project.root)
    project.write({"experiments/one/requirements.txt": f"{line.format(**names)}\nalpha>=1\ndelta-lib\n"})
    project.fumehood("lock").assert_ok()
    assert sorted(pins(project, "experiments/one/requirements.lock")) == sorted([pin.format(**names), "delta-lib==1.0"])
    assert is_settled(project)
    python = project.root / ".nox/exp-one/bin/python"
    project.fumehood("env", "build", "one").assert_ok()
    assert project.run(python, "-c", "import alpha; print(alpha.__version__)").assert_ok().stdout == "1.1\n"


def test_a_folder_may_be_written_with_a_slash_behind_it(project: Project) -> None:
    project.write({"pyproject.toml": PLAIN, "lib/pyproject.toml": '[project]\nname = "lib"\nversion = "1"\n'})
    project.write({"experiments/one/requirements.txt": "lib/ ; python_version > '3'\n"})
    project.fumehood("lock").assert_ok()
    assert pins(project, "experiments/one/requirements.lock") == ["lib/"]
    assert is_settled(project)


def test_a_folder_among_the_test_requirements_of_the_settings_counts_with_what_it_requires(project: Project) -> None:
    said = '[project]\nname = "lib"\nversion = "1"\ndependencies = ["%s"]\n'
    project.write(
        {
            "pyproject.toml": '[tool.fumehood]\ntest-requirements = ["./lib"]\n',
            "requirements.txt": "",
            "experiments/one/requirements.txt": "",
            "lib/pyproject.toml": said % "alpha<2",
        }
    )
    project.fumehood("lock").assert_ok()
    project.write({"lib/pyproject.toml": said % "alpha"})
    assert project.fumehood("lock", "--check").assert_exit(1).stderr == (
        "experiments/one/requirements.lock was made from other requirement lines\n"
        "  → run `fumehood lock` and commit what it writes\n"
    )


def test_what_a_variable_says_of_an_address_on_a_server_stands_in_no_lock(project: Project, tmp_path: Path) -> None:
    library = tmp_path / "lib s3cret"
    project.write({"pyproject.toml": PLAIN})
    project.env.update(PLACE=library.as_uri().removeprefix("file://"), LEAST="1.1")
    project.run("git", "init", "--quiet", str(library)).assert_ok()
    (library / "pyproject.toml").write_text(
        '[project]\nname = "lib"\nversion = "1"\noptional-dependencies = { x = ["beta"] }\n'
    )
    project.run("git", "-C", str(library), "add", "--all").assert_ok()
    project.run("git", "-C", str(library), "commit", "--quiet", "--message", "It is there").assert_ok()
    for line in (
        "lib[x] @ git+file://${PLACE}",
        "-e git+file://${PLACE}#egg=lib[x]",
        "-e lib[x] @ git+file://${PLACE}",
    ):
        project.write({"experiments/one/requirements.txt": f"{line}\nalpha>=${{LEAST}}\n"})
        project.fumehood("lock").assert_ok()
        assert "s3cret" not in (project.root / "experiments/one/requirements.lock").read_text()
        alpha, beta, lib = pins(project, "experiments/one/requirements.lock")
        assert (alpha, beta) == ("alpha==2.0", "beta==2.0")
        assert lib.startswith("lib @ git+file://${PLACE}@")
        assert is_settled(project)


def test_hashes_that_a_line_gives_are_the_lock_s_whatever_the_registry_says(project: Project, wheelhouse: Path) -> None:
    (wheel,) = wheelhouse.glob("alpha-1.1-*.whl")
    right, wrong, long = (
        f"{name}:{hashlib.new(name, wheel.read_bytes()).hexdigest()}" for name in ("sha256", "sha1", "sha512")
    )
    wrong = wrong.replace("sha1:", "sha256:").ljust(71, "0")
    project.write({"pyproject.toml": PLAIN, "requirements.txt": f"alpha==1.1 --hash={wrong} \\\n    --hash={right}\n"})
    project.fumehood("lock").assert_ok()
    locked = (project.root / "requirements.lock").read_text()
    assert locked.endswith("\nalpha==1.1 \\\n    --hash=" + " \\\n    --hash=".join(sorted([wrong, right])) + "\n")
    assert is_settled(project)

    project.write({"requirements.txt": f"alpha==1.1 --hash={wrong}\n"})
    stale = project.fumehood("lock", "--check").assert_exit(1)
    assert stale.stderr.startswith("requirements.lock was made from other requirement lines\n")
    refused = (
        "requirements.txt:1: no file of alpha 1.1 has a hash that is given for it\n"
        "  → if the registry's files are the right ones, write their hashes, or none\n"
    )
    assert project.fumehood("lock").assert_exit(1).stderr == refused
    assert (project.root / "requirements.lock").read_text() == locked

    project.write({"requirements.txt": f"alpha==1.1 --hash={long}\n"})
    project.fumehood("lock").assert_ok()
    assert f"\nalpha==1.1 \\\n    --hash={long}\n" in (project.root / "requirements.lock").read_text()
    assert is_settled(project)
    project.write({"requirements.txt": f"alpha==1.1 --hash={right} --hash={wrong}\n"})
    project.write({"experiments/one/requirements.txt": f"alpha --hash={right}\n"})
    project.fumehood("lock").assert_ok()
    assert f"\nalpha==1.1 \\\n    --hash={right}\n" in (project.root / "experiments/one/requirements.lock").read_text()
    python = project.root / ".nox/exp-one/bin/python"
    project.fumehood("env", "build", "one").assert_ok()
    assert project.run(python, "-c", "import alpha; print(alpha.__version__)").assert_ok().stdout == "1.1\n"


def test_hashes_are_those_of_the_experiment_that_gives_them_and_of_no_other(project: Project, own: Path) -> None:
    wheel, _ = build_all([Wheel(name="lib", version="1.0"), Sdist(name="lib", version="1.0")], own)
    given = f"sha256:{hashlib.sha256(wheel.read_bytes()).hexdigest()}"
    lines = {"a": "lib==1.0", "b": f"lib==1.0 --hash={given}", "c": "lib==1.0"}
    project.write({"requirements.txt": ""})
    project.write({f"experiments/{name}/requirements.txt": f"{line}\n" for name, line in lines.items()})
    project.fumehood("lock").assert_ok()
    locked = {name: (project.root / f"experiments/{name}/requirements.lock").read_text() for name in lines}
    assert {name: text.count("--hash=") for name, text in locked.items()} == {"a": 2, "b": 1, "c": 2}

    project.write({"requirements.txt": "lib\n"})
    assert project.fumehood("lock").assert_ok().stdout == (
        "requirements.lock: written, 1 pin\n"
        "experiments/a/requirements.lock: unchanged, 1 pin on top of core\n"
        "experiments/b/requirements.lock: unchanged, 1 pin on top of core\n"
        "  changes 1 of core's pins: lib 1.0 → 1.0 with other hashes\n"
        "experiments/c/requirements.lock: unchanged, 1 pin on top of core\n"
    )


def test_a_line_that_names_cores_own_project_stands_for_what_that_requires(project: Project) -> None:
    core = '[project]\nname = "Own_Lab"\nversion = "1.2"\ndependencies = ["alpha<2"]\n'
    extras = "[project.optional-dependencies]\nfast = [\"tokenizers<0.22 ; python_version >= '3.8'\"]\n"
    project.write(
        {
            "pyproject.toml": PLAIN + core + extras,
            "src/own_lab/__init__.py": "",
            "experiments/plain/requirements.txt": "own-lab>=1\n",
            "experiments/extra/requirements.txt": "own-lab[fast] ; sys_platform == 'win32'\n",
            "experiments/other/requirements.txt": "reader\nown-lab>=2\n",
            "experiments/lost/requirements.txt": "own-lab[gone]\n",
        }
    )
    outcome = project.fumehood("lock").assert_exit(2)
    assert outcome.stderr == (
        "experiments/lost/requirements.txt:1: what own-lab[gone] stands for cannot be read\n"
        "  | pyproject.toml:7: there is no extra 'gone'\n  |   → name one of the project's extras; known: fast\n"
        "  → correct this line, or what is quoted\n"
        "experiments/other/requirements.txt:2: own-lab>=2 asks for another own-lab than core, which is 1.2\n"
        "  → remove the bound: each environment imports core from source\n"
    )
    assert pins(project, "experiments/plain/requirements.lock") == []
    assert pins(project, "experiments/extra/requirements.lock") == ['tokenizers==0.21.4 ; sys_platform == "win32"']
    project.fumehood("lock", "--check", "plain", "extra").assert_ok()
    project.fumehood("env", "build", "plain").assert_ok()
    # From requirements.txt, core's own name asks for what only pyproject.toml says.
    project.write({"requirements.txt": "own-lab[fast]\n"})
    project.fumehood("lock", "plain").assert_ok()
    assert pins(project, "requirements.lock") == ["alpha==1.1", "tokenizers==0.21.4"]
