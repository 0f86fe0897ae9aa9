"""`fumehood lock`, against a real uv and a registry of small wheels."""

from __future__ import annotations

import hashlib
import json
import sys
import time
from typing import TYPE_CHECKING

import pytest

from support.answers import PLAIN
from support.index import Fault, Index
from support.wheels import Wheel, build_all

if TYPE_CHECKING:
    from pathlib import Path

    from support.project import Project

HERE = f"{sys.version_info.major}.{sys.version_info.minor}"
ADVICE = "  → run `fumehood lock` and commit what it writes\n"


@pytest.fixture
def repository(project: Project) -> Project:
    """Core with tokenizers, an experiment that has to change that pin, and one that only adds."""
    project.write(
        {
            "pyproject.toml": PLAIN,
            "requirements.txt": "tokenizers>=0.21\n",
            "experiments/old/requirements.txt": "transformers<4.51\n",
            "experiments/plain/requirements.txt": "delta-lib\n",
        }
    )
    return project


def text(project: Project, path: str) -> str:
    return (project.root / path).read_text()


def pins(project: Project, path: str) -> list[str]:
    """The pins of a lock, without their hashes."""
    return [line.removesuffix(" \\") for line in text(project, path).splitlines() if line[0] not in " #"]


def locks(project: Project) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in sorted(project.root.rglob("*.lock"))}


def lock(project: Project, *arguments: str) -> str:
    """Lock, which has to succeed and has nothing to say but its answer."""
    outcome = project.fumehood("lock", *arguments).assert_ok()
    assert outcome.stderr == ""
    return outcome.stdout


def test_a_delta_has_only_what_core_has_not_and_changed_pins_are_reported(
    repository: Project, wheelhouse: Path
) -> None:
    def pin(name: str, version: str) -> str:
        content = (wheelhouse / f"{name}-{version}-py3-none-any.whl").read_bytes()
        return f"{name}=={version} \\\n    --hash=sha256:{hashlib.sha256(content).hexdigest()}\n"

    assert lock(repository) == (
        "requirements.lock: written, 1 pin\n"
        "experiments/old/requirements.lock: written, 2 pins on top of core\n"
        "  changes 1 of core's pins: tokenizers 0.23.3 → 0.21.4\n"
        "experiments/plain/requirements.lock: written, 1 pin on top of core\n"
    )
    header, _, body = text(repository, "experiments/old/requirements.lock").partition("tokenizers")
    assert "tokenizers" + body == pin("tokenizers", "0.21.4") + pin("transformers", "4.50.0")
    first, version, python, *digests = header.splitlines()
    assert first == "# What this experiment adds to core's pins or changes in them, written by `fumehood lock`."
    assert version == "# fumehood-lock: 1"
    assert python.startswith("# python: 3.")
    assert [line.rpartition(":")[0] for line in digests] == ["# inputs: sha256", "# core: sha256", "# digest: sha256"]
    assert text(repository, "requirements.lock").endswith("\n" + pin("tokenizers", "0.23.3"))
    assert b"http" not in b"".join(locks(repository).values())

    before = locks(repository)
    assert lock(repository) == (
        "requirements.lock: unchanged, 1 pin\n"
        "experiments/old/requirements.lock: unchanged, 2 pins on top of core\n"
        "  changes 1 of core's pins: tokenizers 0.23.3 → 0.21.4\n"
        "experiments/plain/requirements.lock: unchanged, 1 pin on top of core\n"
    )
    (repository.root / "experiments/plain/requirements.lock").unlink()
    lock(repository, "plain")
    lock(repository, "--offline")
    assert locks(repository) == before
    assert lock(repository, "--check").count("unchanged") == 3


def test_locks_that_git_ignores_are_named(repository: Project) -> None:
    repository.write({".gitignore": "*.lock\n"})
    repository.git("add", "--force", ".gitignore")
    assert repository.fumehood("lock").assert_ok().stderr == (
        "git ignores experiments/old/requirements.lock, experiments/plain/requirements.lock, requirements.lock\n"
        "  → commit them with `git add --force`, or write !requirements.lock into .gitignore\n"
    )
    repository.git("add", "--force", "requirements.lock", "experiments/old/requirements.lock")
    assert repository.fumehood("lock").assert_ok().stderr == (
        "git ignores experiments/plain/requirements.lock\n"
        "  → commit them with `git add --force`, or write !requirements.lock into .gitignore\n"
    )


def test_check_names_the_line_that_a_lock_no_longer_holds_for(repository: Project) -> None:
    lock(repository)
    before = locks(repository)
    for path, content, reason in (
        (
            "experiments/old/requirements.txt",
            "transformers>=5\n",
            "experiments/old/requirements.txt:1: transformers>=5 does not admit transformers 4.50.0\n",
        ),
        (
            "experiments/plain/requirements.txt",
            "# more\ndelta-lib\ngamma\n",
            "experiments/plain/requirements.txt:3: gamma is not in the lock\n",
        ),
        (
            "experiments/plain/requirements.txt",
            "",
            "experiments/plain/requirements.lock was made from other requirement lines\n",
        ),
        (
            "requirements.txt",
            "tokenizers>=0.22\n",
            ADVICE.join(
                (
                    "requirements.lock was made from other requirement lines\n",
                    "requirements.txt:1: tokenizers>=0.22 does not admit tokenizers 0.21.4\n",
                )
            ),
        ),
        (
            "pyproject.toml",
            PLAIN + '[project]\nname = "x"\nrequires-python = ">=3.20"\n',
            ADVICE.join(
                f"{folder}requirements.lock is for Python {HERE} and newer, not 3.20\n"
                for folder in ("", "experiments/old/", "experiments/plain/")
            ),
        ),
    ):
        old = text(repository, path)
        repository.write({path: content})
        outcome = repository.fumehood("lock", "--check").assert_exit(1)
        assert outcome.stderr == reason + ADVICE
        repository.write({path: old})
    assert locks(repository) == before


def test_a_damaged_lock_is_not_current_and_is_made_anew_with_the_pins_that_can_be_read(repository: Project) -> None:
    lock(repository, "old")
    path = "experiments/old/requirements.lock"
    good = text(repository, path)
    after = good.index("tokenizers==")
    mirror = "--index-url https://mirror.example/simple"
    damages: tuple[tuple[str | bytes, str], ...] = (
        (good.replace("transformers==4.50.0", "transformers==4.49.0"), "{} was changed after `fumehood lock` wrote it"),
        (good.replace("# inputs: sha256:", "# inputs: sha256:0"), "{} was changed after `fumehood lock` wrote it"),
        (good.replace("# inputs", "# outputs"), "{} lacks inputs in its header"),
        (good.replace("lock: 1", "lock: 2"), "{} is a lock of format 2, not 1"),
        ("transformers==4.50.0\n", "{} has no header of a lock"),
        (
            f"{good[:after]}<<<<<<< HEAD\n{good[after:]}=======\nalpha==1.0\n>>>>>>> other\n",
            "{}:7: '<<<<<<< HEAD' is no pin",
        ),
        (f"{good}{mirror}\n", f"{{}}:11: '{mirror}' is no pin"),
        (f"{good}{'y' * 1_000_000}\n", f"{{}}:11: '{'y' * 79}…' is no pin"),
        (b"\xff\xfe\x00", "{} has no header of a lock"),
    )
    reasons = []
    for number, (damaged, reason) in enumerate(damages):
        folder = f"experiments/d{number}"
        requirements = text(repository, "experiments/old/requirements.txt")
        repository.write({f"{folder}/requirements.txt": requirements, f"{folder}/requirements.lock": damaged})
        reasons.append(f"{reason.format(f'{folder}/requirements.lock')}\n{ADVICE}")
    names = [f"d{number}" for number in range(len(damages))]
    assert repository.fumehood("lock", "--check", *names).assert_exit(1).stderr == "".join(reasons)
    lock(repository, *names)
    for name in names:
        assert text(repository, f"experiments/{name}/requirements.lock") == good


def test_a_lock_that_is_missing_is_said_also_without_core_s(repository: Project) -> None:
    lock(repository, "old")
    missing = "experiments/plain/requirements.lock is missing\n"
    assert repository.fumehood("lock", "--check").assert_exit(1).stderr == missing + ADVICE
    (repository.root / "requirements.lock").unlink()
    outcome = repository.fumehood("lock", "--check").assert_exit(1)
    assert outcome.stderr == f"requirements.lock is missing\n{ADVICE}{missing}{ADVICE}"
    repository.write({"requirements.lock": "=======\n"})
    outcome = repository.fumehood("lock", "--check").assert_exit(1)
    assert outcome.stderr == f"requirements.lock has no header of a lock\n{ADVICE}{missing}{ADVICE}"


def test_core_and_its_tests_are_locked_alone_under_the_name_core(repository: Project) -> None:
    repository.write({"pyproject.toml": '[tool.fumehood]\ntest-requirements = ["gamma"]\n', "tests/test_x.py": ""})
    assert lock(repository, "core") == (
        "requirements.lock: written, 1 pin\nrequirements-tests.lock: written, 2 pins on top of core\n"
    )
    assert pins(repository, "requirements-tests.lock") == ["alpha==1.1", "gamma==1.0"]


def test_pins_move_only_where_lines_force_them_until_an_upgrade(project: Project) -> None:
    project.write(
        {
            "pyproject.toml": PLAIN,
            "requirements.txt": "alpha==1.0\n",
            "experiments/a/requirements.txt": "torch==2.5.0\nbeta\n",
            "experiments/b/requirements.txt": "torch==2.5.0\n",
        }
    )
    lock(project)
    assert pins(project, "requirements.lock") == ["alpha==1.0"]
    assert pins(project, "experiments/a/requirements.lock") == ["beta==1.0", "torch==2.5.0"]
    project.write(
        {
            "requirements.txt": "alpha\n",
            "experiments/a/requirements.txt": "torch\nbeta\n",
            "experiments/b/requirements.txt": "torch\n",
        }
    )
    lock(project)
    assert pins(project, "requirements.lock") == ["alpha==1.0"]
    assert pins(project, "experiments/a/requirements.lock") == ["beta==1.0", "torch==2.5.0"]

    lock(project, "--upgrade-package", "Torch", "a")
    assert pins(project, "requirements.lock") == ["alpha==1.0"]
    assert pins(project, "experiments/a/requirements.lock") == ["beta==1.0", "torch==2.7.1"]
    assert pins(project, "experiments/b/requirements.lock") == ["torch==2.5.0"]

    lock(project, "--upgrade-package", "alpha")
    assert pins(project, "requirements.lock") == ["alpha==2.0"]
    assert pins(project, "experiments/a/requirements.lock") == ["beta==1.0", "torch==2.7.1"]

    lock(project, "--upgrade")
    assert pins(project, "requirements.lock") == ["alpha==2.0"]
    assert pins(project, "experiments/a/requirements.lock") == ["beta==2.0", "torch==2.7.1"]
    assert pins(project, "experiments/b/requirements.lock") == ["torch==2.7.1"]
    outcome = project.fumehood("lock", "--check", "--upgrade").assert_exit(2)
    assert outcome.stderr == "--check writes nothing, so it does not go with --upgrade\n  → leave one of them out\n"


def test_an_upgrade_of_what_no_lock_has_is_a_mistake(repository: Project) -> None:
    lock(repository)
    before = locks(repository)
    outcome = repository.fumehood("lock", "--upgrade-package", "tokenizer", "--upgrade-package", "Delta.Lib")
    assert outcome.assert_exit(2).stderr == "no lock has tokenizer\n  → correct what --upgrade-package names\n"
    outcome = repository.fumehood("lock", "--upgrade-package", "tokenizers==0.22.0").assert_exit(2)
    assert outcome.stderr == (
        "--upgrade-package 'tokenizers==0.22.0' is no name of a package\n"
        "  → name the package alone; which versions it may have, the requirement lines say\n"
    )
    assert locks(repository) == before


def test_a_changed_pin_returns_to_core_s_when_nothing_forces_it_any_more(repository: Project) -> None:
    lock(repository)
    repository.write({"experiments/old/requirements.txt": "transformers>4.51\n"})
    assert "changes" not in lock(repository)
    assert pins(repository, "experiments/old/requirements.lock") == ["transformers==5.0.0"]


def test_a_changed_pin_stays_where_it_is_while_it_cannot_be_core_s(project: Project, own: Path) -> None:
    build_all([Wheel(name="lib", version=version) for version in ("1.0", "1.1", "3.0")], own)
    project.write({"requirements.txt": "lib\n", "experiments/a/requirements.txt": "lib<2\n"})
    assert "lib 3.0 → 1.1" in lock(project)
    build_all([Wheel(name="lib", version="1.2"), Wheel(name="other", version="1.0")], own)
    project.write({"experiments/a/requirements.txt": "lib<2\nother\n"})
    assert "lib 3.0 → 1.1" in lock(project)
    assert "lib 3.0 → 1.2" in lock(project, "--upgrade-package", "lib")


def test_a_package_of_core_s_that_an_experiment_must_not_have_is_removed(project: Project, own: Path) -> None:
    build_all(
        [
            Wheel(name="app", version="1.0"),
            Wheel(name="app", version="2.0", requires=("helper", "tool ; sys_platform == 'win32'")),
            Wheel(name="helper", version="1.0"),
            Wheel(name="tool", version="1.0"),
        ],
        own,
    )
    project.write({"requirements.txt": "app\n", "experiments/a/requirements.txt": "app<2\n"})
    assert lock(project) == (
        "requirements.lock: written, 3 pins\n"
        "experiments/a/requirements.lock: written, 1 pin on top of core\n"
        "  changes 3 of core's pins: app 2.0 → 1.0, helper 1.0 → removed, tool 1.0 → removed\n"
    )
    assert pins(project, "requirements.lock")[2] == 'tool==1.0 ; sys_platform == "win32"'
    assert "\n# removes: helper tool\n" in text(project, "experiments/a/requirements.lock")
    lock(project, "--check")


def test_a_bump_of_core_rewrites_one_file_where_the_deltas_still_hold(repository: Project) -> None:
    repository.write({"requirements.txt": "tokenizers>=0.21\nalpha<2\n", "experiments/b/requirements.txt": "beta<2\n"})
    lock(repository)
    before = locks(repository)
    repository.write({"requirements.txt": "tokenizers>=0.21\nalpha\n"})
    assert lock(repository, "--upgrade-package", "alpha").count("written") == 1
    changed = {path for path, content in locks(repository).items() if content != before[path]}
    assert changed == {str(repository.root / "requirements.lock")}
    lock(repository, "--check")
    # Another machine has no memory of the proof, and proves it again.
    elsewhere = repository.fumehood("lock", "--check", env={"FUMEHOOD_CACHE": str(repository.root.parent / "new")})
    assert elsewhere.assert_ok().stderr == ""


def test_a_bump_of_core_relocks_the_delta_that_it_breaks_or_reports_its_conflict_alone(repository: Project) -> None:
    repository.write(
        {
            "requirements.txt": "tokenizers<0.22\n",
            "experiments/new/requirements.txt": "transformers\n",
            "experiments/old/requirements.txt": "transformers<4.51\n",
        }
    )
    lock(repository)
    assert pins(repository, "experiments/new/requirements.lock") == ["transformers==4.50.0"]
    repository.write({"requirements.txt": "tokenizers>=0.22\n"})
    outcome = repository.fumehood("lock").assert_exit(1)
    assert outcome.stdout == (
        "requirements.lock: written, 1 pin\n"
        "experiments/new/requirements.lock: written, 1 pin on top of core\n"
        "experiments/plain/requirements.lock: unchanged, 1 pin on top of core\n"
    )
    assert pins(repository, "experiments/new/requirements.lock") == ["transformers==5.0.0"]
    assert outcome.stderr.startswith("experiments/old: the requirements cannot hold together\n  | ")


def test_a_delta_that_core_s_lock_breaks_without_any_line_changing_is_found(project: Project, own: Path) -> None:
    build_all([Wheel(name="lib", version="1.0"), Wheel(name="app", version="1.0", requires=("lib<2",))], own)
    project.write({"requirements.txt": "lib\n", "experiments/a/requirements.txt": "app\n"})
    lock(project)
    build_all([Wheel(name="lib", version="2.0")], own)
    before = text(project, "experiments/a/requirements.lock")
    assert "lib 2.0 → 1.0" in lock(project, "--upgrade-package", "lib")
    after = text(project, "experiments/a/requirements.lock")
    # As if somebody had bumped core's lock alone.
    project.write({"experiments/a/requirements.lock": before})
    outcome = project.fumehood("lock", "--check").assert_exit(1)
    assert outcome.stderr == f"experiments/a/requirements.lock is not what core's lock now leads to\n{ADVICE}"
    lock(project)
    assert text(project, "experiments/a/requirements.lock") == after
    assert pins(project, "experiments/a/requirements.lock") == ["app==1.0", "lib==1.0"]


def test_a_pin_that_more_machines_get_than_with_core_is_told_with_its_markers(project: Project) -> None:
    project.write({"pyproject.toml": PLAIN, "requirements.txt": "colorama ; sys_platform == 'win32'\n"})
    project.write({"experiments/a/requirements.txt": "colorama\n"})
    outcome = project.fumehood("lock").assert_ok()
    change = 'colorama 0.4.6 (sys_platform == "win32") → 0.4.6 (everywhere)'
    assert outcome.stdout.splitlines()[-1] == f"  changes 1 of core's pins: {change}"


def test_markers_extras_constraints_and_pythons_count(project: Project) -> None:
    project.write(
        {
            "pyproject.toml": PLAIN + '[project]\nname = "x"\nversion = "1"\nrequires-python = ">=3.11"\n',
            "requirements.txt": "alpha\n-c limits.txt\n",
            "limits.txt": "alpha<2\n",
            "experiments/extra/requirements.txt": (
                "extras-demo[fast]\n-c ../../limits.txt\nonly-windows; os_name == 'nt'\n"
            ),
            "experiments/later/experiment.toml": 'python = ["3.13", "3.12"]\n',
            "experiments/later/requirements.txt": (
                "colorama ; sys_platform == 'win32'\n"
                "tomli ; python_version < '3.12'\n"
                "delta-lib ; python_version < '3.13'\n"
            ),
            "experiments/early/experiment.toml": 'python = "3.10"\n',
        }
    )
    outcome = project.fumehood("lock").assert_exit(2)
    assert outcome.stderr == (
        "experiments/early: experiments/early runs on Python 3.10, but core supports 3.11 and newer\n"
        "  → name 3.11 or a newer version as its python\n"
    )
    assert pins(project, "requirements.lock") == ["alpha==1.1"]
    assert pins(project, "experiments/extra/requirements.lock") == [
        "extras-demo==1.0",
        'only-windows==1.0 ; os_name == "nt"',
    ]
    assert "# python: 3.12\n" in text(project, "experiments/later/requirements.lock")
    assert pins(project, "experiments/later/requirements.lock") == [
        'colorama==0.4.6 ; sys_platform == "win32"',
        'delta-lib==1.0 ; python_full_version < "3.13"',
    ]
    lock(project, "--check", "extra", "later")


def test_a_core_that_names_no_python_supports_the_one_that_runs_fumehood(project: Project) -> None:
    files = {"requirements.txt": "alpha\n", "experiments/early/requirements.txt": "gamma\n"}
    project.write({**files, "pyproject.toml": PLAIN, "experiments/early/experiment.toml": 'python = "3.10"\n'})
    running = f"{sys.version_info.major}.{sys.version_info.minor}"
    assert project.fumehood("lock", "early").assert_exit(2).stderr == (
        f"experiments/early: experiments/early runs on Python 3.10, but core says nothing, and is taken to support "
        f"{running} and newer, since that runs fumehood\n"
        "  → say what core supports in pyproject.toml, with [project] requires-python or [tool.fumehood] python\n"
    )


def test_a_core_that_leaves_out_the_first_releases_of_a_python_is_locked_for_the_others(
    project: Project, own: Path
) -> None:
    build_all([Wheel(name="late", version="1.0", requires_python=">=3.11.4"), Wheel(name="lib", version="1.0")], own)
    project.write(
        {
            "pyproject.toml": f'[project]\nname = "core"\nversion = "1"\nrequires-python = ">=3.11.4"\n{PLAIN}',
            "requirements.txt": "late\nlib ; python_full_version < '3.11.4'\n",
            "experiments/a/experiment.toml": 'python = "3.11"\n',
            "experiments/a/requirements.txt": "",
        }
    )
    lock(project)
    assert "\n# python: 3.11.4\n" in text(project, "requirements.lock")
    assert "\n# python: 3.11.4\n" in text(project, "experiments/a/requirements.lock")
    assert pins(project, "requirements.lock") == ["late==1.0"]
    lock(project, "--check")


def test_requirements_stand_in_pyproject_files_too(project: Project) -> None:
    project.write(
        {
            "pyproject.toml": (
                '[project]\nname = "x"\nversion = "1"\ndependencies = ["alpha<2"]\n'
                '[dependency-groups]\nml = ["tokenizers<0.22"]\n'
                '[tool.fumehood]\ntest-requirements = []\n[tool.fumehood.core]\ngroups = ["ml"]\n'
            ),
            "experiments/a/pyproject.toml": (
                '[project]\nname = "a"\nversion = "1"\ndependencies = ["beta"]\n'
                '[dependency-groups]\nmore = ["transformers", {include-group = "most"}]\nmost = ["delta-lib"]\n'
            ),
            "experiments/a/experiment.toml": 'groups = ["more"]\n',
        }
    )
    lock(project)
    assert pins(project, "requirements.lock") == ["alpha==1.1", "tokenizers==0.21.4"]
    assert pins(project, "experiments/a/requirements.lock") == ["beta==1.0", "delta-lib==1.0", "transformers==4.50.0"]
    project.write({"experiments/a/pyproject.toml": '[project]\nname = "a"\nversion = "1"\ndependencies = ["beta>1"]\n'})
    outcome = project.fumehood("lock", "--check").assert_exit(2)
    assert outcome.stderr.startswith("experiments/a/")


def test_the_answer_for_programs_has_locks_stale_ones_and_failures(repository: Project) -> None:
    repository.write({"experiments/bad/requirements.txt": "tokenizers==0.1\n"})
    outcome = repository.fumehood("lock", "--json").assert_exit(1)
    answer = json.loads(outcome.stdout)
    (failed,) = answer.pop("failed")
    assert failed["name"] == "experiments/bad"
    assert failed["message"] + "\n" == outcome.stderr
    changes = [{"name": "tokenizers", "before": "0.23.3", "after": "0.21.4"}]
    assert answer == {
        "schema": 1,
        "locks": [
            {"name": "core", "path": "requirements.lock", "written": True, "pins": 1, "changes": []},
            {
                "name": "experiments/old",
                "path": "experiments/old/requirements.lock",
                "written": True,
                "pins": 2,
                "changes": changes,
            },
            {
                "name": "experiments/plain",
                "path": "experiments/plain/requirements.lock",
                "written": True,
                "pins": 1,
                "changes": [],
            },
        ],
        "stale": [],
    }
    answer = json.loads(repository.fumehood("lock", "--check", "--json").assert_exit(1).stdout)
    assert answer["stale"] == [{"name": "experiments/bad", "reasons": ["experiments/bad/requirements.lock is missing"]}]


def test_passwords_in_addresses_neither_age_a_lock_nor_stand_in_it(project: Project, index: Index) -> None:
    address = index.url.replace("http://", "http://reader:${TOKEN}@")
    project.write({"pyproject.toml": PLAIN, "requirements.txt": f"--index-url {address}\nalpha\n"})
    project.fumehood("lock", env={"TOKEN": "first"}).assert_ok()
    assert "http" not in text(project, "requirements.lock")
    project.fumehood("lock", "--check", env={"TOKEN": "second"}).assert_ok()
    project.write({"requirements.txt": "--index-url http://127.0.0.1:9/simple\nalpha\n"})
    outcome = project.fumehood("lock", "--check").assert_exit(1)
    assert outcome.stderr == f"requirements.lock was made from other requirement lines\n{ADVICE}"


def test_nobody_on_the_machine_sees_a_password_among_the_arguments_of_a_program(
    project: Project, faulty_index: Index
) -> None:
    del project.env["UV_DEFAULT_INDEX"]
    secret = faulty_index.url.replace("http://", "http://someone:only-for-them@")
    options = f"--index-url {secret}\n--extra-index-url {secret}/more\n--find-links {secret}/alpha/\n"
    project.write({"pyproject.toml": PLAIN, "requirements.txt": f"{options}alpha<1.1\ndelta-lib\n"})
    faulty_index.misbehave("delta-lib", Fault.HANG)
    locking = project.start(sys.executable, "-m", "fumehood", "lock")
    while not faulty_index.requests("delta-lib"):
        assert locking.poll() is None
        time.sleep(0.02)
    running = project.run("ps", "-A", "-ww", "-o", "args=").assert_ok().stdout
    faulty_index.heal()
    said, errors = locking.communicate(timeout=60)
    assert (said, errors) == ("requirements.lock: written, 2 pins\n", "")
    assert "uv pip compile" in running
    assert "only-for-them" not in running


def test_pre_releases_count_where_a_file_says_so(project: Project, own: Path) -> None:
    build_all([Wheel(name="lib", version="1.0"), Wheel(name="lib", version="2.0rc1")], own)
    project.write({"requirements.txt": "lib\n", "experiments/a/requirements.txt": "--pre\nlib>1\n"})
    assert "lib 1.0 → 2.0rc1" in lock(project)


def test_an_experiment_s_own_registry_is_asked_anew_too(project: Project, own: Path, tmp_path: Path) -> None:
    build_all([Wheel(name="lib", version="1.0")], own)
    folder = tmp_path / "further-wheels"
    folder.mkdir()
    build_all([Wheel(name="special", version="1.0")], folder)
    with Index(folder, cache_control="no-cache") as further:
        project.write({"requirements.txt": "lib\n"})
        for name in ("a", "b"):
            project.write({f"experiments/{name}/requirements.txt": f"--extra-index-url {further.url}\nspecial\n"})
        lock(project)
        assert pins(project, "experiments/a/requirements.lock") == ["special==1.0"]
        build_all([Wheel(name="special", version="2.0")], folder)
        lock(project, "--upgrade")
    assert pins(project, "experiments/b/requirements.lock") == ["special==2.0"]
